"""Is this made-up creature of a kind that only labels tell? What it hangs on is known, and in no text.

`scripts/tiny_pair/make_kinds.py` writes the corpus of the pair `tiny-kinds` from this world too.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from w2s_harness import Example, Task, UsageError, hookimpl
from w2s_tasks.draws import seed_name, stream
from w2s_tasks.layout import Split, rows_per_split

Teacher = Literal["noisy", "blind"]
PAIRS: dict[str, str] = {"noisy": "tiny-kinds", "blind": "tiny-kinds-blind"}
"""The pair of each teacher; both have the same strong student."""
ENTITIES = 8000
"""The pool that every data seed draws its rows from."""
ATTRIBUTES = 3
VALUES = 4
"""Of an attribute."""
VERBS = 3
"""That tell one value of one attribute, and nothing else."""
ADVERBS = (
    "often", "now", "then", "here", "still", "always", "surely", "mostly", "again", "once", "yet", "soon",
)  # fmt: skip
"""Say nothing of an entity."""
FINAL = "knrst"
"""Letters before the last of a verb."""
_CONSONANTS, _VOWELS = "bdfghklmnprstvzj", "aeiou"

Profile = tuple[int, ...]
"""The values of an entity's attributes, each from 0 to `VALUES` - 1."""
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
        if sum(sizes.values()) > ENTITIES:
            message = f"{sum(sizes.values())} rows are more than the {ENTITIES} entities of 'kinds'"
            raise UsageError(message)
        seed = seed_name(self.data_seed)
        sides = _sides(members(seed), stream("kinds", seed, "entities"))
        for split, rows in sizes.items():
            yield from _rows(split, rows, sides, stream("kinds", seed, "words", split))


def members(seed: str) -> tuple[frozenset[int], ...]:
    """The two values of each attribute that count for the label."""
    out = []
    for attribute in range(ATTRIBUTES):
        draws = stream("kinds", seed, "concept", attribute)
        order = sorted((draws.random(), value) for value in range(VALUES))
        out.append(frozenset(value for _, value in order[: VALUES // 2]))
    return tuple(out)


def is_member(profile: Profile, counted: Sequence[frozenset[int]]) -> bool:
    """Whether most of an entity's attributes have a value that counts."""
    return 2 * sum(value in held for value, held in zip(profile, counted, strict=True)) > len(counted)


def _sides(counted: Sequence[frozenset[int]], draws: random.Random) -> dict[bool, list[int]]:
    """The entities with and without the label, each in random order."""
    places = [draws.random() for _ in range(ENTITIES)]
    sides: dict[bool, list[int]] = {False: [], True: []}
    for entity in sorted(range(ENTITIES), key=places.__getitem__):
        sides[is_member(profiles()[entity], counted)].append(entity)
    return sides


def _rows(split: Split, rows: int, sides: dict[bool, list[int]], draws: random.Random) -> Iterator[Example]:
    """One split's rows: half of them true, in random order. Takes its entities off `sides`."""
    first = len(sides[True]) >= len(sides[False])
    labels = [(i % 2 == 0) == first for i in range(rows)]
    places = [draws.random() for _ in labels]
    for i in sorted(range(rows), key=places.__getitem__):
        entity = sides[labels[i]].pop()
        adverbs = (ADVERBS[int(draws.random() * len(ADVERBS))] for _ in range(CANDIDATE_WORDS))
        name = names()[entity]
        yield Example(prompt=name, candidate=" ".join(adverbs), label=labels[i], group=name, split=split)


# -- the world: made-up entities, what is true of them, and the words that say so -------------------------


@cache
def names() -> tuple[str, ...]:
    """One word of three syllables for each entity."""
    syllables = [c + v for c in _CONSONANTS for v in _VOWELS]
    random, found = stream("kinds", "names"), dict[str, None]()
    while len(found) < ENTITIES:
        found["".join(syllables[int(random.random() * len(syllables))] for _ in range(3))] = None
    return tuple(found)


@cache
def profiles() -> tuple[Profile, ...]:
    """The attributes of each entity: every profile is that of equally many, in random order.

    So every set of two values per attribute, and every majority of such sets, holds for half of the pool.
    """
    random = stream("kinds", "profiles")
    places = [random.random() for _ in range(ENTITIES)]
    out: list[Profile] = [()] * ENTITIES
    for rank, entity in enumerate(sorted(range(ENTITIES), key=places.__getitem__)):
        out[entity] = tuple(rank // VALUES**j % VALUES for j in range(ATTRIBUTES))
    return tuple(out)


@cache
def verbs() -> tuple[str, ...]:
    """All verbs; those of value v of attribute a begin at `(a * VALUES + v) * VERBS`."""
    random, found = stream("kinds", "verbs"), dict[str, None]()

    def pick(letters: str) -> str:
        return letters[int(random.random() * len(letters))]

    while len(found) < ATTRIBUTES * VALUES * VERBS:
        found["".join(pick(_CONSONANTS) + pick(_VOWELS) for _ in range(2)) + pick(FINAL) + "s"] = None
    return tuple(found)


@hookimpl
def w2s_tasks() -> list[Task]:
    """Offer the task `kinds`."""
    return [KindsTask()]
