"""Within which bounds a PGR lies for new training pools.

A seed draws 80 % of one pool, so the spread over seeds says how much a draw matters, not how much the pool
does. The delete-d jackknife scales one to the other: an estimate from draws of a share f of n rows, without
replacement, has f / (1 - f) times the variance between draws as its variance between pools of n rows (Shao
and Wu 1989, "A general theory for jackknife variance estimation", Annals of Statistics 17).

A draw's variance is known from few seeds, behind the noise of questions. The mean square M between S seeds
estimates A + B: A is what a seed's draw does, B the noise of its questions, which is known well. The
generalized pivotal quantity of A is what M (S - 1) over chi-square on S - 1 degrees of freedom leaves above B
(Tsui and Weerahandi 1989; Weerahandi 1993; docs/statistics.md), so an estimate with variance R + k A is a
mixture over chi-square of normals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness.scoring.points import MIN_GAP
from w2s_harness.scoring.spread import together
from w2s_harness.scoring.spread.blocks import Block
from w2s_harness.scoring.spread.interval import Interval, WeakAndCeiling, no_gap, ratios, uncounted
from w2s_harness.scoring.spread.together import Estimates, p_values
from w2s_harness.scoring.spread.twoway import LEVEL, ZERO, quantile, quantiles

Floats = npt.NDArray[np.float64]

FRACTION = 0.8
"""Share of a pool's questions that a seed draws."""
SCALE = FRACTION / (1 - FRACTION)
"""The pool's variance over that of one seed's draw."""
_NORMAL = 1.959963984540054
"""The normal's .975 quantile."""
_NODES = 48
_GRADE = 4
"""Nodes lie densest where chi-square is near 0, whence the tail comes; p is right to .2 % down to 1e-9."""
_HALVINGS = 24
_WIDEST = 64.0
"""Standard errors, times that of the median; t on one degree of freedom needs 13 at 95 %."""


@dataclass(frozen=True, slots=True, eq=False)
class Pivot:
    """The variance of m estimates, each a mixture."""

    total: Floats
    """(m, nodes)."""
    weights: Floats
    """(nodes,) of the mixture, summing to 1."""

    def p_values(self, estimate: npt.ArrayLike) -> Floats:
        """Two-sided p (m,) of the estimates (m,): 1 for 0, and 0 for another without error."""
        d = np.abs(np.asarray(estimate, np.float64))
        se = np.sqrt(self.total)
        sure = se.max(axis=1) <= ZERO
        return np.where(d <= ZERO, 1.0, np.where(sure, 0.0, self._tails(d, se)))

    def halves(self, level: float) -> Floats:
        """(m,) the half width at which `p_values` falls to 1 - level; rounded up, so it never undercuts."""
        se = np.sqrt(self.total)
        low, high = np.zeros(len(se)), _WIDEST * np.median(se, axis=1) + se.max(axis=1) * ZERO
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            over = self._tails(middle, se) > 1 - level
            low, high = np.where(over, middle, low), np.where(over, high, middle)
        return np.asarray(high)

    def _tails(self, d: Floats, se: Floats) -> Floats:
        from scipy.special import ndtr

        ratio = d[:, None] / np.maximum(se, 1e-300)
        return np.asarray((2 * ndtr(-ratio) * self.weights).sum(axis=1))


def pivot(mean_square: Floats, noise: Floats, rest: Floats, times: float, df: float) -> Pivot:
    """Of estimates (m,) with variance `rest` + `times` A, A known as `mean_square` less `noise` on `df`."""
    from scipy.special import chdtri

    at = (np.arange(_NODES) + 0.5) / _NODES
    weights = at ** (_GRADE - 1)
    # df over chi-square at its quantiles
    factors = df / np.asarray(chdtri(df, 1 - at**_GRADE))
    draws = np.maximum(mean_square[:, None] * factors - noise[:, None], 0.0)
    return Pivot(rest[:, None] + times * draws, weights / weights.sum())


