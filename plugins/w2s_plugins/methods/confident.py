"""Train the strong student only where the weak teacher is sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from w2s_harness import Handle, Method, Problem, Student, hookimpl

LEAST_SHARE = 0.1
"""Share of the rows that is kept at least."""


@dataclass(frozen=True)
class Confident(Method):
    """Keep rows whose weak label lies more than `margin` from 1/2.

    With margin = .25, rows with w(x) in [.25, .75] are dropped: the confident-only baseline of the published
    runs. `soft` trains on w(x) itself, otherwise on [w(x) > 1/2].

    Ours differs in one case: where fewer than a tenth of the rows pass, the tenth that lies furthest from
    1/2 is kept, since a teacher that is never sure would leave nothing to train on.
    """

    name = "confident"
    reference = "confident-only baseline beside Burns et al. 2023, arXiv:2312.09390"
    margin: float = 0.25
    soft: bool = True

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """One fit on the rows that pass."""
        distance = np.abs(problem.weak - 0.5)
        keep = distance > self.margin
        least = int(np.ceil(LEAST_SHARE * len(distance)))
        if keep.sum() < least:
            keep = np.zeros(len(distance), dtype=bool)
            keep[np.argsort(-distance, kind="stable")[:least]] = True
        kept = problem.weak[keep]
        return student.fit(problem.rows[keep], kept if self.soft else (kept > 0.5).astype(float))


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [Confident]
