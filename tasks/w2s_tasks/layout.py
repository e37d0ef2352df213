"""Which questions does a generated task ask for? Splits, subsets, levels, and how many answers are right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from w2s_harness import UsageError

Split = Literal["train_label", "train_unlabel", "test"]

MOST_ROWS = 1_000_000
"""Of a split; more is a slip of the finger."""
CANDIDATES = 4
"""Candidates of a verify question."""
SHIFTED_SHARE = 4
"""One holdout question in this many is out-of-distribution."""
RIGHT_COUNTS = (1, 3)
"""Questions come in pairs with this many right candidates, so that labels balance in every level."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A question to be drawn."""

    split: Split
    index: int
    """Position in its split, from 0."""
    subset: str
    """`in-distribution` or `out-of-distribution`."""
    level: int
    """How hard: steps, statements or words."""
    turn: int
    """Position among the questions of this split and level, from 0."""
    last: bool
    """Whether it is the last of its split and level."""

    @property
    def group(self) -> str:
        """The question's id."""
        return f"{self.split}-{self.index}"


def slots(questions: Mapping[Split, int], difficulty: int) -> Iterator[Slot]:
    """Every question of a task, split by split.

    Levels `difficulty` and `difficulty + 1` alternate in all splits; every fourth holdout question is
    out-of-distribution, with level `difficulty + 2`. Raises `UsageError` for a difficulty outside 1 to 3.
    """
    if difficulty not in (1, 2, 3):
        raise UsageError(f"difficulty={difficulty!r} is out of range: give 1, 2 or 3")
    for split, count in questions.items():
        levels = [_level(split, index, difficulty) for index in range(count)]
        seen: Counter[int] = Counter()
        for index, level in enumerate(levels):
            subset = "out-of-distribution" if level == difficulty + 2 else "in-distribution"
            yield Slot(split, index, subset, level, seen[level], seen[level] + 1 == levels.count(level))
            seen[level] += 1


def _level(split: Split, index: int, difficulty: int) -> int:
    if split == "test" and index % SHIFTED_SHARE == SHIFTED_SHARE - 1:
        return difficulty + 2
    return difficulty + (index // SHIFTED_SHARE + index) % 2


def right_count(slot: Slot, candidates: int) -> int:
    """How many of a verify question's candidates are right.

    Half of the questions have half of them right; the others come in pairs of one and three, so that
    neither the count nor the commonest answer of a question gives its labels away.
    """
    if candidates != CANDIDATES or slot.turn % 4 < 2 or (slot.last and slot.turn % 4 == 2):
        return candidates // 2
    return RIGHT_COUNTS[slot.turn % 2]


def rows_per_split(label: int, unlabel: int, test: int) -> dict[Split, int]:
    """The split sizes in rows; raises `UsageError` for one too small for both labels, or too large."""
    sizes: dict[Split, int] = {"train_label": label, "train_unlabel": unlabel, "test": test}
    for split, rows in sizes.items():
        if rows < CANDIDATES:
            raise UsageError(f"{split} of {rows} rows is too small: ask for {CANDIDATES} rows at least")
        if rows > MOST_ROWS:
            raise UsageError(f"{split} of {rows:,} rows is too large: ask for {MOST_ROWS:,} rows at most")
    return sizes
