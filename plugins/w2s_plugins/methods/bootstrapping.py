"""Climb a ladder of students: each one's labels train the next larger one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from w2s_harness import Handle, Method, Problem, Skip, Student, hookimpl


@dataclass(frozen=True)
class Bootstrapping(Method):
    """Train a chain of students of growing size, each on the labels of the one before.

    With students M_1, ..., M_k from the smallest to the strong one, and l_0 = w: M_i is trained on l_{i-1},
    and l_i(x) = M_i's probability of x; M_k is returned. Each step crosses a smaller gap than the one from
    teacher to strong student. Burns et al. (2023), arXiv:2312.09390, section 4.3.1.

    Ours differs: every student trains on, and then labels, the same rows (a task has one unlabeled split),
    and all students have the strong one's settings, which were chosen against the weak labels. Skipped on a
    pair that offers no ladder.
    """

    name = "bootstrapping"
    reference = "Burns et al. 2023, arXiv:2312.09390"

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """One fit for each student of the ladder. Raises `Skip` where there is none."""
        if not student.chain:
            raise Skip("the pair offers no ladder of smaller students")
        labels = problem.weak
        for smaller in student.chain:
            labels = smaller.fit(problem.rows, labels).predict(problem.rows)
        return student.fit(problem.rows, labels)


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [Bootstrapping]