@dataclass(frozen=True, slots=True)
class PoolPgr:
    """A PGR with its error for new questions, new draws and new pools."""

    estimate: float | None
    se: float | None
    """The root of V + P."""
    normal_se: float | None
    """Half the 95 % interval over 1.96: a z of it keeps its level though few seeds stand behind `se`."""
    interval: Interval
    """Its reason says why all of it is None."""


@dataclass(frozen=True, slots=True)
class PoolDifference:
    """A difference of two accuracies for new questions, new draws and new pools."""

    bounds: tuple[float, float]
    p: float
    """Two-sided, before any correction; over .05 wherever the 95 % bounds hold 0."""


def pgr_pools(base: WeakAndCeiling, transfers: Sequence[Block], *, min_gap: float = MIN_GAP) -> list[PoolPgr]:
    """Each PGR of a setting and its interval for new pools.

    Its variance is V_Q + (1 / S + f / (1 - f)) A, by the pivot of A = S V_S - S V_SQ, and no half width is
    under that of `interval.pgr_intervals`. S is the smaller number where baselines have seeds of their own.
    `se` is the root of V + f / (1 - f) max(0, A). It has a reason just where `pgr_intervals` has one.
    """
    why = no_gap(base, min_gap=min_gap)
    if why is not None:
        return [PoolPgr(None, None, None, Interval(None, None, None, why))] * len(transfers)
    found: dict[int, PoolPgr] = {}
    for some in ratios(base, transfers, base.weak):
        v, ratio, half = some.spreads, some.values / base.gap, _over_pools(some)[1] / base.gap
        se = np.where(v.se > 0, np.sqrt(v.total + SCALE * v.one_seed), 0.0) / base.gap
        columns = np.stack([ratio, se, half / _NORMAL, ratio - half, ratio + half], axis=1).tolist()
        for i, (r, own, normal, low, high) in zip(some.places, columns, strict=True):
            found[i] = PoolPgr(r, own, normal, Interval(low, high, some.seeds - 1.0))
    return [
        found.get(i) or PoolPgr(None, None, None, uncounted([t, base.weak, base.ceiling]))
        for i, t in enumerate(transfers)
    ]


def difference_pools(transfers: Sequence[Block], other: Block) -> list[PoolDifference | None]:
    """Each transfer's accuracy minus the other's for new pools too; None where `countable` has a reason.

    Bounds and p are one another's: both of the pivot of `pgr_pools`, of the difference by seed and question.
    Neither undercuts what `compare.all_between` says of this pool.
    """
    found: dict[int, PoolDifference] = {}
    for some in together.differences(transfers, other):
        v, (errors, half) = some.spreads, _over_pools(some)
        here = p_values(some.values, v.seeds, v.total - v.seeds, v.seed_df, v.question_df)
        p = np.where(v.se > 0, np.maximum(errors.p_values(some.values), here), here)
        columns = np.stack([some.values - half, some.values + half, p], axis=1).tolist()
        for i, (low, high, own) in zip(some.places, columns, strict=True):
            found[i] = PoolDifference((low, high), own)
    return [found.get(i) for i in range(len(transfers))]


def _over_pools(some: Estimates) -> tuple[Pivot, Floats]:
    """The pivot of m estimates over new pools, and half widths (m,), never under those of this pool."""
    v, seeds = some.spreads, some.seeds
    noise = seeds * v.cells
    # of seeds in several sets the cautious part is not what their mean square leaves
    mean_square = np.where(v.one_seed > 0, v.one_seed + noise, np.minimum(seeds * v.seeds, noise))
    # few questions have a wider quantile than the normal's, which the pivot takes
    wider = (quantile(v.question_df) / _NORMAL) ** 2
    found = pivot(mean_square, noise, (v.questions + v.floor) * wider, SCALE + 1 / seeds, seeds - 1.0)
    # what is only rounding in V is rounding here
    return found, np.where(v.se > 0, np.maximum(found.halves(LEVEL), quantiles(v.df) * v.se), 0.0)
