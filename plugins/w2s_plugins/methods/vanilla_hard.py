"""Train the strong student on the weak teacher's decisions, without its doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from w2s_harness import Handle, Method, Problem, Student, hookimpl


@dataclass(frozen=True)
class VanillaHard(Method):
    """Train on weak labels rounded to 0 or 1.

    target(x) = [w(x) > 1/2], and 1/2 where w(x) = 1/2 exactly. The hard-label form of naive finetuning of
    Burns et al. (2023), arXiv:2312.09390. A variant, never the reference: against it, most methods that
    merely keep the teacher's doubt look good.
    """

    name = "vanilla-hard"
    reference = "Burns et al. 2023, arXiv:2312.09390"

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """One fit on all rows."""
        hard = (1.0 + np.sign(problem.weak - 0.5)) / 2.0
        return student.fit(problem.rows, hard)


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [VanillaHard]
