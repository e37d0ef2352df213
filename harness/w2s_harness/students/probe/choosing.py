"""How the probe's C, epochs and learning rate are chosen: 5-fold log loss against the labels at hand.

A student's are chosen against the *weak* labels of train_unlabel (no method gets gold for selection), by the
one-standard-error rule: of all settings whose loss is within one standard error of the least, the one that
regularises most (Breiman, Friedman, Olshen and Stone 1984, "Classification and Regression Trees", section
3.4.3). The log loss on weak labels rewards imitating the teacher, errors and all, so that its least is no
estimate of what is best for the truth and differs from its neighbours by far less than it is known to.
Teacher and ceiling are chosen against their own gold labels, by the least loss: each at its best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.kinds import Kind
from w2s_harness.students.probe.probe import Floats, Path, cross_entropy, fit_exact

Rule = Literal["least", "one-se"]

HALF_DECADES = tuple(float(f"{digit}e{power}") for power in range(-6, 4) for digit in (1, 3))
"""All values of C that can be chosen, 1e-6 to 3e3."""
C_GRID = tuple(c for c in HALF_DECADES if 1e-5 <= c <= 1.0)
"""Where the choice begins; it grows by half decades where its edge is chosen."""
EPOCH_GRID = (1.0, 2.0, 5.0, 10.0, 20.0)
"""Grows to `MOST_EPOCHS` where 20 are chosen."""
MOST_EPOCHS = 40.0
LR_GRID = (1e-3, 3e-3, 1e-2, 3e-2)
FOLDS = 5


@dataclass(frozen=True, slots=True)
class ChosenSettings:
    """The chosen settings and what every point of the grid scored."""

    settings: dict[str, float]
    """`{"c": ...}` or `{"epochs": ..., "lr": ...}`; ties go to the stronger regularisation."""
    grid: tuple[tuple[dict[str, float], float], ...]
    """(settings, mean held-out log loss in nats), from the strongest regularisation to the weakest."""


def folds(groups: Sequence[object]) -> npt.NDArray[np.int64]:
    """(n,) fold of each row; rows of a group share one, and the draw is always the same.

    Raises `ModelError` for fewer than two groups.
    """
    codes = {group: code for code, group in enumerate(dict.fromkeys(groups))}
    if len(codes) < 2:
        raise ModelError("cross-validation needs rows of at least two questions")
    fold_of = np.random.Generator(np.random.PCG64(0)).permutation(len(codes)) % min(FOLDS, len(codes))
    return np.array([fold_of[codes[group]] for group in groups], np.int64)


def choose_c(
    features: npt.NDArray[np.floating],
    targets: Floats,
    groups: Sequence[object],
    kind: Kind,
    grid: Sequence[float] = (),
    *,
    rule: Rule = "least",
) -> ChosenSettings:
    """C by 5-fold log loss, for the solver `exact`.

    :param grid: values of C, of which the choice is one; empty for `C_GRID`, which grows.
    """
    fold = folds(groups)

    def loss(c: float) -> Floats:
        """(K,) summed losses of the held-out rows of each fold."""
        sums = []
        for train in (fold != k for k in range(int(fold.max()) + 1)):
            probe = fit_exact(features[train], targets[train], kind, c=c)
            sums.append(cross_entropy(targets[~train], probe.logits(features[~train])).sum())
        return np.array(sums)

    tried = {float(c): loss(float(c)) for c in (grid or C_GRID)}
    while True:
        values = sorted(tried)
        table = np.stack([tried[c] for c in values])
        more = [] if grid else _beyond(values, table, fold, rule)
        if not more:
            return _chosen([{"c": c} for c in values], table, fold, rule)
        tried |= {c: loss(c) for c in more}


def _beyond(values: list[float], table: Floats, fold: npt.NDArray[np.int64], rule: Rule) -> list[float]:
    """The next half decade on each side whose edge is the least or the chosen one."""
    at = {int(np.argmin(_mean(table, fold))), _place(table, fold, rule)}
    wanted = [HALF_DECADES.index(values[0]) - 1] if 0 in at else []
    wanted += [HALF_DECADES.index(values[-1]) + 1] if len(values) - 1 in at else []
    return [HALF_DECADES[k] for k in wanted if 0 <= k < len(HALF_DECADES)]


def choose_path(
    features: npt.NDArray[np.floating],
    targets: Floats,
    groups: Sequence[object],
    kind: Kind,
    c: float,
    epoch_grid: Sequence[float] = (),
    lr_grid: Sequence[float] = LR_GRID,
    *,
    rule: Rule = "least",
) -> ChosenSettings:
    """Epochs and learning rate by 5-fold log loss, for the solver `path` at a given C.

    The learning rate is constant, so one trajectory per rate passes through every number of epochs. A point
    regularises the more the less it moves: epochs times rate, then the rate.

    :param epoch_grid: numbers of epochs; empty for `EPOCH_GRID`, which grows.
    """
    fold, epochs = folds(groups), sorted(epoch_grid or EPOCH_GRID)
    kept = [fold != k for k in range(int(fold.max()) + 1)]
    paths = [[Path(features[t], targets[t], kind, c=c, lr=lr, seed=0) for t in kept] for lr in lr_grid]
    tried: dict[tuple[float, float], Floats] = {}

    def follow(until: float) -> None:
        for lr, own in zip(lr_grid, paths, strict=True):
            for train, path in zip(kept, own, strict=True):
                path.run(until, until)
                probe = path.probe()
                lost = cross_entropy(targets[~train], probe.logits(features[~train])).sum()
                tried.setdefault((float(lr), until), np.zeros(len(kept)))[fold[~train][0]] = lost

    for until in epochs:
        follow(float(until))
    while True:
        points = sorted(tried, key=lambda p: (p[0] * p[1], p[0]))
        table = np.stack([tried[p] for p in points])
        last = max(until for _, until in tried)
        if epoch_grid or last >= MOST_EPOCHS or points[_place(table, fold, rule)][1] < last:
            break
        follow(min(MOST_EPOCHS, 2 * last))
    return _chosen([{"epochs": e, "lr": lr} for lr, e in points], table, fold, rule)


def _mean(table: Floats, fold: npt.NDArray[np.int64]) -> Floats:
    """(P,) mean loss of a row, from (P, K) sums by fold."""
    return np.asarray(table.sum(axis=1) / len(fold))


def _place(table: Floats, fold: npt.NDArray[np.int64], rule: Rule) -> int:
    """The chosen point of (P, K) sums by fold; points come from the strongest regularisation on."""
    mean = _mean(table, fold)
    least = int(np.argmin(mean))
    if rule == "least":
        return least
    by_fold = table[least] / np.bincount(fold)
    se = float(np.std(by_fold, ddof=1)) / np.sqrt(len(by_fold))
    return int(np.argmax(mean <= mean[least] + se))


def _chosen(
    points: list[dict[str, float]], table: Floats, fold: npt.NDArray[np.int64], rule: Rule
) -> ChosenSettings:
    losses = zip(points, _mean(table, fold).tolist(), strict=True)
    return ChosenSettings(points[_place(table, fold, rule)], tuple(losses))
