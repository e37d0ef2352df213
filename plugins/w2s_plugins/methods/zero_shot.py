"""Ask the strong student directly, without any training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from w2s_harness import Handle, Method, Problem, Student, hookimpl


@dataclass(frozen=True)
class ZeroShot(Method):
    """Predict from the untrained student's own log-odds; the teacher plays no part.

    P(label = 1) = sigmoid(margin(x) + bias). Verify rows of a task that states its share of true rows: bias
    is minus the quantile of the training rows' margins that calls this share of them right, the median where
    classes are balanced, since a bare likelihood has no meaningful zero. Other rows: bias is 0; a preference
    compares two responses and its sign has a meaning, and no prior is guessed for a task that states none.
    The zero-shot baseline of Burns et al. (2023), arXiv:2312.09390, with the threshold as said. `template`
    names one of the pair's prompts; empty: its first.
    """

    name = "zero-shot"
    track = "elicitation"
    reference = "Burns et al. 2023, arXiv:2312.09390"
    template: str = ""

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """No fit: one pass over the training rows at most."""
        template = self.template or None
        if problem.share_true is None:
            return student.prior(template=template)
        margins = student.zero_shot(problem.rows, template)
        return student.prior(template=template, bias=-float(np.quantile(margins, 1 - problem.share_true)))


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [ZeroShot]
