"""Whether a fit weighs rows as somebody would who knows which of the teacher's labels are wrong."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]
BLUR = 5e-4
"""Weak labels are told to four digits, so that a smaller difference of a target from them says nothing."""
NEAREST = 3
"""How many rows each row in question is held against."""


def overruled(weights: npt.ArrayLike, weak: npt.ArrayLike, beside: npt.ArrayLike) -> Floats:
    """(f, m) weights read as targets, so that `following.followed` can be asked of them.

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

    if not where.any() or not among.any():
        return np.zeros(len(where), bool)
    plane = np.stack([_ranks(weak), _ranks(student)], axis=1)
    others = np.flatnonzero(among)
    _, near = KDTree(plane[others]).query(plane[where], k=min(NEAREST, len(others)))
    found = np.zeros(len(where), bool)
    found[others[np.ravel(near)]] = True
    return found


def _ranks(p: npt.ArrayLike) -> Floats:
    sure = np.abs(np.asarray(p, np.float64) - 0.5)
    _, place, ties = np.unique(sure, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(ties) - (ties - 1) / 2)[place] / len(sure)
    return ranks
