"""Where an interval cannot be trusted whatever its formula, in a plain sentence."""

from __future__ import annotations

from collections.abc import Sequence

from w2s_harness.scoring.twoway import Block, effective

LEAST_SEEDS = 3
"""With two, a variance between seeds is one squared difference."""
LEAST_QUESTIONS = 20
"""Of one size. With fewer the simulated coverage falls to .90 (docs/statistics.md)."""
FLOOR_SHARE = 0.25
"""Of the variance; a larger floor means that a handful of questions decides."""


def unreliable(blocks: Sequence[Block]) -> str | None:
    """Why no claim can rest on intervals and tests of these blocks, or None."""
    seeds = min(len(b.seeds) for b in blocks)
    if seeds < LEAST_SEEDS:
        said = "one seed says" if seeds == 1 else f"{seeds} seeds say"
        return f"{said} too little of what a seed does: a claim needs at least {LEAST_SEEDS}"
    count, shares = blocks[0].values.shape[1], blocks[0].shares
    worth = effective(count, shares)
    if worth >= LEAST_QUESTIONS:
        return None
    which = f"{count} questions" if shares is None else f"{count} questions count as {worth:.1f} of one size"
    return f"{which}: a claim needs at least {LEAST_QUESTIONS}"


def few_decide(floor: float, variance: float) -> str | None:
    """A warning where nearly all questions came out alike, so that `twoway.floor` is much of it."""
    if floor <= FLOOR_SHARE * variance:
        return None
    return "few questions decide, or nearly all came out alike: the interval is wide, not exact"
