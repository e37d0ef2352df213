"""Whether one method is better than another, beyond chance."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness.multiplicity import holm as holm
from w2s_harness.scoring import together
from w2s_harness.scoring.banerjee import p_values
from w2s_harness.scoring.doubt import LEAST_SEEDS
from w2s_harness.scoring.interval import LEVEL, quantile
from w2s_harness.scoring.twoway import (
    ZERO,
    Block,
    block,
    countable,
    estimate,
    seed_spread,
    spread,
)

NO_SPREAD = "nothing is known of their error where the number of rows is not known"
ALIKE = f"the seeds differ all by the same: {NO_SPREAD}"
"""Why there is no test of two series of accuracies that run side by side."""


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
    """`difference` of two blocks. Differences that are all zero give p = 1.

    p is `banerjee.p_values`', so that it can be trusted after Holm; at .05 it never undercuts `ci`.
    """
    blocks = [a, b.scaled(-1.0)]
    centre = estimate(blocks)
    why = countable(blocks)
    if why is not None:
        return Difference(centre, None, None, None, why)
    v = spread(blocks)
    half = quantile(v.df, level) * v.se
    p = float(p_values(centre, v.seeds, v.total - v.seeds, v.seed_df, v.question_df))
    return Difference(centre, (centre - half, centre + half), p, v.df)


def all_between(transfers: Sequence[Block], other: Block, *, level: float = LEVEL) -> list[Difference]:
    """`between` of each of a setting's transfers and one other."""
    less = other.scaled(-1.0)
    stacked, left = together.stacks(transfers, [less])
    found = {i: between(transfers[i], other, level=level) for i in left}
    for places, x in stacked:
        centre = together.means(x) + estimate([less])
        v = together.spreads(x + less.values, less.shares)
        half = together.quantiles(v.df, level) * v.se
        p = p_values(centre, v.seeds, v.total - v.seeds, v.seed_df, v.question_df)
        columns = (centre, centre - half, centre + half, p, v.df)
        for i, (d, low, high, own_p, df) in zip(places, np.stack(columns, axis=1).tolist(), strict=True):
            found[i] = Difference(d, (low, high), own_p, df)
    return [found[i] for i in range(len(transfers))]


def welch(
    a: Mapping[int, float], b: Mapping[int, float], n_rows: int | None, *, level: float = LEVEL
) -> Difference:
    """The seed-level t test of mean accuracy a minus b, where only accuracies by seed are known.

    With s the standard deviation over S seeds and p a mean accuracy, V = s_a^2 / S_a + s_b^2 / S_b
    - 2 k cov / (S_a S_b) + R, where k >= 2 seeds in both pair their numbers (`twoway.spread`), else the
    covariance counts as 0 (Welch 1947). R = p_a (1 - p_a) / n + p_b (1 - p_b) / n is the binomial variance of
    n shared rows, which no number of seeds makes smaller; it is cautious, since rows that both find hard
    would make it smaller, and left out where n is None. df is Satterthwaite's (1946), with n - 1 for each
    binomial. Has a reason instead of interval and p where `uncertain` has one of a side, or where V is 0.
    Raises `ValueError` for accuracies outside [0, 1] or n < 2.
    """
    checked(a.values(), n_rows)
    checked(b.values(), n_rows)
    blocks = [_column(a, 1.0), _column(b, -1.0)]
    centre = estimate(blocks)
    why = uncertain(a.values(), n_rows) or uncertain(b.values(), n_rows)
    if why is not None:
        return Difference(centre, None, None, None, why)
    seeds, seed_df = seed_spread(blocks)
    v, doubt = seeds, seeds**2 / seed_df
    for side in (a, b):
        rows = row_variance(side.values(), n_rows)
        v += rows
        doubt += 0.0 if n_rows is None else rows**2 / (n_rows - 1)
    se = math.sqrt(v)
    if se <= ZERO:
        return Difference(centre, None, None, None, ALIKE)
    df = v**2 / doubt
    half = quantile(df, level) * se
    return Difference(centre, (centre - half, centre + half), _p(centre, se, df), df)


def checked(accuracies: Collection[float], n_rows: int | None) -> None:
    """Raise `ValueError` for no accuracies, for one outside [0, 1], and for fewer than two rows."""
    if not accuracies or any(not 0 <= x <= 1 for x in accuracies):
        raise ValueError("accuracies are missing, or one lies outside [0, 1]")
    if n_rows is not None and n_rows < 2:
        raise ValueError(f"{n_rows} holdout rows are too few")


def row_variance(accuracies: Collection[float], n_rows: int | None) -> float:
    """The binomial p (1 - p) / n, p the mean of the accuracies; 0 where n is not known.

    At least 2 / n^2, what the two successes and two failures of Agresti and Coull (1998) add where all rows
    came out alike (`twoway.floor`): that no row of n was wrong does not make it certain that none can be.
    """
    if n_rows is None:
        return 0.0
    p = math.fsum(accuracies) / len(accuracies)
    return max(p * (1 - p) / n_rows, 2 / n_rows**2)


def uncertain(accuracies: Collection[float], n_rows: int | None) -> str | None:
    """Why accuracies by seed say nothing of how far they vary, or None.

    They are under `LEAST_SEEDS`; or no number of rows is known, and one is exactly 0 or 1, or all are equal.
    """
    if len(accuracies) < LEAST_SEEDS:
        seeds = "one seed" if len(accuracies) == 1 else f"{len(accuracies)} seeds"
        return f"{seeds}: an interval from accuracies alone needs at least {LEAST_SEEDS}"
    if n_rows is not None:
        return None
    if any(x in (0.0, 1.0) for x in accuracies):
        return "an accuracy of exactly 0 or 1 says nothing of its error where the number of rows is not known"
    alike = max(accuracies) - min(accuracies) <= ZERO
    return f"{len(accuracies)} equal accuracies: {NO_SPREAD}" if alike else None


def _column(accuracies: Mapping[int, float], sign: float) -> Block:
    """Accuracies by seed as a block with one column."""
    return Block(tuple(accuracies), sign * np.array([[x] for x in accuracies.values()]))


def _p(centre: float, se: float, df: float) -> float:
    from scipy.special import stdtr

    if abs(centre) <= 1e-12:
        return 1.0
    # a tail that is too thin for a double is no p of 0
    return min(1.0, max(sys.float_info.min, 2 * float(stdtr(df, -abs(centre) / se))))
