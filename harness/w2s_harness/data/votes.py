"""The votes on the rows of a judged task, read strictly and kept as one table a split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_harness.data.wording import described, quoted
from w2s_harness.errors import DataError
from w2s_harness.types import Example

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
        return Votes(_fixed(self.values[index]), self.voters)


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
    return Votes(_fixed(values), voters)


# -- one row ----------------------------------------------------------------------------------------------


def read_votes(value: object, column: str, at: str) -> tuple[int | None, ...]:
    """The votes in a file's column. Raises `DataError` at `at` for what is no list of 0, 1 and null."""
    if not isinstance(value, list):
        raise DataError(
            f"{at}: column '{column}' holds {described(value)}. Write a list of votes: [1, 0, 1]."
        )
    for number, vote in enumerate(value, 1):
        # 1.0 == 1 and True == 1, so the type is asked for as well
        if vote is not None and (type(vote) is not int or vote not in (0, 1)):
            what = f"vote {number} of column '{column}' is {described(vote)}"
            raise DataError(f"{at}: {what}. Write 0 or 1, or null for a named voter who did not vote.")
    return tuple(value)


def read_voters(value: object, column: str, at: str) -> tuple[str, ...]:
    """The voters' names in a file's column. Raises `DataError` at `at` for what is no list of texts."""
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        what = (
            f"column '{column}' holds {described(value)}"
            if not isinstance(value, list)
            else (f"column '{column}' holds a name that is no text")
        )
        raise DataError(f'{at}: {what}. Write the name of each vote\'s voter: ["ann", "bo"].')
    return tuple(value)


def check_votes(example: Example, at: str) -> None:
    """Raise `DataError` where an example of a judged task has a label, no votes, or odd ones."""
    votes: Any = example.votes
    voters: Any = example.voters
    if example.label is not None:
        raise DataError(f"{at}: has a label beside its votes. The votes are the gold; remove the label.")
    if votes is None:
        raise DataError(f"{at}: no votes. Every row of a judged task needs them.")
    if not isinstance(votes, tuple) or any(v is not None and type(v) is not int for v in votes):
        raise DataError(f"{at}: votes are {described(votes)}. Give a tuple of 0, 1 and None.")
    if any(v not in (0, 1, None) for v in votes):
        raise DataError(f"{at}: a vote is neither 0 nor 1. Write 0 or 1.")
    if all(v is None for v in votes):
        what = "holds no vote" if votes else "votes are empty"
        raise DataError(f"{at}: {what}. Give every row at least one vote, or leave the row out.")
    if voters is None:
        if None in votes:
            what = "a vote is null and nobody knows whose it would have been"
            raise DataError(f"{at}: {what}. Name the voters, or leave the missing vote out.")
        return
    if not isinstance(voters, tuple) or not all(isinstance(name, str) and name for name in voters):
        raise DataError(f"{at}: voters are {described(voters)}. Give a tuple of names.")
    if len(voters) != len(votes):
        what = f"{len(votes)} votes and {len(voters)} voters"
        raise DataError(f"{at}: {what}. Write one vote for each voter, null for who did not vote.")
    twice = next((name for i, name in enumerate(voters) if name in voters[:i]), None)
    if twice is not None:
        raise DataError(f"{at}: the voter {quoted(twice)} votes twice. Keep one vote.")


def _fixed(array: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    array.flags.writeable = False
    return array
