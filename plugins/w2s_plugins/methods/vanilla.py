"""Train the strong student on the weak teacher's probabilities as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from w2s_harness import Handle, Method, Problem, Student, hookimpl


@dataclass(frozen=True)
class Vanilla(Method):
    """Train on soft weak labels: the reference that every method is compared with.

    Minimises the mean cross-entropy of s(x) against w(x) over all n unlabeled rows. Burns et al. (2023),
    "Weak-to-Strong Generalization", arXiv:2312.09390, call it naive finetuning; both public releases train
    on the soft labels.
    """

    name = "vanilla"
    reference = "Burns et al. 2023, arXiv:2312.09390"

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """One fit on all rows."""
        return student.fit(problem.rows, problem.weak)


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [Vanilla]
