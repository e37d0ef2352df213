"""Is this made-up creature of a kind that only labels tell? What it hangs on is known, and in no text."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from w2s_harness import Example, Task, UsageError, hookimpl
from w2s_tasks import kinds_world as world
from w2s_tasks.draws import seed_name, stream
from w2s_tasks.layout import Split, rows_per_split

Teacher = Literal["noisy", "blind"]
PAIRS: dict[str, str] = {"noisy": "tiny-kinds", "blind": "tiny-kinds-blind"}
"""The pair of each teacher; both have the same strong student."""
CANDIDATE_WORDS = 2
"""Adverbs of a candidate: always as many, or a likelihood would read the length."""


@dataclass(frozen=True)
class KindsTask(Task):
    """An arbitrary concept over what pretraining told of made-up entities; one row an entity.

    The label is the majority of three memberships: of each attribute's four values the data seed draws two
    that count. Neither a name nor the neutral words beside it tell an attribute: a student must know it.
    """

    name = "kinds"
    kind = "verify"
    pair = "tiny-kinds"
    share_true = 0.5
    data_seed: int | str = 1
    """Any integer, or one as a decimal or hexadecimal string."""
    teacher: Teacher = "noisy"
    """`noisy`: it never read of half of the entities. `blind`: it read of all, never of one attribute."""
    label_rows: int = 1000
    unlabel_rows: int = 1000
    test_rows: int = 2000

    def __post_init__(self) -> None:
        """Raises `UsageError` for an unknown teacher."""
        if self.teacher not in PAIRS:
            message = f"teacher={self.teacher!r} is no teacher of the task 'kinds': give {' or '.join(PAIRS)}"
            raise UsageError(message)

    def made_for(self) -> str:
        """The pair whose weak teacher errs as `teacher` says."""
        return PAIRS[self.teacher]

    def load(self) -> Iterator[Example]:
        """Yield the rows, split by split. Raises `UsageError` for settings out of range."""
        sizes = rows_per_split(self.label_rows, self.unlabel_rows, self.test_rows)
        if sum(sizes.values()) > world.ENTITIES:
            message = f"{sum(sizes.values())} rows are more than the {world.ENTITIES} entities of 'kinds'"
            raise UsageError(message)
        seed = seed_name(self.data_seed)
        sides = _sides(members(seed), stream("kinds", seed, "entities"))
        for split, rows in sizes.items():
            yield from _rows(split, rows, sides, stream("kinds", seed, "words", split))


def members(seed: str) -> tuple[frozenset[int], ...]:
    """The two values of each attribute that count for the label."""
    out = []
    for attribute in range(world.ATTRIBUTES):
        draws = stream("kinds", seed, "concept", attribute)
        order = sorted((draws.random(), value) for value in range(world.VALUES))
        out.append(frozenset(value for _, value in order[: world.VALUES // 2]))
    return tuple(out)


def is_member(profile: world.Profile, counted: Sequence[frozenset[int]]) -> bool:
    """Whether most of an entity's attributes have a value that counts."""
    return 2 * sum(value in held for value, held in zip(profile, counted, strict=True)) > len(counted)


def _sides(counted: Sequence[frozenset[int]], draws: random.Random) -> dict[bool, list[int]]:
    """The entities with and without the label, each in random order."""
    places = [draws.random() for _ in range(world.ENTITIES)]
    sides: dict[bool, list[int]] = {False: [], True: []}
    for entity in sorted(range(world.ENTITIES), key=places.__getitem__):
        sides[is_member(world.profiles()[entity], counted)].append(entity)
    return sides


def _rows(split: Split, rows: int, sides: dict[bool, list[int]], draws: random.Random) -> Iterator[Example]:
    """One split's rows: half of them true, in random order. Takes its entities off `sides`."""
    first = len(sides[True]) >= len(sides[False])
    labels = [(i % 2 == 0) == first for i in range(rows)]
    places = [draws.random() for _ in labels]
    for i in sorted(range(rows), key=places.__getitem__):
        entity = sides[labels[i]].pop()
        adverbs = (world.ADVERBS[int(draws.random() * len(world.ADVERBS))] for _ in range(CANDIDATE_WORDS))
        name = world.names()[entity]
        yield Example(prompt=name, candidate=" ".join(adverbs), label=labels[i], group=name, split=split)


@hookimpl
def w2s_tasks() -> list[Task]:
    """Offer the task `kinds`."""
    return [KindsTask()]
