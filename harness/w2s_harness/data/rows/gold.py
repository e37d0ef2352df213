"""What is right of a task's rows. `.importlinter` lists who may import this: who trains on gold or scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.types import Example, Split
from w2s_harness.data.rows.texts import TaskData, fixed

NO_VOTE = -1
"""In `Votes.values`, where a voter did not vote on a row."""


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """What was said of the n rows of a split; every row has at least one vote."""

    values: npt.NDArray[np.int8]
    """(n, v) 1, 0 or `NO_VOTE`; read-only."""
    voters: tuple[str, ...]
    """Whose column each is; empty where votes are anonymous, and then columns mean nothing."""

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """(n,) votes on each row."""
        return np.asarray((self.values != NO_VOTE).sum(axis=1))

    @property
    def share(self) -> npt.NDArray[np.float64]:
        """(n,) the share of a row's votes that say 1: its soft label."""
        return np.asarray((self.values == 1).sum(axis=1) / self.counts)

    @property
    def largest(self) -> npt.NDArray[np.float64]:
        """(n,) the share of a row's votes that its commoner class has, in [1/2, 1]."""
        ones = (self.values == 1).sum(axis=1)
        return np.asarray(np.maximum(ones, self.counts - ones) / self.counts)

    def only(self, index: npt.NDArray[np.integer]) -> Votes:
        """The votes on some of the rows."""
        return Votes(fixed(self.values[index]), self.voters)


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


# -- from examples ------------------------------------------------------------------------------------------


def majority(votes: Sequence[int | None]) -> bool:
    """The class of most of a row's votes; of a tie, that of its first vote."""
    cast = [vote for vote in votes if vote is not None]
    ones = sum(cast)
    return bool(cast[0]) if 2 * ones == len(cast) else 2 * ones > len(cast)


def label_of(example: Example) -> bool:
    """An example's label; of a judged one the majority of its votes."""
    return majority(example.votes) if example.votes is not None else bool(example.label)


def table(examples: Sequence[Example]) -> Votes | None:
    """The votes of a split's rows, voters in the order of their names; None where rows have labels."""
    if examples[0].votes is None:
        return None
    named = examples[0].voters is not None
    voters = tuple(sorted({name for e in examples for name in e.voters or ()}))
    place = {name: i for i, name in enumerate(voters)}
    width = len(voters) if named else max(len(e.votes or ()) for e in examples)
    values = np.full((len(examples), width), NO_VOTE, dtype=np.int8)
    for row, e in zip(values, examples, strict=True):
        at = [place[name] for name in e.voters] if e.voters is not None else range(len(e.votes or ()))
        for i, vote in zip(at, e.votes or (), strict=True):
            row[i] = NO_VOTE if vote is None else vote
    return Votes(fixed(values), voters)
