"""A third-party method in one file: weigh each weak label against students that never saw it.

w2s-harness run --tasks math --methods vanilla,examples/cross_fit.py
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from w2s_harness import Handle, Method, Problem, Student, hookimpl


@dataclass(frozen=True)
class CrossFit(Method):
    """Mix the weak label with the prediction of a student trained on the other half of the rows.

    target(x) = (1 - mix) w(x) + mix s(x), where s was fitted without x. One fit a half, one on everything.
    """

    name = "cross-fit"
    authors = ("w2s-harness",)
    mix: float = 0.5
    """Share of the target that is the students' own, in [0, 1]."""

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """Three fits."""
        first = rng.permutation(len(problem.rows)) < len(problem.rows) // 2
        targets = np.empty(len(problem.rows))
        for held in (first, ~first):
            other = student.fit(problem.rows[~held], problem.weak[~held])
            targets[held] = (1 - self.mix) * problem.weak[held] + self.mix * other.predict(problem.rows[held])
        return student.fit(problem.rows, targets)


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [CrossFit]
