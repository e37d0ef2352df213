"""What picking the best of several methods is worth by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from w2s_harness.scoring.points.blocks import Block, Matrix, countable, estimate, merge
from w2s_harness.scoring.spread import together
from w2s_harness.scoring.spread.bootstrap import DRAWS, replicates
from w2s_harness.scoring.spread.together import Spreads
from w2s_harness.scoring.spread.twoway import ZERO, combined


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
    for all k) of what the draw adds to the method that is the largest in it: what choosing adds (Efron and
    Tibshirani 1993, *An Introduction to the Bootstrap*, chapter 17, the bootstrap estimate of optimism). Two
    things are mended. Crossed draws vary by (S - 1) / S of what seeds do and count the interaction twice
    over, so what a draw adds is scaled to the two-way variance of the methods about their mean. And observed
    accuracies lie further apart than true ones, so that too few draws have another winner: those to which
    draws are added are shrunk to their mean by 1 - k / (k - 1) (variance of errors) / (variance), at least
    0 (Efron and Morris 1973, "Stein's estimation rule and its competitors", JASA 68; the factor is for few
    methods, whose variance is often large by chance). Raises `ValueError` for fewer than two blocks, and as
    `replicates`.
    """
    if len(blocks) < 2:
        raise ValueError(f"{len(blocks)} methods have no best of several")
    values = np.array([estimate([b]) for b in blocks])
    errors = replicates([[b] for b in blocks], name=name, draws=draws) - values
    errors *= _scale(blocks, errors)
    apart, noise = float(values.var()), float(errors.var(axis=1).mean())
    few = len(blocks) / (len(blocks) - 1)
    kept = max(0.0, 1 - few * noise / apart) if apart > 0 else 0.0
    winners = (errors + kept * (values - values.mean())).argmax(axis=1)
    optimism = float(np.mean(errors[np.arange(len(errors)), winners]))
    return Best(len(blocks), int(values.argmax()), max(0.0, optimism))


def _scale(blocks: Sequence[Block], errors: Matrix) -> float:
    """What makes the draws' spread about the mean method (draws, k) that of the two-way variance."""
    drawn = float(errors.var(axis=1).mean())
    if countable(blocks) is not None or drawn <= ZERO**2:
        return 1.0
    less = merge([b.scaled(-1 / len(blocks)) for b in blocks])
    stacked, left = together.stacks(blocks, less) if len(less) == 1 else ([], range(len(blocks)))
    known = [Spreads.of([blocks[i], *less]) for i in left]
    known += [together.spreads(x + less[0].values, less[0].shares) for _, x in stacked]
    # without their floors, which are for intervals
    total = math.fsum(x for v in known for x in combined(v.seeds, v.questions, v.cells))
    return math.sqrt(total / len(blocks) / drawn)
