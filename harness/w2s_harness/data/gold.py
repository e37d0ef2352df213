"""What is right of a task's rows. `.importlinter` lists who may import this: who trains on gold or scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness.data.texts import TaskData
from w2s_harness.data.votes import Votes
from w2s_harness.types import Split


@dataclass(frozen=True, slots=True, eq=False)
class Gold:
    """Of the n rows of one split, in the order of its texts."""

    labels: npt.NDArray[np.bool_]
    """(n,) gold, of a judged task the majority of each row's votes; read-only."""
    votes: Votes | None = None
    """Of a judged task; as secret as a label."""

    @property
    def targets(self) -> npt.NDArray[np.float64]:
        """(n,) what a student is trained on: the labels, of a judged task the share of votes for 1."""
        return self.labels.astype(np.float64) if self.votes is None else self.votes.share

    @property
    def largest(self) -> npt.NDArray[np.float64] | None:
        """(n,) of a judged task, the share of a row's votes that its commoner class has; else None."""
        return None if self.votes is None else self.votes.largest


def gold_of(data: TaskData, split: Split) -> Gold:
    """The gold of a split's rows."""
    found: Gold = data._gold[split]
    return found
