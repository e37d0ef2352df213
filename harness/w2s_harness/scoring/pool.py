"""Within which bounds a PGR lies for new training pools.

A seed draws 80 % of one pool, so the spread over seeds says how much a draw matters, not how much the pool
does. The delete-d jackknife scales one to the other: an estimate from draws of a share f of n rows, without
replacement, has f / (1 - f) times the variance between draws as its variance between pools of n rows (Shao
and Wu 1989, "A general theory for jackknife variance estimation", Annals of Statistics 17).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from w2s_harness.scoring import together
from w2s_harness.scoring.interval import LEVEL, Baselines, Interval, no_gap, quantile, residuals
from w2s_harness.scoring.pgr import MIN_GAP
from w2s_harness.scoring.twoway import Block, Spread, countable, estimate, one_seed, spread

FRACTION = 0.8
"""Share of a pool's questions that a seed draws."""
SCALE = FRACTION / (1 - FRACTION)
"""The pool's variance over that of one seed's draw."""
LEAST_DF = 2.0
"""Fewer degrees of freedom make bounds of no use; with these the simulated coverage holds."""
LEAST_DF_APART = 1.5
"""Of a difference of two methods: what they share cancels, so that the noise of questions hides more of what
the draws do. With `LEAST_DF` the simulated coverage falls to .88."""
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


def pgr_pool(base: Baselines, transfer: Block, *, min_gap: float = MIN_GAP, level: float = LEVEL) -> PoolPgr:
    """The PGR, and the interval PGR -+ t sqrt(V + P) with P = f / (1 - f) max(0, S (V_S - V_SQ)) (DESIGN 9).

    V, V_S, V_Q and V_SQ are those of `interval.pgr_interval`. P is a difference of two variances of which
    the first is known from S seeds only, so Satterthwaite's df takes all of V_S into account:
    df = (V + P)^2 / ((V_S (1 + f / (1 - f) S))^2 / (S - 1) + V_Q^2 / (Q - 1)), at least `LEAST_DF`. S is the
    smaller number where baselines have seeds of their own. With (V_S + P)^2 in its place the interval covers
    .74 to .98 instead of .95 in simulation. It has a reason just where `pgr_interval` has one.
    """
    numerator = [transfer, base.weak.scaled(-1.0)]
    why = no_gap(base, min_gap=min_gap, level=level) or countable([*numerator, base.ceiling])
    if why is not None:
        return PoolPgr(None, None, None, Interval(None, None, None, why))
    gap = base.gap
    ratio = estimate(numerator) / gap
    blocks = [b.scaled(1 / gap) for b in (*numerator, *base.less(ratio))]
    v, seeds = spread(blocks), min(len(b.seeds) for b in blocks)
    return _pooled(ratio, v, one_seed(blocks), (seeds, blocks[0].values.shape[1]), level)


def pgr_pools(
    base: Baselines, transfers: Sequence[Block], *, min_gap: float = MIN_GAP, level: float = LEVEL
) -> list[PoolPgr]:
    """`pgr_pool` of each of a setting's transfers."""
    why = no_gap(base, min_gap=min_gap, level=level)
    if why is not None:
        return [PoolPgr(None, None, None, Interval(None, None, None, why))] * len(transfers)
    gap, less = base.gap, base.weak.scaled(-1.0)
    stacked, left = together.stacks(transfers, [base.weak, base.ceiling])
    found = {i: pgr_pool(base, transfers[i], min_gap=min_gap, level=level) for i in left}
    for places, x in stacked:
        ratio = (together.means(x) + estimate([less])) / gap
        v = together.spreads(residuals(base, x, less, ratio, 1 / gap))
        for k, i in enumerate(places):
            found[i] = _pooled(float(ratio[k]), v.at(k), float(v.one_seed[k]), x.shape[1:], level)
    return [found[i] for i in range(len(transfers))]


def difference_pools(
    transfers: Sequence[Block], other: Block, *, level: float = LEVEL
) -> list[tuple[float, float] | None]:
    """The interval of each transfer's accuracy minus the other's for new pools too; None without one.

    V + P and the degrees of freedom are those of `pgr_pool`, of the difference by seed and question, but for
    the least, `LEAST_DF_APART`.
    """
    less = other.scaled(-1.0)
    stacked, left = together.stacks(transfers, [less])
    found = {i: _difference_pool([transfers[i], less], level) for i in left}
    for places, x in stacked:
        centre = together.means(x) + estimate([less])
        v = together.spreads(x + less.values)
        for k, i in enumerate(places):
            one, sizes = float(v.one_seed[k]), x.shape[1:]
            found[i] = _apart(float(centre[k]), v.at(k), one, sizes, level)
    return [found[i] for i in range(len(transfers))]


def _difference_pool(blocks: Sequence[Block], level: float) -> tuple[float, float] | None:
    if countable(blocks) is not None:
        return None
    sizes = (min(len(b.seeds) for b in blocks), blocks[0].values.shape[1])
    return _apart(estimate(blocks), spread(blocks), one_seed(blocks), sizes, level)


def _apart(
    centre: float, v: Spread, one: float, sizes: tuple[int, ...], level: float
) -> tuple[float, float] | None:
    return _pooled(centre, v, one, sizes, level, LEAST_DF_APART).interval.bounds


def _pooled(
    ratio: float, v: Spread, one: float, sizes: tuple[int, ...], level: float, least: float = LEAST_DF
) -> PoolPgr:
    """From the spread of the influence, what the seed alone gives to one seed, (S, Q) and the least df."""
    seeds, questions = sizes
    total = v.total + SCALE * one
    doubt = (v.seeds * (1 + SCALE * seeds)) ** 2 / (seeds - 1) + v.questions**2 / (questions - 1)
    df = max(least, total**2 / doubt) if doubt > 0 else least
    # what is only rounding in V is rounding here
    se = math.sqrt(total) if v.se > 0 else 0.0
    half = quantile(df, level) * se
    normal = quantile(df) * se / _NORMAL
    return PoolPgr(ratio, se, normal, Interval(ratio - half, ratio + half, df))
