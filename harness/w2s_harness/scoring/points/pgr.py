"""What share of the performance gap was recovered, as a point estimate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MIN_GAP = 0.02
"""Accuracy; under it weak and ceiling are too close for a ratio to mean anything."""


@dataclass(frozen=True, slots=True)
class Pgr:
    """PGR; where undefined, `mean` and `per_seed` are None and `reason` says why."""

    mean: float | None
    per_seed: tuple[float, ...] | None
    """In the order of the transfer accuracies."""
    sem: float | None
    """Standard error over seeds alone, sd / sqrt(S); None under two seeds. `pgr_ci` has questions too."""
    gap: float
    """Ceiling minus weak, accuracy."""
    reason: str | None


def mean(values: Sequence[float]) -> float:
    """The mean of per-seed accuracies, summed exactly so that no order of seeds changes a bit."""
    if not values:
        raise ValueError("no seeds, so no mean")
    return math.fsum(values) / len(values)


def recovered(transfer: float, weak: float, ceiling: float) -> float:
    """PGR = (transfer - weak) / (ceiling - weak) (Burns et al. 2023); `ZeroDivisionError` without a gap."""
    return (transfer - weak) / (ceiling - weak)


def pgr(
    weak: Sequence[float],
    ceiling: Sequence[float],
    transfer: Sequence[float],
    *,
    min_gap: float = MIN_GAP,
) -> Pgr:
    """PGR of per-seed transfer accuracies against fixed baselines (METHODS.md).

    `weak` and `ceiling` are the accuracies of the baseline seeds; their means are the baselines, and only
    `transfer` varies per seed. The overall PGR is the ratio of means, which under fixed baselines is the
    mean of the per-seed values too. Undefined where the gap is under `min_gap`, negative gaps included.
    """
    floor, top = mean(weak), mean(ceiling)
    gap = top - floor
    reason = under(gap, min_gap)
    if reason is not None:
        return Pgr(None, None, None, gap, reason)
    per_seed = tuple(recovered(t, floor, top) for t in transfer)
    overall = recovered(mean(transfer), floor, top)
    return Pgr(overall, per_seed, _sem(per_seed), gap, None)


def under(gap: float, min_gap: float) -> str | None:
    """Why a gap allows no PGR, or None where it does.

    A gap of 0 allows none whatever `min_gap` is.
    """
    if gap >= min_gap and gap > 0:
        return None
    return f"the gap {gap:.4f} is under min_gap {min_gap:g}"


def _sem(values: Sequence[float]) -> float | None:
    n = len(values)
    if n < 2:
        return None
    centre = mean(values)
    return math.sqrt(math.fsum((v - centre) ** 2 for v in values) / (n - 1) / n)
