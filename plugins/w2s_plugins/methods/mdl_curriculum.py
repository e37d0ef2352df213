"""Learn the teacher's surest rows first, then all of them from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from w2s_harness import Handle, Method, Problem, Student, hookimpl


@dataclass(frozen=True)
class MdlCurriculum(Method):
    """Two fifths of the epochs on the half the teacher is surest of, the rest on all rows at half the rate.

    An agent-found method of the published automated-researcher runs (chat PGR .68): two epochs on the half
    with the largest |w - 1/2|, then from the same weights three epochs on everything at half the learning
    rate; short descriptions first, in the sense of minimum description length. The curriculum is that of
    Bengio et al. (2009), doi:10.1145/1553374.1553380.

    Ours counts epochs in shares of the pair's own: with E epochs and rate r, `first` * E epochs at r, then
    (1 - `first`) * E at `slower` * r. With the published E = 5 these are the published two and three. A
    learning-rate schedule, where the pair has one, runs through in each part. `share` is the part of the
    rows that comes first.
    """

    name = "mdl-curriculum"
    by_steps = True
    authored_by = "agent"
    reference = "agent-found; after Bengio et al. 2009, doi:10.1145/1553374.1553380"
    share: float = 0.5
    first: float = 0.4
    slower: float = 0.5

    def __post_init__(self) -> None:
        """Raises `ValueError` for a share or a factor outside its range."""
        if not 0.0 < self.share <= 1.0:
            raise ValueError(f"mdl-curriculum: share is {self.share}, expected a number in (0, 1]")
        if not 0.0 < self.first < 1.0:
            raise ValueError(f"mdl-curriculum: first is {self.first}, expected a number in (0, 1)")
        if not 0.0 < self.slower <= 1.0:
            raise ValueError(f"mdl-curriculum: slower is {self.slower}, expected a number in (0, 1]")

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """Two fits, the second from the first."""
        n = len(problem.weak)
        order = np.argsort(-np.abs(problem.weak - 0.5), kind="stable")
        surest = np.sort(order[: int(np.ceil(self.share * n))])
        begun = student.fit(
            problem.rows[surest], problem.weak[surest], epochs=self.first * student.epochs, lr=student.lr
        )
        return student.fit(
            problem.rows,
            problem.weak,
            epochs=(1.0 - self.first) * student.epochs,
            lr=self.slower * student.lr,
            init=begun,
        )


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [MdlCurriculum]
