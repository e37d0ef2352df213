"""Soften the labels that the student cannot learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness import Handle, Method, Problem, Student, hookimpl

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Epiplexity(Method):
    """Train on out-of-fold labels, of which the least learnable are smoothed towards 1/2.

    An agent-found method of the published automated-researcher runs (chat PGR .62), named after the
    structural information of Finzi et al. (2026), arXiv:2601.03220: what a learner of bounded compute takes
    up of the data is the area between its loss and its final loss, and what never falls is noise to it.

    1. Out-of-fold soft labels u(x): the rows are cut into `folds`, and each part is labelled by a student
       trained on w of the other parts.
    2. A probing student is trained on u; learnable(x) = its first loss on x minus its last.
    3. Of the `share` of the rows that are least learnable, the one of rank r (0 the least) of m is moved
       towards 1/2 by the factor c = (1 - r/m)^`power`: target = u + c (1/2 - u).
    4. A student is trained on all rows with these targets.

    Every fit is by steps, as the losses of the probing run are. Ours differs: rows are trained on in one
    order each, since every student here is odd under the swap of a preference by construction, so the other
    order would repeat the same loss.
    """

    name = "epiplexity"
    by_steps = True
    authored_by = "agent"
    reference = "agent-found; after Finzi et al. 2026, arXiv:2601.03220"
    folds: int = 2
    share: float = 0.4
    power: float = 2.0

    def __post_init__(self) -> None:
        """Raises `ValueError` for less than two folds, or a share or power outside its range."""
        if self.folds < 2:
            raise ValueError(f"epiplexity: folds is {self.folds}, expected at least 2")
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"epiplexity: share is {self.share}, expected a number in [0, 1]")
        if not 0.0 < self.power < np.inf:
            raise ValueError(f"epiplexity: power is {self.power}, expected a number above 0")

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """`folds` + 2 fits."""
        labels = self._out_of_fold(problem, student, rng)
        trace = student.fit(problem.rows, labels, epochs=student.epochs, trace=True).trace
        if trace is None:
            raise RuntimeError("epiplexity: the student kept no trace of its losses")
        targets = smoothed(labels, trace[0] - trace[1], self.share, self.power)
        return student.fit(problem.rows, targets, epochs=student.epochs)

    def _out_of_fold(self, problem: Problem, student: Student, rng: np.random.Generator) -> Float:
        n = len(problem.weak)
        if n < 2:
            raise ValueError("epiplexity: one row cannot be held out of the training")
        fold = rng.permutation(n) % min(self.folds, n)
        out = np.empty(n)
        for k in range(int(fold.max()) + 1):
            rest = fold != k
            trained = student.fit(problem.rows[rest], problem.weak[rest], epochs=student.epochs)
            out[~rest] = trained.predict(problem.rows[~rest])
        return out


def smoothed(labels: Float, learnable: Float, share: float, power: float) -> Float:
    """(n,) labels, the least learnable `share` of them moved towards 1/2."""
    m = round(share * len(labels))
    least = np.argsort(learnable, kind="stable")[:m]
    targets = labels.copy()
    targets[least] += (1.0 - np.arange(m) / m) ** power * (0.5 - labels[least]) if m else 0.0
    return targets


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [Epiplexity]
