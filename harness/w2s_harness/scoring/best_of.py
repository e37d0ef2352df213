"""What picking the best of several methods is worth by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from w2s_harness.scoring.bootstrap import DRAWS, replicates
from w2s_harness.scoring.twoway import Block, estimate


class Best(NamedTuple):
    """The best of k and the optimism of having picked it."""

    k: int
    """How many there were."""
    winner: int
    """The position of the largest; the first of several."""
    optimism: float
    """Accuracy, never under 0; subtract it from the winner's."""


def best_of(blocks: Sequence[Block], *, name: str = "best of k", draws: int = DRAWS) -> Best:
    """The largest of k transfer accuracies, and by how much it flatters.

    Optimism is the mean over crossed bootstrap draws (`bootstrap.replicates`, one draw of seeds and questions
    for all k) of the maximum in the draw minus that winner's original value: what choosing adds where the
    original values are the truth (Efron and Tibshirani 1993, *An Introduction to the Bootstrap*, chapter 17,
    the bootstrap estimate of optimism). Raises `ValueError` for fewer than two blocks, and as `replicates`.
    """
    if len(blocks) < 2:
        raise ValueError(f"{len(blocks)} methods have no best of several")
    values = np.array([estimate([b]) for b in blocks])
    found = replicates([[b] for b in blocks], name=name, draws=draws)
    winners = found.argmax(axis=1)
    optimism = float(np.mean(found.max(axis=1) - values[winners]))
    return Best(len(blocks), int(values.argmax()), max(0.0, optimism))
