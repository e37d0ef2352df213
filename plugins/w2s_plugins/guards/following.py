"""Whether the targets of a method's fits follow labels that it was not given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
POOLED = -1
"""`Followed.fit` where it was all fits together that followed."""


@dataclass(frozen=True, slots=True)
class Followed:
    """The look at a method's targets that is hardest to explain by chance."""

    share: float
    """Share of the rows in question on which the targets equal the labels."""
    chance: float
    """The share that was granted: what is usual, or the rate at which the same fit overrules its teacher on
    the other rows, whichever is larger."""
    rows: int
    """How many rows the share is of."""
    p: float
    """One-sided, exact, times the number of looks."""
    fit: int
    """Which fit, in the order of the requests; `POOLED` for the mean of all fits' targets."""


def followed(
    targets: npt.ArrayLike,
    labels: npt.ArrayLike,
    where: npt.ArrayLike,
    *,
    beside: npt.ArrayLike | None = None,
    chance: float = 0.5,
    least: int = 12,
) -> Followed | None:
    """The fit whose targets follow `labels` furthest beyond chance, on rows where an honest one would not.

    Every fit is a look, and so is the mean of all fits' targets where there are several, so that labels
    spread over many small fits are found too. Of a look with n rows in `where`, k of them like the labels,
    p is the larger of two exact tails: of the binomial with `chance`, and of Fisher's test against the rate
    at which the same fit overrules the teacher on the rows `beside`. The second clears a method that turns
    its teacher round: such a fit overrules everywhere, and following labels shows in *where* it overrules.
    Bonferroni over the looks.

    :param targets: (f, m) P(label = 1) that each fit was told, NaN for rows that it left out.
    :param labels: (m,) bool, what an honest method does not know.
    :param where: (m,) bool, rows on which `labels` differ from the teacher's decision.
    :param beside: (m,) bool, rows on which they equal it; without it, all others.
    :param chance: the share that an honest method may reach on `where`.
    :param least: looks with fewer rows in `where` are passed over.
    :return: the look with the smallest p, or `None` where none has `least` rows.
    Raises `ValueError` for arrays that do not match.
    """
    told, y, there = np.asarray(targets, np.float64), np.asarray(labels, bool), np.asarray(where, bool)
    other = ~there if beside is None else np.asarray(beside, bool)
    if told.ndim != 2 or not told.shape[1:] == y.shape == there.shape == other.shape:
        raise ValueError(f"targets of shape {told.shape} do not match labels of shape {y.shape}")
    looks = [_look(row, y, there, other, chance, fit, least) for fit, row in enumerate(told)]
    if len(told) > 1:
        looks.append(_look(_mean(told), y, there, other, chance, POOLED, least))
    counted = [look for look in looks if look is not None]
    if not counted:
        return None
    best = min(counted, key=lambda look: (look.p, -look.share))
    return Followed(best.share, best.chance, best.rows, min(1.0, best.p * len(counted)), best.fit)


def _mean(told: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(m,) mean target of every row over the fits that hold it; NaN where none does."""
    held = np.isfinite(told).sum(axis=0)
    total = np.nansum(told, axis=0)
    return np.where(held > 0, total / np.maximum(held, 1), np.nan)


def _look(
    told: npt.NDArray[np.float64], y: Bools, there: Bools, other: Bools, chance: float, fit: int, least: int
) -> Followed | None:
    from scipy.stats import binom, hypergeom

    # A target of one half decides nothing, so it follows nobody.
    decided = np.isfinite(told) & (told != 0.5)
    like = (told > 0.5) == y
    inside, outside = decided & there, decided & other
    n, k = int(inside.sum()), int((like & inside).sum())
    if n < least:
        return None
    # Where the labels equal the teacher's decision, a target unlike them overrules the teacher.
    n_beside, k_beside = int(outside.sum()), int((~like & outside).sum())
    tail = float(binom.sf(k - 1, n, chance))
    contrast = float(hypergeom.sf(k - 1, n + n_beside, k + k_beside, n)) if n_beside else 0.0
    usual = k_beside / n_beside if n_beside else 0.0
    return Followed(k / n, max(chance, usual), n, max(tail, contrast), fit)
