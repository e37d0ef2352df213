"""The best of several references, chosen on the holdout in the references' own favour.

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

from w2s_harness.scoring.points.blocks import Block, Clusters, block

Floats = npt.NDArray[np.float64]


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
