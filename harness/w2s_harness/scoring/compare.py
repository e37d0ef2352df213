"""Whether one method is better than another, beyond chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from w2s_harness.multiplicity import holm as holm
from w2s_harness.scoring import together
from w2s_harness.scoring.banerjee import p_values
from w2s_harness.scoring.interval import LEVEL
from w2s_harness.scoring.twoway import Block, countable, estimate, quantiles


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference of two accuracies over the same questions."""

    estimate: float
    """First minus second, accuracy."""
    ci: tuple[float, float] | None
    p: float | None
    """Two-sided; before any correction."""
    df: float | None
    reason: str | None = None
    """Why `ci`, `p` and `df` are None."""


def all_between(transfers: Sequence[Block], other: Block, *, level: float = LEVEL) -> list[Difference]:
    """The two-way t test of each accuracy minus that of one other; differences all zero give p = 1.

    Equal sets of seeds are paired seed by seed, other sets as `twoway.spread` says. The gap cancels, so the
    test exists where PGR does not. p is `banerjee.p_values`', so that it can be trusted after Holm; at .05 it
    never undercuts `ci`.
    """
    found = {}
    for some in together.differences(transfers, other):
        centre, v = some.values, some.spreads
        half = quantiles(v.df, level) * v.se
        p = p_values(centre, v.seeds, v.total - v.seeds, v.seed_df, v.question_df)
        columns = np.stack([centre, centre - half, centre + half, p, v.df], axis=1).tolist()
        for i, (d, low, high, own_p, df) in zip(some.places, columns, strict=True):
            found[i] = Difference(d, (low, high), own_p, df)
    return [found.get(i) or _uncounted([t, other.scaled(-1.0)]) for i, t in enumerate(transfers)]


def _uncounted(blocks: Sequence[Block]) -> Difference:
    return Difference(estimate(blocks), None, None, None, countable(blocks))
