"""How the probe's C, epochs and learning rate are chosen: 5-fold log loss against the labels at hand.

For a student these are the *weak* labels of train_unlabel (no method gets gold for selection); for the
teacher, its own training labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from w2s_harness.errors import ModelError
from w2s_harness.models.probe import Floats, Path, cross_entropy, fit_exact
from w2s_harness.types import Kind

C_GRID = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
EPOCH_GRID = (1.0, 2.0, 5.0, 10.0, 20.0)
LR_GRID = (1e-3, 3e-3, 1e-2, 3e-2)
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen settings and what every point of the grid scored."""

    settings: dict[str, float]
    """`{"c": ...}` or `{"epochs": ..., "lr": ...}`; ties go to the stronger regularisation."""
    grid: tuple[tuple[dict[str, float], float], ...]
    """(settings, mean held-out log loss in nats), in grid order."""


def folds(groups: Sequence[object], n_folds: int = FOLDS) -> npt.NDArray[np.int64]:
    """(n,) fold of each row; rows of a group share one, and the draw is always the same.

    Raises `ModelError` for fewer than two groups.
    """
    codes = {group: code for code, group in enumerate(dict.fromkeys(groups))}
    if len(codes) < 2:
        raise ModelError("cross-validation needs rows of at least two questions")
    fold_of = np.random.Generator(np.random.PCG64(0)).permutation(len(codes)) % min(n_folds, len(codes))
    return np.array([fold_of[codes[group]] for group in groups], np.int64)


def choose_c(
    features: npt.NDArray[np.floating],
    targets: Floats,
    groups: Sequence[object],
    kind: Kind,
    grid: Sequence[float] = C_GRID,
) -> Choice:
    """The C of least 5-fold log loss, for the solver `exact`."""
    fold = folds(groups)
    total = np.zeros(len(grid))
    for k in range(int(fold.max()) + 1):
        train, held = fold != k, fold == k
        for i, c in enumerate(grid):
            probe = fit_exact(features[train], targets[train], kind, c=c)
            total[i] += cross_entropy(targets[held], probe.logits(features[held])).sum()
    return _least([{"c": float(c)} for c in grid], total / len(targets))


def choose_path(
    features: npt.NDArray[np.floating],
    targets: Floats,
    groups: Sequence[object],
    kind: Kind,
    c: float,
    epoch_grid: Sequence[float] = EPOCH_GRID,
    lr_grid: Sequence[float] = LR_GRID,
) -> Choice:
    """Epochs and learning rate of least 5-fold log loss, for the solver `path` at a given C.

    The learning rate is constant, so one trajectory per rate passes through every number of epochs.
    """
    fold = folds(groups)
    epochs = sorted(epoch_grid)
    total = np.zeros((len(lr_grid), len(epochs)))
    for k in range(int(fold.max()) + 1):
        train, held = fold != k, fold == k
        for i, lr in enumerate(lr_grid):
            path = Path(features[train], targets[train], kind, c=c, lr=lr, seed=0)
            for j, until in enumerate(epochs):
                path.run(until, epochs[-1])
                total[i, j] += cross_entropy(targets[held], path.probe().logits(features[held])).sum()
    points = [{"epochs": float(e), "lr": float(lr)} for lr, e in product(lr_grid, epochs)]
    return _least(points, total.ravel() / len(targets))


def _least(points: list[dict[str, float]], losses: npt.NDArray[np.float64]) -> Choice:
    best = int(np.argmin(losses))
    return Choice(points[best], tuple((p, float(v)) for p, v in zip(points, losses, strict=True)))
