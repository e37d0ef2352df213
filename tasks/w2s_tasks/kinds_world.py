"""The world of `kinds`: made-up entities, what is true of them, and the words that say so.

`scripts/tiny_pair/make_kinds.py` writes the corpus of the pair `tiny-kinds` from it; the task asks about it.
"""

from __future__ import annotations

from functools import cache

from w2s_tasks.draws import stream

ENTITIES = 8000
"""The pool that every data seed draws its rows from."""
ATTRIBUTES = 3
VALUES = 4
"""Of an attribute."""
VERBS = 3
"""That tell one value of one attribute, and nothing else."""
ADVERBS = (
    "often",
    "now",
    "then",
    "here",
    "still",
    "always",
    "surely",
    "mostly",
    "again",
    "once",
    "yet",
    "soon",
)
"""Say nothing of an entity."""
FINAL = "knrst"
"""Letters before the last of a verb."""
_CONSONANTS, _VOWELS = "bdfghklmnprstvzj", "aeiou"

Profile = tuple[int, ...]
"""The values of an entity's attributes, each from 0 to `VALUES` - 1."""


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
