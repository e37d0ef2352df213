"""Let the strong student label its own training rows and learn them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness import Handle, Method, Problem, Student, hookimpl, kind_of


@dataclass(frozen=True)
class SelfTraining(Method):
    """Relabel all rows with the student's own decisions, keeping the teacher's class balance, and refit.

    Round 0 fits on w(x). Each of `rounds` rounds fits a new student on labels of the last one. Verify rows:
    the m rows of largest s(x) get 1 and the others 0, where m is the sum of w(x), rounded. Preference rows:
    [s(x) > 1/2], since each stands beside its swap, which balances them.

    After pseudo-labelling, Lee (2013), "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning
    Method for Deep Neural Networks". Ours differs: there are no gold labels to mix in, and the fixed balance
    keeps the rounds from drifting to one class.
    """

    name = "self-training"
    reference = "Lee 2013, Pseudo-Label, ICML workshop on challenges in representation learning"
    rounds: int = 2

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """`rounds` + 1 fits."""
        ones = round(float(problem.weak.sum())) if kind_of(problem.kind).has_bias else None
        trained = student.fit(problem.rows, problem.weak)
        for _ in range(self.rounds):
            trained = student.fit(problem.rows, relabel(trained.predict(problem.rows), ones))
        return trained


def relabel(scores: npt.NDArray[np.float64], ones: int | None) -> npt.NDArray[np.float64]:
    """(n,) labels: 1 for the `ones` largest scores (of equal ones the first), or for those over 1/2."""
    if ones is None:
        return (scores > 0.5).astype(float)
    labels = np.zeros(len(scores))
    labels[np.argsort(-scores, kind="stable")[:ones]] = 1.0
    return labels


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [SelfTraining]
