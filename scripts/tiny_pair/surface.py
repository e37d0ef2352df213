"""How much of a task do surface features give away? Logistic regression on length, n-grams, position."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from w2s_harness import Example
from w2s_harness.contract.kinds import VERIFY, kind_of_row
from w2s_harness.students.probe.choosing import choose_c
from w2s_harness.students.probe.probe import fit_exact

LARGEST_VOCABULARY = 600
"""The commonest n-grams that are counted."""
C_GRID = (1e-4, 1e-3, 1e-2)
BASELINES = ("length", "characters", "words", "position")


def accuracies(train: Sequence[Example], test: Sequence[Example]) -> dict[str, float]:
    """Holdout accuracy of each baseline, trained on the gold labels of both training splits."""
    return {name: _accuracy(name, train, test) for name in BASELINES}


def _accuracy(name: str, train: Sequence[Example], test: Sequence[Example]) -> float:
    kind = kind_of_row(train[0])
    counts = [_counts(name, row, place) for place, row in enumerate([*train, *test])]
    common = Counter(gram for count in counts[: len(train)] for gram in sorted(count))
    vocabulary = {gram: i for i, (gram, _) in enumerate(common.most_common(LARGEST_VOCABULARY))}
    x = np.zeros((len(counts), len(vocabulary)))
    for row, count in enumerate(counts):
        for gram, value in count.items():
            if gram in vocabulary:
                x[row, vocabulary[gram]] = value
    y, gold = _labels(train), _labels(test)
    chosen = choose_c(x[: len(train)], y, [row.group for row in train], kind, C_GRID)
    # A position has no mirror image: it needs the bias that a difference of two responses must not have.
    fitted = fit_exact(x[: len(train)], y, VERIFY if name == "position" else kind, c=chosen.settings["c"])
    return float(((fitted.logits(x[len(train) :]) > 0) == (gold > 0.5)).mean())


def _labels(rows: Sequence[Example]) -> npt.NDArray[np.float64]:
    return np.array([float(row.label) for row in rows])


def _counts(name: str, row: Example, place: int) -> dict[str, float]:
    """What a baseline sees of a row; of a preference, the difference of its two responses."""
    if name == "position":
        return {str(place % 4): 1.0} if row.candidate is not None else {"first": 1.0}
    if row.candidate is not None:
        return {gram: float(n) for gram, n in _grams(name, row.candidate).items()}
    difference = _grams(name, row.first or "")
    difference.subtract(_grams(name, row.second or ""))
    return {gram: float(n) for gram, n in difference.items()}


def _grams(name: str, text: str) -> Counter[str]:
    if name == "length":
        return Counter({"characters": len(text), "words": len(text.split())})
    if name == "characters":
        return Counter(text[i : i + n] for n in (1, 2, 3) for i in range(len(text) - n + 1))
    words = re.findall(r"\w+|[^\w\s]", text)
    return Counter(" ".join(words[i : i + n]) for n in (1, 2) for i in range(len(words) - n + 1))
