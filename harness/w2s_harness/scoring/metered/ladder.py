"""Whether a score is better than the best before it by enough to be told, and how exactly it is told."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MIN_STEP = 0.02
"""Accuracy; the smallest step. See docs/oracle.md for what it and `STEP_SE` were chosen by."""
STEP_SE = 1.5
"""The step in standard errors of the paired difference."""
MIN_GRID = 0.01
"""PGR; the finest rounding."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LadderStep:
    """One score against the best before it."""

    accuracy: float
    """Exact; for the host alone."""
    step: float
    """Accuracy."""
    is_better: bool
    """It beats the best by more than the step."""


def rung(
    outcomes: Floats,
    groups: npt.NDArray[np.int64],
    best: Floats | None,
    floor: float,
    *,
    min_step: float = MIN_STEP,
    step_se: float = STEP_SE,
) -> LadderStep:
    """Compare (S, n) outcomes with the (S', n) of the best (Blum & Hardt 2015, *The Ladder*, section 3).

    `groups` (n,) is the question of each row. Without a best, what is to be beaten is `floor`, an accuracy.
    The step is the larger of `min_step` and `step_se` standard errors of the difference.
    """
    rows = outcomes.mean(axis=0)
    behind = rows - (floor if best is None else best.mean(axis=0))
    step = max(min_step, step_se * standard_error(behind, groups))
    return LadderStep(float(rows.mean()), step, bool(float(behind.mean()) > step))


def standard_error(rows: Floats, groups: npt.NDArray[np.int64]) -> float:
    """Standard error of the mean of (n,) rows that come by question (groups (n,)); 0 under two questions.

    sqrt(G / (G - 1) sum over questions of (sum over its rows of x - mean)^2) / n (Liang & Zeger 1986).
    """
    _, question = np.unique(groups, return_inverse=True)
    sums = np.bincount(question, weights=rows - rows.mean())
    if sums.size < 2:
        return 0.0
    return math.sqrt(sums.size / (sums.size - 1) * float(sums @ sums)) / rows.size


def grid(step: float, gap: float) -> float:
    """What a PGR is rounded to: the step as PGR, up to whole hundredths, .01 at least."""
    return max(MIN_GRID, math.ceil(step / gap * 100 - 1e-9) / 100)


def rounded(value: float, to: float) -> float:
    """The multiple of `to` nearest to `value`, without the noise of binary fractions."""
    return round(round(value / to) * to, 6)
