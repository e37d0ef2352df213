"""Whether one method is better than another, beyond chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness.scoring.interval import LEVEL, quantile
from w2s_harness.scoring.twoway import Block, block, countable, estimate, spread


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


def difference(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    clusters: npt.ArrayLike,
    *,
    seeds: Sequence[int] | None = None,
    other_seeds: Sequence[int] | None = None,
    level: float = LEVEL,
) -> Difference:
    """The two-way t test of the accuracy of a minus that of b.

    `a` (S, N) and `b` (S', N) hold outcomes, `clusters` (N,) question codes. `seeds` (default 0, 1, ...)
    and `other_seeds` (default the same) name their rows; equal sets are paired seed by seed, other sets as
    `twoway.spread` says. The gap cancels, so the test exists where PGR does not.
    """
    ours = tuple(range(np.shape(a)[0])) if seeds is None else tuple(seeds)
    theirs = ours if other_seeds is None else tuple(other_seeds)
    return between(block(ours, a, clusters), block(theirs, b, clusters), level=level)


def between(a: Block, b: Block, *, level: float = LEVEL) -> Difference:
    """`difference` of two blocks. Differences that are all zero give p = 1."""
    blocks = [a, b.scaled(-1.0)]
    centre = estimate(blocks)
    why = countable(blocks)
    if why is not None:
        return Difference(centre, None, None, None, why)
    v = spread(blocks)
    half = quantile(v.df, level) * v.se
    return Difference(centre, (centre - half, centre + half), _p(centre, v.se, v.df), v.df)


def holm(pvalues: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values (Holm 1979), in the order given; each at most 1.

    Attempts that gave no test (failed ones, one seed) belong in the family as p = 1. Raises `ValueError`
    for a value outside [0, 1].
    """
    if any(not 0 <= p <= 1 for p in pvalues):
        raise ValueError("a p-value lies outside [0, 1]")
    m = len(pvalues)
    adjusted = [0.0] * m
    highest = 0.0
    for done, i in enumerate(sorted(range(m), key=lambda i: pvalues[i])):
        highest = max(highest, min(1.0, (m - done) * pvalues[i]))
        adjusted[i] = highest
    return adjusted


def _p(centre: float, se: float, df: float) -> float:
    from scipy.special import stdtr

    if abs(centre) <= 1e-12:
        return 1.0
    if se == 0.0:
        return 0.0
    return min(1.0, 2 * float(stdtr(df, -abs(centre) / se)))
