"""Show the untrained strong student a few of the weak teacher's labels, and ask it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness import Handle, Method, Problem, Skip, Student, hookimpl, kind_of


@dataclass(frozen=True)
class FewShot(Method):
    """Predict by prompting with `shots` examples that carry the teacher's own decisions.

    P(label = 1) = sigmoid(margin(x | shots) + bias). The shots are as many rows as `shots` says, half of
    them drawn at random from those with w(x) > 1/2 and half from the others, in random order, each with the
    label [w(x) > 1/2]: labels are weak, never gold. Verify rows: bias is minus the median margin of the
    training rows; preference rows: 0. Few-shot prompting with weak labels: Burns et al. (2023),
    arXiv:2312.09390, section 5.2; balanced draws and the threshold are ours.

    Skipped on a pair whose student was not measured to gain from examples in its prompt: there this is
    zero-shot with noise. `template` names one of the pair's prompts; empty: its first.
    """

    name = "few-shot"
    reference = "Burns et al. 2023, arXiv:2312.09390"
    shots: int = 8
    template: str = ""

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """No fit: one pass over the training rows at most. Raises `Skip` on a pair that gains nothing."""
        if "few-shot" not in student.abilities:
            raise Skip("no in-context gain was measured on this pair")
        chosen = balanced(problem.weak, self.shots, rng)
        shots = [(problem.rows[int(i)], float(problem.weak[i] > 0.5)) for i in chosen]
        template = self.template or None
        if not kind_of(problem.kind).has_bias:
            return student.prior(template, shots=shots)
        margins = student.zero_shot(problem.rows, template, shots)
        return student.prior(template, bias=-float(np.median(margins)), shots=shots)


def balanced(weak: npt.NDArray[np.float64], count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """At most `count` rows in random order, half of them with w > 1/2 as far as there are so many."""
    order = np.argsort(rng.random(len(weak)), kind="stable")
    ones, zeros = order[weak[order] > 0.5], order[weak[order] <= 0.5]
    n_ones = min(len(ones), max(count // 2, count - len(zeros)))
    chosen = np.concatenate([ones[:n_ones], zeros[: count - n_ones]])
    return np.asarray(chosen[np.argsort(rng.random(len(chosen)), kind="stable")], np.int64)


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [FewShot]
