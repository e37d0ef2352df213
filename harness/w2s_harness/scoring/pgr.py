"""What share of the performance gap was recovered, as a point estimate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Convention = Literal["fixed", "paired"]
"""Baselines: means over the baseline seeds (`pgr`), or those of the method's own seeds (`paired`)."""

MIN_GAP = 0.02
"""Accuracy; under it weak and ceiling are too close for a ratio to mean anything."""


@dataclass(frozen=True, slots=True)
class Pgr:
    """PGR; where undefined, `mean` and `per_seed` are None and `reason` says why."""

    mean: float | None
    per_seed: tuple[float, ...] | None
    """In the order of the transfer accuracies; under `paired` also None where one seed has no gap."""
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


def paired(
    weak: Mapping[int, float],
    ceiling: Mapping[int, float],
    transfer: Mapping[int, float],
    *,
    min_gap: float = MIN_GAP,
) -> Pgr:
    """PGR of accuracies by seed against the baselines of the same seeds (METHODS.md).

    A ratio of means, as under `pgr`; the per-seed ratios are listed and never averaged, since one small gap
    would rule them. They are None as a whole where one seed's own gap is under `min_gap`. `sem` is that of
    a ratio of means: sd over seeds of ((t - w) - PGR (c - w)) / gap, over sqrt(S) (Cochran 1977, *Sampling
    Techniques*, section 6.4). Where the baseline seeds are the method's, `mean` is that of `pgr`. Raises
    `ValueError` where a seed of the method has no baseline.
    """
    lone = sorted(set(transfer) - (set(weak) & set(ceiling)))
    if lone:
        raise ValueError(f"seeds {lone} have no baseline of their own: paired PGR needs them")
    floors, tops = [weak[s] for s in transfer], [ceiling[s] for s in transfer]
    fixed = pgr(floors, tops, list(transfer.values()), min_gap=min_gap)
    if fixed.mean is None:
        return fixed
    triples = list(zip(transfer.values(), floors, tops, strict=True))
    known = all(under(c - w, min_gap) is None for _, w, c in triples)
    each = tuple(recovered(t, w, c) for t, w, c in triples) if known else None
    influence = [((t - w) - fixed.mean * (c - w)) / fixed.gap for t, w, c in triples]
    return Pgr(fixed.mean, each, _sem(influence), fixed.gap, None)


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
