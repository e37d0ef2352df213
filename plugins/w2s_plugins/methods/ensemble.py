"""Average the log-odds of several students."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from w2s_harness import Handle, Method, Problem, Student, hookimpl


@dataclass(frozen=True)
class Ensemble(Method):
    """Train `members` students on the soft weak labels and average their log-odds.

    logit p(x) = mean over members of logit s_m(x), without the share `trim` of the members at each end, row
    by row. Members differ by seed (initialisation and order), as the deep ensembles of Lakshminarayanan et
    al. (2017), arXiv:1612.01474. Ours differs in two ways. They average probabilities; we average log-odds,
    so that an undecided member does not pull a sure one. And where the head is solved exactly, a seed
    changes nothing: there each member learns from a bootstrap sample of the rows (n of n with replacement),
    which is bagging, Breiman (1996), doi:10.1007/BF00058655.
    """

    name = "ensemble"
    reference = "Lakshminarayanan et al. 2017, arXiv:1612.01474; Breiman 1996, doi:10.1007/BF00058655"
    members: int = 5
    trim: float = 0.0

    def __post_init__(self) -> None:
        """Raises `ValueError` for no members, or a share to trim outside [0, 1/2)."""
        if self.members < 1:
            raise ValueError(f"ensemble: members is {self.members}, expected at least 1")
        if not 0.0 <= self.trim < 0.5:
            raise ValueError(f"ensemble: trim is {self.trim}, expected a share in [0, 0.5)")

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """One fit a member."""
        handles = [self._member(problem, student, rng) for _ in range(self.members)]
        return student.ensemble(handles, how="logit-mean", trim=self.trim)

    def _member(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        if student.features:
            drawn = np.sort(rng.integers(len(problem.weak), size=len(problem.weak)))
            return student.fit(problem.rows[drawn], problem.weak[drawn])
        return student.fit(problem.rows, problem.weak, seed=int(rng.integers(2**31)))


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [Ensemble]
