"""Tests and intervals where only accuracies by seed are known, and no row of any holdout.

Rows cannot be paired, so each accuracy carries the binomial variance of its holdout by itself: all of this is
wider than what the same experiment would give with its rows.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from w2s_harness.scoring.comparisons.compare import Difference
from w2s_harness.scoring.points import MIN_GAP, mean, mean_variance, recovered
from w2s_harness.scoring.spread.blocks import Block
from w2s_harness.scoring.spread.interval import LEAST_SEEDS, Interval, without_gap
from w2s_harness.scoring.spread.twoway import ZERO, quantile, spread

NO_SPREAD = "nothing is known of their error where the number of rows is not known"
ALIKE = f"the seeds differ all by the same: {NO_SPREAD}"
"""Why there is no test of two series of accuracies that run side by side."""


def accuracy_test(a: Mapping[int, float], b: Mapping[int, float], n_rows: int | None) -> Difference:
    """The t test of mean accuracy a minus b, by seed.

    Paired by seed number where two or more are in both, else as of independent seeds (Welch 1947), with the
    binomial variance of n shared rows of each side, which no number of seeds makes smaller; cautious, since
    rows that both find hard would make it smaller, and left out where n is None (docs/statistics.md,
    "Imported results"). df is Satterthwaite's. Has a reason instead of interval and p where `uncertain` has
    one of a side, or where the variance is 0. Raises `ValueError` for accuracies outside [0, 1] or n < 2.
    """
    checked(a.values(), n_rows)
    checked(b.values(), n_rows)
    centre = math.fsum((np.mean([*a.values()]), -np.mean([*b.values()])))
    why = uncertain(a.values(), n_rows) or uncertain(b.values(), n_rows)
    if why is not None:
        return Difference(centre, None, None, None, why)
    of_seeds = spread([_column(a, 1.0), _column(b, -1.0)])
    v, doubt = of_seeds.seeds, of_seeds.seeds**2 / of_seeds.seed_df
    for side in (a, b):
        rows = row_variance(side.values(), n_rows)
        v += rows
        doubt += 0.0 if n_rows is None else rows**2 / (n_rows - 1)
    se = math.sqrt(v)
    if se <= ZERO:
        return Difference(centre, None, None, None, ALIKE)
    df = v**2 / doubt
    half = quantile(df) * se
    return Difference(centre, (centre - half, centre + half), _p(centre, se, df), df)


def gap_interval_of(weak: Sequence[float], ceiling: Sequence[float], n_rows: int | None) -> Interval:
    """Mean ceiling minus mean weak -+ t sqrt(V), V the sum over both of s^2 / S + p (1 - p) / n (Welch 1947).

    s^2 / S is the variance of the mean over S seeds and the binomial that of n shared rows, left out where n
    is None; df is Satterthwaite's (1946). Has a reason instead of bounds where `uncertain` has one; raises
    `ValueError` as `checked`.
    """
    return _combined(mean(ceiling) - mean(weak), [(1.0, ceiling), (-1.0, weak)], n_rows)


def no_gap_of(
    weak: Sequence[float],
    ceiling: Sequence[float],
    n_rows: int | None,
) -> str | None:
    """Why there is no gap to recover, or None: `interval.no_gap` with `gap_interval_of` for its interval."""
    gap = mean(ceiling) - mean(weak)
    return without_gap(gap, MIN_GAP, lambda: gap_interval_of(weak, ceiling, n_rows).bounds)


def pgr_interval_of(
    weak: Sequence[float],
    ceiling: Sequence[float],
    transfer: Mapping[int, float],
    n_rows: int | None,
) -> Interval:
    """The interval of PGR = (t - w) / (c - w) of mean accuracies, by the delta method on the ratio.

    V = (V_t + (1 - PGR)^2 V_w + PGR^2 V_c) / gap^2, each V_x as in `gap_interval_of`: seeds and rows as
    independent terms, since neither can be paired. df is Satterthwaite's over all terms. Has a reason instead
    of bounds where `no_gap_of` has one, or `uncertain` of any of the three. Raises `ValueError` as `checked`.
    """
    why = no_gap_of(weak, ceiling, n_rows)
    if why is not None:
        return Interval(None, None, None, why)
    floor, top = mean(weak), mean(ceiling)
    values = tuple(transfer.values())
    ratio, gap = recovered(mean(values), floor, top), top - floor
    terms = [(1 / gap, values), (-(1 - ratio) / gap, weak), (-ratio / gap, ceiling)]
    return _combined(ratio, terms, n_rows)


def _combined(centre: float, terms: Sequence[tuple[float, Sequence[float]]], n_rows: int | None) -> Interval:
    """The interval centre -+ t sqrt(V), V the sum over terms of weight^2 (s^2 / S + p (1 - p) / n)."""
    for _, accuracies in terms:
        checked(accuracies, n_rows)
    for _, accuracies in terms:
        why = uncertain(accuracies, n_rows)
        if why is not None:
            return Interval(None, None, None, why)
    total = doubt = 0.0
    for weight, accuracies in terms:
        seeds = weight**2 * mean_variance(accuracies)
        rows = weight**2 * row_variance(accuracies, n_rows)
        total += seeds + rows
        doubt += seeds**2 / (len(accuracies) - 1)
        doubt += 0.0 if n_rows is None else rows**2 / (n_rows - 1)
    if math.sqrt(total) <= ZERO:
        return Interval(None, None, None, f"no variance is left: {NO_SPREAD}")
    df = total**2 / doubt
    half = quantile(df) * math.sqrt(total)
    return Interval(centre - half, centre + half, df)


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
    """Accuracies by seed as a block; V_S asks for no questions, so two columns alike stand for them."""
    return Block(tuple(accuracies), sign * np.array([[x, x] for x in accuracies.values()]))


def _p(centre: float, se: float, df: float) -> float:
    from scipy.special import stdtr

    if abs(centre) <= 1e-12:
        return 1.0
    # a tail that is too thin for a double is no p of 0
    return min(1.0, max(sys.float_info.min, 2 * float(stdtr(df, -abs(centre) / se))))
