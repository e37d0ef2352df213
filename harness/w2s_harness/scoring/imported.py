"""Tests and intervals where only accuracies by seed are known, and no row of any holdout.

Rows cannot be paired, so each accuracy carries the binomial variance of its holdout by itself: all of this is
wider than what the same experiment would give with its rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from w2s_harness.scoring.compare import NO_SPREAD, Difference, checked, row_variance, uncertain, welch
from w2s_harness.scoring.interval import LEVEL, Interval, quantile
from w2s_harness.scoring.pgr import MIN_GAP, mean, recovered, under
from w2s_harness.scoring.twoway import ZERO


def accuracy_test(a: Mapping[int, float], b: Mapping[int, float], n_rows: int | None) -> Difference:
    """Mean accuracy of a minus that of b, by seed: `compare.welch` with its default level."""
    return welch(a, b, n_rows)


def accuracy_interval(accuracies: Sequence[float], n_rows: int | None, *, level: float = LEVEL) -> Interval:
    """A mean accuracy -+ t sqrt(V), V = s^2 / S + p (1 - p) / n, df by Satterthwaite (1946).

    s^2 / S is the variance of the mean over S seeds and the binomial that of n shared rows, left out where n
    is None. Has a reason instead of bounds where `compare.uncertain` has one; raises `ValueError` as
    `compare.checked`.
    """
    return _combined(mean(accuracies), [(1.0, accuracies)], n_rows, level)


def gap_interval_of(
    weak: Sequence[float], ceiling: Sequence[float], n_rows: int | None, *, level: float = LEVEL
) -> Interval:
    """Mean ceiling minus mean weak, with the variances of `accuracy_interval` added up (Welch 1947)."""
    return _combined(mean(ceiling) - mean(weak), [(1.0, ceiling), (-1.0, weak)], n_rows, level)


def no_gap_of(
    weak: Sequence[float],
    ceiling: Sequence[float],
    n_rows: int | None,
    *,
    min_gap: float = MIN_GAP,
    level: float = LEVEL,
) -> str | None:
    """Why there is no gap to recover, or None: `interval.no_gap` with `gap_interval_of` for its interval."""
    small = under(mean(ceiling) - mean(weak), min_gap)
    if small is not None:
        return small
    bounds = gap_interval_of(weak, ceiling, n_rows, level=level).bounds
    if bounds is None or bounds[0] > 0:
        return None
    span = f"{100 * level:g} % interval {bounds[0]:.4f} to {bounds[1]:.4f}"
    return f"Fieller's set is unbounded: the gap's {span} holds 0"


def pgr_interval_of(
    weak: Sequence[float],
    ceiling: Sequence[float],
    transfer: Mapping[int, float],
    n_rows: int | None,
    *,
    min_gap: float = MIN_GAP,
    level: float = LEVEL,
) -> Interval:
    """The interval of PGR = (t - w) / (c - w) of mean accuracies, by the delta method on the ratio.

    With gap = c - w the derivatives are 1 / gap for t, -(1 - PGR) / gap for w and -PGR / gap for c, so
    V = (V_t + (1 - PGR)^2 V_w + PGR^2 V_c) / gap^2, each V_x that of `accuracy_interval`: seeds and rows as
    independent terms, since neither can be paired. df is Satterthwaite's (1946) over all terms. Has a reason
    instead of bounds where `no_gap_of` has one, or `compare.uncertain` of any of the three. Raises
    `ValueError` as `compare.checked`.
    """
    why = no_gap_of(weak, ceiling, n_rows, min_gap=min_gap, level=level)
    if why is not None:
        return Interval(None, None, None, why)
    floor, top = mean(weak), mean(ceiling)
    values = tuple(transfer.values())
    ratio, gap = recovered(mean(values), floor, top), top - floor
    terms = [(1 / gap, values), (-(1 - ratio) / gap, weak), (-ratio / gap, ceiling)]
    return _combined(ratio, terms, n_rows, level)


def _combined(
    centre: float, terms: Sequence[tuple[float, Sequence[float]]], n_rows: int | None, level: float
) -> Interval:
    """The interval centre -+ t sqrt(V), V the sum over terms of weight^2 (s^2 / S + p (1 - p) / n)."""
    for _, accuracies in terms:
        checked(accuracies, n_rows)
    for _, accuracies in terms:
        why = uncertain(accuracies, n_rows)
        if why is not None:
            return Interval(None, None, None, why)
    total = doubt = 0.0
    for weight, accuracies in terms:
        seeds = weight**2 * _mean_variance(accuracies)
        rows = weight**2 * row_variance(accuracies, n_rows)
        total += seeds + rows
        doubt += seeds**2 / (len(accuracies) - 1)
        doubt += 0.0 if n_rows is None else rows**2 / (n_rows - 1)
    if math.sqrt(total) <= ZERO:
        return Interval(None, None, None, f"no variance is left: {NO_SPREAD}")
    df = total**2 / doubt
    half = quantile(df, level) * math.sqrt(total)
    return Interval(centre - half, centre + half, df)


def _mean_variance(values: Sequence[float]) -> float:
    """s^2 / S."""
    n, centre = len(values), mean(values)
    return math.fsum((x - centre) ** 2 for x in values) / (n - 1) / n
