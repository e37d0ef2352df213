"""What do the texts of `cities` give away to one that knows no city? `surface.py` of tiny_pair, and spelling.

    PYTHONPATH=scripts/tiny_pair python scripts/cities/spelling.py

The surface baselines are linear in one text: where every city and every country is as often right as wrong,
they find nothing. They cannot see that a name looks like the names of a country. Spelling does: naive Bayes
on the letters of names (1 to 3 in a row), each country's counts smoothed towards everybody's.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import surface  # type: ignore[import-not-found]

from w2s_harness import Example
from w2s_tasks.cities import CitiesTask

PRIOR = 50.0
"""Letters' worth of everybody's spelling in each country's."""
DRAWS = (1, 11, 12)


def spelling(train: Sequence[Example], test: Sequence[Example]) -> float:
    """Holdout accuracy of: the name is likelier under the country's spelling than under everybody's."""
    counts: dict[str, Counter[str]] = {}
    for row in train:
        if row.label:
            counts.setdefault(row.answer, Counter()).update(_grams(row))
    everybody = sum(counts.values(), Counter[str]())
    total, kinds = everybody.total(), len(everybody)

    def score(row: Example) -> float:
        own = counts.get(row.answer, Counter[str]())
        ratio = 0.0
        for gram in _grams(row):
            base = (everybody[gram] + 0.5) / (total + 0.5 * kinds)
            ratio += math.log((own[gram] + PRIOR * base) / (own.total() + PRIOR) / base)
        return ratio

    return sum((score(row) > 0) == row.label for row in test) / len(test)


def _grams(row: Example) -> list[str]:
    name = row.prompt.removeprefix("In which country is the city of").removesuffix("?").lower() + " "
    return [name[i : i + n] for n in (1, 2, 3) for i in range(len(name) - n + 1)]


def main() -> None:
    """Print a line for each difficulty and draw."""
    for difficulty in (1, 2, 3):
        for draw in DRAWS:
            rows = list(CitiesTask(difficulty=difficulty, draw=draw).load())
            train = [row for row in rows if row.split != "test"]
            test = [row for row in rows if row.split == "test"]
            found = {**surface.accuracies(train, test), "spelling": spelling(train, test)}
            print(difficulty, draw, *(f"{name} {value:.3f}" for name, value in found.items()), flush=True)


if __name__ == "__main__":
    main()
