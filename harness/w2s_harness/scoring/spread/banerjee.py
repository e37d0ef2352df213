"""A p-value for an estimate whose variance has two parts, each known from few degrees of freedom."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from w2s_harness.scoring.spread.twoway import ZERO

Floats = npt.NDArray[np.float64]
_HALVINGS = 40
_LEAST = 1e-300
_FARTHEST = 1e150
"""A quantile whose square is still a number."""


def p_values(
    estimate: npt.ArrayLike,
    seeds: npt.ArrayLike,
    rest: npt.ArrayLike,
    seed_df: npt.ArrayLike,
    question_df: float,
) -> Floats:
    """Two-sided p (m,) of estimates (m,) with variances `seeds` + `rest` (m,): no effect against some.

    `seed_df` is one number or (m,).

    The p at which estimate^2 = t(seed_df, 1 - p/2)^2 seeds + t(question_df, 1 - p/2)^2 rest. A confidence set
    of that half width holds the truth with at least its level, whatever the two true variances are (Banerjee
    1960, "On confidence interval for two-means problem based on separate estimates of variances", Sankhya
    22). An approximate df, such as Satterthwaite's, is exact enough at p = .05 and too liberal in the far
    tail, where Holm over many methods looks: with 3 to 5 seeds it finds something in up to .28 of the plans
    in which there is nothing (docs/power.md).

    1 for an estimate of 0, 0 for another without error.
    """
    from scipy.special import stdtr, stdtrit

    d, v_s, v_r = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in (estimate, seeds, rest)))
    se = np.sqrt(v_s + v_r)
    known = (np.abs(d) > ZERO) & (se > ZERO)
    out = np.where(np.abs(d) <= ZERO, 1.0, 0.0)
    ratio = -np.abs(d[known]) / se[known]
    of_seeds = np.broadcast_to(np.asarray(seed_df, np.float64), d.shape)[known]
    ends = [np.log(np.clip(2 * stdtr(df, ratio), _LEAST, 1.0)) for df in (of_seeds, question_df)]
    low, high = np.minimum(*ends), np.maximum(*ends)
    squared = d[known] ** 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        tail = np.exp(middle) / 2
        by_seeds, by_questions = (stdtrit(df, tail).clip(-_FARTHEST) ** 2 for df in (of_seeds, question_df))
        allowed = by_seeds * v_s[known] + by_questions * v_r[known]
        is_over = squared > allowed
        low, high = np.where(is_over, low, middle), np.where(is_over, middle, high)
    out[known] = np.exp(high)
    return out


def critical(
    estimate: npt.ArrayLike, seeds: npt.ArrayLike, rest: npt.ArrayLike, seed_df: float, question_df: float
) -> Callable[[float], npt.NDArray[np.bool_]]:
    """Which of `p_values` are at most a level, (m,), without finding them: two quantiles decide it."""
    from scipy.special import stdtrit

    d, v_s, v_r = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in (estimate, seeds, rest)))
    is_zero, is_sure, squared = np.abs(d) <= ZERO, np.sqrt(v_s + v_r) <= ZERO, d**2

    def reaches(level: float) -> npt.NDArray[np.bool_]:
        by_seeds, by_questions = stdtrit(seed_df, level / 2) ** 2, stdtrit(question_df, level / 2) ** 2
        return np.where(is_zero, level >= 1, is_sure | (squared >= by_seeds * v_s + by_questions * v_r))

    return reaches
