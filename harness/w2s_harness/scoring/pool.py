"""Within which bounds a PGR lies for new training pools.

A seed draws 80 % of one pool, so the spread over seeds says how much a draw matters, not how much the pool
does. The delete-d jackknife scales one to the other: an estimate from draws of a share f of n rows, without
replacement, has f / (1 - f) times the variance between draws as its variance between pools of n rows (Shao
and Wu 1989, "A general theory for jackknife variance estimation", Annals of Statistics 17).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from w2s_harness.scoring.interval import LEVEL, Baselines, Interval, no_gap, quantile
from w2s_harness.scoring.pgr import MIN_GAP
from w2s_harness.scoring.twoway import Block, countable, estimate, one_seed, spread

FRACTION = 0.8
"""Share of a pool's questions that a seed draws."""
SCALE = FRACTION / (1 - FRACTION)
"""The pool's variance over that of one seed's draw."""
LEAST_DF = 2.0
"""Fewer degrees of freedom make bounds of no use; with these the simulated coverage holds."""
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
    v = spread(blocks)
    total = v.total + SCALE * one_seed(blocks)
    seeds, questions = min(len(b.seeds) for b in blocks), blocks[0].values.shape[1]
    doubt = (v.seeds * (1 + SCALE * seeds)) ** 2 / (seeds - 1) + v.questions**2 / (questions - 1)
    df = max(LEAST_DF, total**2 / doubt) if doubt > 0 else LEAST_DF
    # what is only rounding in V is rounding here
    se = math.sqrt(total) if v.se > 0 else 0.0
    half = quantile(df, level) * se
    normal = quantile(df) * se / _NORMAL
    return PoolPgr(ratio, se, normal, Interval(ratio - half, ratio + half, df))
