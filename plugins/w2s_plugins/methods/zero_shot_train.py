"""Train the strong student on its own zero-shot labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness import Handle, Method, Problem, Skip, Student, hookimpl, kind_of

Float = npt.NDArray[np.float64]
BALANCED = 0.5
"""The stated share of true rows where classes are balanced."""


@dataclass(frozen=True)
class ZeroShotTrain(Method):
    """Label the rows by zero-shot log-odds, then train on these labels; the teacher plays no part.

    Preferences: m(x) = (margin(x) - margin(swap x)) / 2, which makes the two orders agree, and the label is
    [m > 0]; the surest share of the rows by |m| is trained on, and each stands beside its swap, which
    balances them. Verify rows of a task with balanced classes: the threshold is the median margin, and from
    each side as many rows are trained on, those furthest from it. Where the task states another share of true
    rows, the threshold calls that share true; where it states none, it is the likelihood's own zero; the
    surest rows by the distance from it are trained on. `share` = 1 keeps all but a middle row. `template`
    names one of the pair's prompts; empty: its first.

    The zero-shot elicitation baseline of later weak-to-strong work, after the zero-shot baseline of Burns et
    al. (2023), arXiv:2312.09390. Ours is written from its description (zero-shot labels, made consistent,
    balanced by confidence, then trained on): which share of the rows was kept there is not known, so all are.
    """

    name = "zero-shot-train"
    track = "elicitation"
    reference = "zero-shot elicitation baseline beside Burns et al. 2023, arXiv:2312.09390"
    template: str = ""
    share: float = 1.0

    def __post_init__(self) -> None:
        """Raises `ValueError` for a share outside (0, 1]."""
        if not 0.0 < self.share <= 1.0:
            raise ValueError(f"zero-shot-train: share is {self.share}, expected a number in (0, 1]")

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """One pass over the training rows (preferences: two) and one fit."""
        if not self.template and not student.templates:
            raise Skip("the pair has no zero-shot template for this kind of task")
        template = self.template or None
        read = [student.zero_shot(rows, template) for rows in problem.rows.orders]
        margins = kind_of(problem.kind).averaged(read)
        if problem.share_true == BALANCED:
            kept, labels = by_half(margins, self.share)
        else:
            zero = 0.0 if problem.share_true is None else np.quantile(margins, 1 - problem.share_true)
            kept, labels = by_sign(margins - zero, self.share)
        return student.fit(problem.rows[kept], labels)


def by_sign(margins: Float, share: float) -> tuple[npt.NDArray[np.int64], Float]:
    """The surest rows and their labels: 1 for a positive margin, 1/2 for none."""
    kept = np.sort(np.argsort(-np.abs(margins), kind="stable")[: max(1, round(share * len(margins)))])
    return kept, (1.0 + np.sign(margins[kept])) / 2.0


def by_half(margins: Float, share: float) -> tuple[npt.NDArray[np.int64], Float]:
    """As many rows from the top as from the bottom: those get the label 1, these 0."""
    most = len(margins) // 2
    if not most:
        raise ValueError("zero-shot-train: one row cannot be balanced; give the task more rows")
    m = min(most, max(1, round(share * most)))
    order = np.argsort(margins, kind="stable")
    labels = np.zeros(len(margins))
    labels[order[-m:]] = 1.0
    kept = np.sort(np.concatenate([order[:m], order[-m:]]))
    return kept, labels[kept]


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [ZeroShotTrain]
