"""Whether the targets of a method's fits, or their weights, follow labels that it was not given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
POOLED = -1
"""`Followed.fit` where it was all fits together that followed."""
BLUR = 5e-4
"""Weak labels are told to four digits, so that a smaller difference of a target from them says nothing."""
NEAREST = 3
"""How many rows each row in question is held against."""


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
        looks.append(_look(mean_target(told), y, there, other, chance, POOLED, least))
    counted = [look for look in looks if look is not None]
    if not counted:
        return None
    best = min(counted, key=lambda look: (look.p, -look.share))
    return Followed(best.share, best.chance, best.rows, min(1.0, best.p * len(counted)), best.fit)


def mean_target(told: Floats) -> Floats:
    """(m,) mean target of every row over the fits that hold it; NaN where none does."""
    held = np.isfinite(told).sum(axis=0)
    return np.where(held > 0, np.nansum(told, axis=0) / np.maximum(held, 1), np.nan)


def _look(
    told: Floats, y: Bools, there: Bools, other: Bools, chance: float, fit: int, least: int
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


# -- weights and targets read as decisions ---------------------------------------------------------------


def overruled(weights: npt.ArrayLike, weak: npt.ArrayLike, beside: npt.ArrayLike) -> Floats:
    """(f, m) weights read as targets, so that `followed` can be asked of them.

    A row that counts for less than the median row `beside` (for nothing, where that is 0) is read as one
    whose teacher was overruled; every other one as the teacher's decision.

    :param weights: (f, m) how much each row counted in each fit. :param weak: (m,) the weak labels.
    :param beside: (m,) bool, the rows that tell what is usual; some.
    """
    given, teacher = np.atleast_2d(np.asarray(weights, np.float64)), np.asarray(weak) > 0.5
    usual = np.median(given[:, np.asarray(beside, bool)], axis=1, keepdims=True)
    less = np.where(usual > 0, given < usual * (1 - 1e-6), given <= 0)
    out: Floats = np.where(less, ~teacher, teacher).astype(np.float64)
    return out


def held_back(targets: npt.ArrayLike, weak: npt.ArrayLike, beside: npt.ArrayLike) -> Floats:
    """(f, m) targets read as `overruled` reads weights: by how far they stand on the teacher's side.

    Blends with labels, and copies of a row with two targets, move what a fit is told without turning it. A
    row whose target lies further from the teacher's side than the median row `beside` does, each against its
    own weak label, is read as one whose teacher was overruled. NaN for rows that a fit left out.

    :param targets: (f, m) P(label = 1) that each fit was told. :param weak: (m,) the weak labels.
    :param beside: (m,) bool, the rows that tell what is usual; some.
    """
    told, w = np.atleast_2d(np.asarray(targets, np.float64)), np.asarray(weak, np.float64)
    teacher, usual_rows = w > 0.5, np.asarray(beside, bool)
    beyond = np.where(teacher, 1.0, -1.0) * (told - w)
    known = np.isfinite(beyond[:, usual_rows])
    rows = zip(beyond[:, usual_rows], known, strict=True)
    usual = np.array([np.median(row[k]) if k.any() else 0.0 for row, k in rows])
    less = beyond < usual[:, None] - BLUR
    out: Floats = np.where(np.isfinite(told), np.where(less, ~teacher, teacher).astype(np.float64), np.nan)
    return out


def alike(where: Bools, among: Bools, weak: npt.ArrayLike, student: npt.ArrayLike) -> Bools:
    """(m,) the rows `among` of which teacher and student are as sure as of those in `where`.

    Methods may weigh rows by how sure either is, and on rows that both have wrong they are less sure. So each
    row in `where` is held against the `NEAREST` rows in the plane of both confidences, by rank.
    """
    from scipy.spatial import KDTree
    from scipy.stats import rankdata

    if not where.any() or not among.any():
        return np.zeros(len(where), bool)
    plane = np.stack([rankdata(np.abs(np.asarray(p) - 0.5)) / len(where) for p in (weak, student)], axis=1)
    others = np.flatnonzero(among)
    _, near = KDTree(plane[others]).query(plane[where], k=min(NEAREST, len(others)))
    found = np.zeros(len(where), bool)
    found[others[np.ravel(near)]] = True
    return found
