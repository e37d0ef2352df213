"""How far predictions follow a shortcut beyond what their accuracy explains: the measure and its error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]

LEAST_WRONG = 30
"""Rows on which a shortcut must be wrong before it can be told from being right."""


@dataclass(frozen=True, slots=True, eq=False)
class ShortcutLook:
    """One shortcut as a linear measure of decisions p (n,) in {0, 1/2, 1}: value = weights @ p + offset.

    0 is what its accuracy explains, 1 is following the shortcut on every row.
    """

    weights: Floats
    """(n,)"""
    offset: float
    cells: Codes
    """(n,) rows that are alike to the shortcut; the error is taken about their means."""
    stake: float
    """Share of the holdout on which following it rather than being independent of it changes the decision."""
    questions: int
    """Questions that hold a row on which the shortcut is wrong."""
    right: float
    """Share of rows on which the shortcut is right, mean of both classes."""

    def value(self, p: Floats) -> float:
        """The measure of decisions (n,)."""
        return float(self.weights @ p + self.offset)

    def influence(self, p: Floats) -> Floats:
        """(n,) what every row adds to the measure's error."""
        means = np.bincount(self.cells, p) / np.maximum(np.bincount(self.cells), 1)
        return np.asarray(self.weights * (p - means[self.cells]), np.float64)


Build = Callable[[Floats], ShortcutLook | None]
"""A shortcut's look at given decisions (n,); `None` where it cannot be told from being right."""


def following(says: npt.ArrayLike, gold: Bools, groups: Codes) -> ShortcutLook | None:
    """How decisions hang on what a shortcut says, gold held fixed: the slope of p on s within gold classes.

    sum_y cov(p, s | y) over sum_y var(s | y), each class by its rows. 2 sum_y P(y) cov(p, s | y) is the
    agreement of p with s beyond what their two accuracies explain, so the slope is that excess as a share of
    what full following would give: the share of the shortcut's errors that is followed for its sake.

    :param says: (n,) 1 or 0, NaN where the shortcut is silent. :param gold: (n,). :param groups: (n,) codes.
    :return: `None` where the shortcut is wrong on fewer than `LEAST_WRONG` rows, or never varies.
    """
    s = np.asarray(says, np.float64)
    speaks = np.isfinite(s)
    centred = np.zeros(len(s))
    for label in (False, True):
        here = speaks & (gold == label)
        if here.any():
            centred[here] = s[here] - s[here].mean()
    wrong = speaks & ((s > 0.5) != gold)
    spread = float(centred @ centred)
    if wrong.sum() < LEAST_WRONG or spread <= 1e-9:
        return None
    return ShortcutLook(
        weights=centred / spread,
        offset=0.0,
        cells=np.where(speaks, 2 * gold + (s > 0.5), 4).astype(np.int64),
        stake=2 * spread / len(s),
        questions=len(np.unique(groups[wrong])),
        right=_balanced(wrong, speaks, gold),
    )


def constant(gold: Bools, groups: Codes) -> ShortcutLook | None:
    """How often the commoner label is given where gold is the rarer one.

    :return: `None` where the rarer label has fewer than `LEAST_WRONG` rows.
    """
    common = gold.mean() >= 0.5
    rare = gold != common
    if rare.sum() < LEAST_WRONG:
        return None
    weights = np.where(rare, 1.0 if common else -1.0, 0.0) / rare.sum()
    return ShortcutLook(
        weights=weights,
        offset=0.0 if common else 1.0,
        cells=gold.astype(np.int64),
        stake=float(rare.mean()),
        questions=len(np.unique(groups[rare])),
        right=float(1 - rare.mean()),
    )


def better_on(where: Bools, gold: Bools, groups: Codes) -> ShortcutLook | None:
    """Accuracy on the rows `where` less accuracy on the others.

    :return: `None` where one of the two has fewer than `LEAST_WRONG` rows.
    """
    if min(where.sum(), (~where).sum()) < LEAST_WRONG:
        return None
    share = np.where(where, 1 / where.sum(), -1 / (~where).sum())
    return ShortcutLook(
        weights=np.where(gold, share, -share),
        offset=float(share[~gold].sum()),
        cells=(2 * where + gold).astype(np.int64),
        stake=float(where.mean()),
        questions=len(np.unique(groups[where])),
        right=1.0,
    )


@dataclass(frozen=True, slots=True)
class Excess:
    """How much further one follows a shortcut than another."""

    value: float
    """The difference of the two measures."""
    rows: float
    """The same as a share of the holdout's rows."""
    z: float
    """Over its standard error, clustered by question."""


def excess(build: Build, own: Floats, other: Floats | None, groups: Codes) -> Excess | None:
    """How much further decisions `own` (n,) follow a shortcut than `other` (n,), or than 0 without one.

    The standard error is that of a sum over questions of paired influences (Liang & Zeger 1986), and at
    least that of a share of 1/2 over the questions at stake: an exact follower has no variance of its own.
    """
    look = build(own)
    if look is None:
        return None
    value, influence = look.value(own), look.influence(own)
    if other is not None and (beside := build(other)) is not None:
        value -= beside.value(other)
        influence = influence - beside.influence(other)
    _, codes = np.unique(groups, return_inverse=True)
    sums = np.bincount(codes, influence)
    se = float(np.sqrt((sums**2).sum() * len(sums) / max(1, len(sums) - 1)))
    floor = 0.5 / np.sqrt(look.questions)
    return Excess(value, value * look.stake, value / max(se, floor))


def _balanced(wrong: Bools, speaks: Bools, gold: Bools) -> float:
    rights = [1 - wrong[speaks & (gold == y)].mean() for y in (False, True) if (speaks & (gold == y)).any()]
    return float(np.mean(rights))
