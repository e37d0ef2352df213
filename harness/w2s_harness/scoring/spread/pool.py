"""Within which bounds a PGR lies for new training pools.

A seed draws 80 % of one pool, so the spread over seeds says how much a draw matters, not how much the pool
does. The delete-d jackknife scales one to the other: an estimate from draws of a share f of n rows, without
replacement, has f / (1 - f) times the variance between draws as its variance between pools of n rows (Shao
and Wu 1989, "A general theory for jackknife variance estimation", Annals of Statistics 17).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness.scoring.points.blocks import Block
from w2s_harness.scoring.points.pgr import MIN_GAP
from w2s_harness.scoring.spread import together
from w2s_harness.scoring.spread.banerjee import p_values
from w2s_harness.scoring.spread.interval import (
    LEVEL,
    Interval,
    WeakAndCeiling,
    no_gap,
    quantile,
    ratios,
    uncounted,
)
from w2s_harness.scoring.spread.pivot import Pivot, pivot
from w2s_harness.scoring.spread.together import Estimates, Spreads
from w2s_harness.scoring.spread.twoway import quantiles

Floats = npt.NDArray[np.float64]

FRACTION = 0.8
"""Share of a pool's questions that a seed draws."""
SCALE = FRACTION / (1 - FRACTION)
"""The pool's variance over that of one seed's draw."""
_NORMAL = 1.959963984540054
"""The normal's .975 quantile."""


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


def pgr_pools(
    base: WeakAndCeiling, transfers: Sequence[Block], *, min_gap: float = MIN_GAP, level: float = LEVEL
) -> list[PoolPgr]:
    """Each PGR of a setting and its interval for new pools.

    There P = f / (1 - f) A, where A is what a draw does to one seed. A is known from the mean square between
    seeds, S V_S, less the noise of their questions, S V_SQ, so that V_Q + (1 / S + f / (1 - f)) A has the
    generalized pivot of `pivot`; V_S, V_Q and V_SQ are those of `interval.pgr_intervals`, and so is the least
    half width. S is the smaller number where baselines have seeds of their own. `se` is the root of
    V + f / (1 - f) max(0, S (V_S - V_SQ)). It has a reason just where `pgr_intervals` has one.
    """
    why = no_gap(base, min_gap=min_gap, level=level)
    if why is not None:
        return [PoolPgr(None, None, None, Interval(None, None, None, why))] * len(transfers)
    found: dict[int, PoolPgr] = {}
    for some in ratios(base, transfers, base.weak):
        each = _Errors.of(some, level).pgrs(some.values / base.gap, base.gap)
        found |= zip(some.places, each, strict=True)
    return [
        found.get(i) or PoolPgr(None, None, None, uncounted([t, base.weak, base.ceiling]))
        for i, t in enumerate(transfers)
    ]


def difference_pools(
    transfers: Sequence[Block], other: Block, *, level: float = LEVEL
) -> list[PoolDifference | None]:
    """Each transfer's accuracy minus the other's for new pools too; None where `countable` has a reason.

    Bounds and p are one another's: both of the pivot of `pgr_pools`, of the difference by seed and question.
    Neither undercuts what `compare.all_between` says of this pool.
    """
    found: dict[int, PoolDifference] = {}
    for some in together.differences(transfers, other):
        found |= zip(some.places, _Errors.of(some, level).differences(some.values), strict=True)
    return [found.get(i) for i in range(len(transfers))]


@dataclass(frozen=True, slots=True, eq=False)
class _Errors:
    """Of m estimates over new pools."""

    spreads: Spreads
    pivot: Pivot
    half: Floats
    """(m,) half widths, never under those of this pool."""
    df: float

    @classmethod
    def of(cls, some: Estimates, level: float) -> _Errors:
        """Of estimates over S seeds."""
        v, seeds = some.spreads, some.seeds
        noise = seeds * v.cells
        # of seeds in several sets the cautious part is not what their mean square leaves
        mean_square = np.where(v.one_seed > 0, v.one_seed + noise, np.minimum(seeds * v.seeds, noise))
        # few questions have a wider quantile than the normal's, which the pivot takes
        wider = (quantile(v.question_df, LEVEL) / _NORMAL) ** 2
        rest = (v.questions + v.floor) * wider
        found = pivot(mean_square, noise, rest, SCALE + 1 / seeds, seeds - 1.0)
        inner = quantiles(v.df, level) * v.se
        # what is only rounding in V is rounding here
        half = np.where(v.se > 0, np.maximum(found.halves(level), inner), 0.0)
        return cls(v, found, half, seeds - 1.0)

    def pgrs(self, ratio: Floats, gap: float) -> list[PoolPgr]:
        """The PGRs (m,) of which the estimates are the residuals, in accuracy."""
        v, half = self.spreads, self.half / gap
        se = np.where(v.se > 0, np.sqrt(v.total + SCALE * v.one_seed), 0.0) / gap
        columns = np.stack([ratio, se, half / _NORMAL, ratio - half, ratio + half], axis=1).tolist()
        return [PoolPgr(r, s, normal, Interval(low, high, self.df)) for r, s, normal, low, high in columns]

    def differences(self, centre: Floats) -> list[PoolDifference]:
        """The differences (m,)."""
        v = self.spreads
        here = p_values(centre, v.seeds, v.total - v.seeds, v.seed_df, v.question_df)
        p = np.where(v.se > 0, np.maximum(self.pivot.p_values(centre), here), here)
        columns = np.stack([centre - self.half, centre + self.half, p], axis=1).tolist()
        return [PoolDifference((low, high), own) for low, high, own in columns]
