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

    In the paper a is warmed up linearly over the first 20 % of the steps. The code released with it has
    a = .5 and, while the share of steps done is at most `warmup_frac` (.1), the coefficient a x that share;
    after it a whole: from a tenth of a it jumps to a. Its threshold is the batch's quantile. Ours has
    a = .75 and, where it trains by steps, the paper's line over the first 20 % and the batch's quantile.
    Where the head is solved exactly there are no steps: it fits on w and then refits 6 times to the target
    of the student before with a min(1, k/3) in round k, t over all rows.
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
