"""What a fit counts: distinct rows of positive weight, and weights of mean 1 over them.

Every objective is a mean over rows with a penalty that falls with their number. Without these rules a
constant weight k, or each row k times, would be another C under a method's own name.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_ALIKE = 1e-12
"""Weights that differ by less than this share of their mean are one weight, targets by less one target."""


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """The k distinct rows among m given ones, by key."""

    keys: npt.NDArray[np.int64]
    """(k,) ascending, so that the order of a request changes no bit of a fit."""
    place: npt.NDArray[np.int64]
    """(m,) which of them each given row is."""
    targets: Floats
    """(k,) mean target by weight; that of the copies where they agree."""
    weight: Floats
    """(k,) summed."""


def merged(keys: npt.NDArray[np.int64], targets: Floats, weight: Floats) -> Merged:
    """Copies of a row made one: their weights added, their targets averaged by weight.

    All are (m,). Copies that agree keep the target of the first of them to the bit. Those of weight 0 have no
    say; a row that has only such keeps their plain mean.
    """
    distinct, place = np.unique(keys, return_inverse=True)
    k = len(distinct)
    total = np.bincount(place, weight, k).astype(np.float64)
    says = (weight > 0) | (total[place] == 0)
    at, v, y = place[says], np.where(weight > 0, weight, 1.0)[says], targets[says]
    least, most, first = np.full(k, np.inf), np.full(k, -np.inf), np.empty(k)
    np.minimum.at(least, at, y)
    np.maximum.at(most, at, y)
    first[at[::-1]] = y[::-1]
    mean = np.clip(np.bincount(at, v * y, k) / np.bincount(at, v, k), least, most)
    return Merged(distinct, place, np.where(most - least <= _ALIKE, first, mean), total)


def normalised(weight: Floats | None) -> Floats | None:
    """(n,) weights of mean 1 over the rows of positive weight; None where those are all rows and alike.

    `weight` (n,) finite, >= 0, not all zero.
    """
    if weight is None:
        return None
    given = np.asarray(weight, np.float64)
    given = given / given.max()
    counts = given > 0
    v: Floats = np.where(counts, given / given[counts].mean(), 0.0)
    return None if counts.all() and (np.abs(v - 1.0) <= _ALIKE).all() else v


def counted(weight: Floats | None, n: int) -> tuple[npt.NDArray[np.bool_] | slice, Floats]:
    """(which of n rows count, their weights of mean 1): rows of weight 0 are none of a fit's rows."""
    v = normalised(weight)
    if v is None:
        return slice(None), np.ones(n)
    keep = v > 0
    rest = normalised(v[keep])
    return keep, np.ones(int(keep.sum())) if rest is None else rest
