"""Let the strong student trust itself where it disagrees with its teacher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from w2s_harness import Handle, Method, Problem, Student, hookimpl


@dataclass(frozen=True)
class LogConf(Method):
    """Train with the auxiliary confidence loss: part of the target is the student's own decision.

    target(x) = (1 - a) w(x) + a [s(x) > t], detached, with a = `alpha` and t the quantile of s that keeps the
    class balance of the weak labels: Burns et al. (2023), arXiv:2312.09390, section 4.3.2 and appendix A.4.
    Preferences have t = 1/2: each stands beside its swap, which balances them.

    There a is warmed up linearly over the first 10 to 20 % of the steps, to .5 or .75. Ours does that where
    it trains by steps; where the head is solved exactly there are no steps, so it fits on w and then refits
    6 times to the target with a min(1, k/3) in round k.
    """

    name = "logconf"
    reference = "Burns et al. 2023, arXiv:2312.09390"
    alpha: float = 0.75

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """One fit with the `logconf` loss."""
        return student.fit(problem.rows, problem.weak, loss=("logconf", {"a": self.alpha}))


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [LogConf]
