"""What resampling seeds and questions says of a PGR, beside the two-way interval.

The crossed ("pigeonhole") bootstrap of Owen (2007, Annals of Applied Statistics 1): one draw of seeds and one
of questions a replicate, the same for weak, ceiling, transfer and every method. Its variance is about
V_S + V_Q + V_SQ, with (S - 1) / S of the seeds' part: a check, and with few seeds no interval to rest on.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from w2s_harness.scoring.interval import (
    LEVEL,
    Baselines,
    Interval,
    fieller_interval,
    leaves_out,
    no_gap,
    pgr_interval,
)
from w2s_harness.scoring.pgr import MIN_GAP
from w2s_harness.scoring.twoway import Block, countable, merge

Floats = npt.NDArray[np.float64]
DRAWS = 10_000
"""Replicates of an interval."""
CHECK_DRAWS = (500, 2_000)
"""Fewest and most replicates of a check, which only asks for half a width."""
_CELLS = 2**21
"""Question counts drawn at once: 16 MiB."""
_NO_GAP = 1e-9
"""Accuracy; less is rounding."""
_ROUNDING = 1e-5
"""PGR; bounds that differ by less are equal."""


def crossed_interval(
    base: Baselines,
    transfer: Block,
    *,
    name: str = "pgr",
    draws: int = DRAWS,
    min_gap: float = MIN_GAP,
    level: float = LEVEL,
) -> Interval:
    """The percentile interval of a PGR over crossed draws; `df` is None.

    `name` names the random numbers: with the same name, seeds and number of questions every method meets the
    same draws. Has a reason just where `pgr_interval` has one, and where a bound falls among draws without a
    gap. Raises `ValueError` for fewer than one draw.
    """
    numerator = [transfer, base.weak.scaled(-1.0)]
    why = no_gap(base, min_gap=min_gap, level=level) or countable([*numerator, base.ceiling])
    if why is not None:
        return Interval(None, None, None, why)
    found = replicates([numerator, [base.ceiling, base.weak.scaled(-1.0)]], name=name, draws=draws)
    top, gap = found[:, 0], found[:, 1]
    # a draw without a gap lies beyond every bound on the side of its numerator
    ratios = np.divide(top, gap, out=np.copysign(np.inf, top), where=gap > _NO_GAP)
    tail = (1 - level) / 2
    low, high = (float(x) for x in np.quantile(ratios, [tail, 1 - tail], method="inverted_cdf"))
    if not math.isfinite(low) or not math.isfinite(high):
        return Interval(None, None, None, f"over {100 * tail:g} % of the crossed draws have no gap")
    return Interval(low, high, None)


def replicates(terms: Sequence[Sequence[Block]], *, name: str, draws: int = DRAWS) -> Floats:
    """(at most `draws`, K) values of K terms over crossed draws.

    Seeds are drawn from all seeds of all blocks, S out of S; each block takes the mean over those of its own
    that were drawn, and a draw that leaves a block without one is left out. Raises `ValueError` for fewer
    than one draw, or where blocks have different numbers of questions.
    """
    merged = [merge(blocks) for blocks in terms]
    flat = [(k, b) for k, blocks in enumerate(merged) for b in blocks]
    sizes = {b.values.shape[1] for _, b in flat}
    if draws < 1 or len(sizes) != 1:
        raise ValueError(f"{draws} draws over blocks with {sorted(sizes)} questions")
    seeds = sorted({seed for _, b in flat for seed in b.seeds})
    at = {seed: i for i, seed in enumerate(seeds)}
    columns = np.concatenate([b.values for _, b in flat]).T
    out = []
    for of_seeds, of_questions in _counts(name, len(seeds), sizes.pop(), draws):
        means = of_questions @ columns / of_questions.shape[1]
        values, first = np.zeros((len(means), len(terms))), 0
        for k, b in flat:
            own = of_seeds[:, [at[seed] for seed in b.seeds]]
            part = means[:, first : first + len(b.seeds)]
            first += len(b.seeds)
            drawn = own.sum(axis=1)
            mean = np.divide(
                (own * part).sum(axis=1), drawn, out=np.full(len(drawn), np.nan), where=drawn > 0
            )
            values[:, k] += mean
        out.append(values[~np.isnan(values).any(axis=1)])
    return np.concatenate(out)


def disagreement(
    base: Baselines,
    transfer: Block,
    *,
    name: str = "pgr",
    draws: int | None = None,
    min_gap: float = MIN_GAP,
    level: float = LEVEL,
) -> str | None:
    """A sentence where Fieller's set or the crossed bootstrap differ from `pgr_interval`, or None.

    They differ where a bound lies more than half the two-way interval's width from its own. None too where
    there is no interval. Raises `ValueError` as `crossed_interval`.
    """
    own = pgr_interval(base, transfer, min_gap=min_gap, level=level).bounds
    if own is None:
        return None
    if draws is None:
        fewest, most = CHECK_DRAWS
        draws = max(fewest, min(most, _CELLS // transfer.values.shape[1]))
    crossed = crossed_interval(base, transfer, name=name, draws=draws, min_gap=min_gap, level=level)
    checks = {"the crossed bootstrap": crossed}
    half = (own[1] - own[0]) / 2 + _ROUNDING
    # Fieller's set holds the estimate: it ends within these points just where they lie outside
    if not leaves_out(base, transfer, (own[0] - half, own[1] + half), level=level):
        checks = {
            "Fieller's set": fieller_interval(base, transfer, min_gap=min_gap, level=level),
            **checks,
        }
    found = [f"{what} {_said(check)}" for what, check in checks.items() if _far(own, check)]
    if not found:
        return None
    return f"{' and '.join(found)}, where pgr_ci is {_span(own)}: more than half a width apart"


def _far(own: tuple[float, float], check: Interval) -> bool:
    if check.bounds is None:
        return True
    limit = (own[1] - own[0]) / 2 + _ROUNDING
    return any(abs(a - b) > limit for a, b in zip(own, check.bounds, strict=True))


def _said(check: Interval) -> str:
    return f"has no bounds ({check.reason})" if check.bounds is None else f"is {_span(check.bounds)}"


def _span(bounds: tuple[float, float]) -> str:
    return f"{bounds[0]:.2f} to {bounds[1]:.2f}"


def _counts(name: str, n_seeds: int, n_questions: int, draws: int) -> Iterable[tuple[Floats, Floats]]:
    """How often each seed (r, S) and each question (r, Q) comes in r replicates, chunk by chunk."""
    if draws * n_questions <= _CELLS:
        return _one_chunk(name, n_seeds, n_questions, draws)
    return _chunks(name, n_seeds, n_questions, draws)


@functools.lru_cache(maxsize=1)
def _one_chunk(name: str, n_seeds: int, n_questions: int, draws: int) -> tuple[tuple[Floats, Floats], ...]:
    """Kept for the next method of the setting: every method meets the same draws."""
    return tuple(_chunks(name, n_seeds, n_questions, draws))


def _chunks(name: str, n_seeds: int, n_questions: int, draws: int) -> Iterator[tuple[Floats, Floats]]:
    digest = hashlib.sha256(f"crossed bootstrap {name}".encode()).digest()
    rng = np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))
    step = max(1, _CELLS // n_questions)
    for start in range(0, draws, step):
        r = min(step, draws - start)
        yield _drawn(rng, r, n_seeds), _drawn(rng, r, n_questions)


def _drawn(rng: np.random.Generator, r: int, n: int) -> Floats:
    """(r, n) counts of n out of n with replacement."""
    found, picks = np.empty((r, n)), rng.integers(0, n, size=(r, n))
    for i, row in enumerate(picks):
        found[i] = np.bincount(row, minlength=n)  # one row fits the cache, all of them do not
    return found
