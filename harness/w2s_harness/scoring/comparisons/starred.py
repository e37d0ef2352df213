"""The best of several references, chosen on the holdout in the references' own favour; zero-shot readouts.

`vanilla*` is vanilla at the best point of its settings, `zero-shot*` the best readout of the untrained
student. A method that beats such a reference beats every point of it, so no choice of C, epochs or template
can be what it gained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from w2s_harness.scoring.spread.blocks import Block, Clusters, block

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

ALL = "all"
"""The mean of all templates, each in units of its own spread."""
TRAINED = "train:"
"""Before the name of a readout: a head trained on the readout's labels."""


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """One reference: vanilla at one setting, or one readout."""

    name: str
    """Such as `C=0.003` or `mean`; unique among the points."""
    outcomes: Mapping[int, Floats]
    """(n_test,) by seed: what each row counts, 1, 1/2 or 0 (of a judged task, agreement)."""
    settings: Mapping[str, float] = field(default_factory=dict)
    """What sets it apart, such as `{"C": 0.003}`."""

    @property
    def accuracy(self) -> float:
        """Mean over seeds and rows."""
        return float(np.mean([float(np.mean(row)) for row in self.outcomes.values()]))


@dataclass(frozen=True, eq=False)
class Starred:
    """Points over the same seeds and rows, at least one."""

    points: tuple[Point, ...]

    @cached_property
    def best(self) -> Point:
        """The point of highest mean accuracy; of several the first."""
        return max(self.points, key=lambda point: point.accuracy)

    def block(self, clusters: npt.ArrayLike | Clusters) -> Block:
        """The outcomes of the best point, as comparisons take them."""
        found = self.best.outcomes
        return block(list(found), np.stack(list(found.values())), clusters)


# -- readouts of the untrained student ---------------------------------------------------------------------


def threshold(train: npt.ArrayLike, share_true: float | None) -> float:
    """The margin above which a row is called true.

    0, the likelihood's own zero, where no share is stated; else the quantile that leaves `share_true` of the
    training margins (m,) above it, which is their median for 1/2.
    """
    if share_true is None:
        return 0.0
    return float(np.quantile(np.asarray(train, np.float64), 1 - share_true))


def centred(train: npt.ArrayLike, rows: npt.ArrayLike, share_true: float | None) -> Floats:
    """(T, k) margins less their thresholds, in units of their spread over the training rows.

    :param train: (T, m) margins of the training rows. :param rows: (T, k) margins to be scaled.
    The spread is the root mean square about the threshold; a readout that is constant stays 0.
    """
    m, x = np.asarray(train, np.float64), np.asarray(rows, np.float64)
    zero = np.array([threshold(row, share_true) for row in m])
    spread = np.sqrt(np.mean((m - zero[:, None]) ** 2, axis=1))
    return np.asarray((x - zero[:, None]) / np.where(spread > 0, spread, 1.0)[:, None])


def decided(z: Floats) -> Floats:
    """1 above 0, 0 below, 1/2 for a margin of exactly 0; of any shape."""
    return (1.0 + np.sign(z)) / 2.0


def labels(z: Floats, share_true: float | None) -> tuple[Codes, Floats]:
    """(k,) rows to train on and their labels (k,), as `zero-shot-train` takes them.

    Of centred margins z (m,). Where half are true by statement, as many rows from the top as from the bottom,
    without a middle row; else every row by its sign, 1/2 for none.
    """
    if share_true != 0.5:
        return np.arange(len(z)), decided(z)
    half = len(z) // 2
    order = np.argsort(z, kind="stable")
    y = np.zeros(len(z))
    y[order[len(z) - half :]] = 1.0
    kept = np.sort(np.concatenate([order[:half], order[len(z) - half :]]))
    return kept, y[kept]
