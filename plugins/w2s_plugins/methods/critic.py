"""Let the strong student write critiques, and the weak teacher judge again with them at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness import Handle, Method, Problem, Rows, Skip, Student, hookimpl

CRITIQUE = {
    "verify": "Question: {question}\nProposed answer: {choice}\nA short critique of the proposed answer:",
    "preference": "Request: {question}\n\nResponse A: {first}\n\nResponse B: {second}\n\n"
    "A short critique of both responses:",
}
JUDGE = {
    "verify": "Question: {question}\nProposed answer: {choice}\nCritique:{note}\n"
    "Is the proposed answer correct? Answer yes or no.\nAnswer:",
    "preference": "Request: {question}\n\nResponse A: {first}\n\nResponse B: {second}\n\nCritique:{note}\n\n"
    "Is response A better than response B? Answer yes or no.\nAnswer:",
}
_EDGE = 1e-6
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Critic(Method):
    """Train on weak labels that moved by as much as a critique moves the weak model's judgement.

    logit t(x) = logit w(x) + scale * (m(x, critique) - m(x, none) - shift), where m is the untrained weak
    model's own margin between yes and no, the critique is what the untrained strong student writes on x
    (greedy, at most `max_tokens` tokens), and the student is trained on t. After Saunders et al. (2022),
    "Self-critiquing models for assisting human evaluators", arXiv:2206.05802.

    Ours differs: the teacher that re-judges is not fine-tuned on critiques, for that would take gold, so its
    fitted label w is kept and only moved; nobody trains the critic; and what any critique does whatever it
    says is taken away: shift is the median move over the rows (verify), or the move of the swapped row
    (preference: half the difference of both orders). Needs the access `generate`; skipped on a pair that
    cannot generate.
    """

    name = "critic"
    access = ("generate",)
    reference = "Saunders et al. 2022, arXiv:2206.05802"
    scale: float = 1.0
    max_tokens: int = 96

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """One fit. Raises `Skip` on a pair that cannot generate."""
        if "generate" not in student.abilities:
            raise Skip("the pair cannot generate text")
        moved = self._move(problem.rows, problem.kind, student)
        if problem.kind == "preference":
            moved = (moved - self._move(problem.rows.swap, problem.kind, student)) / 2
        else:
            moved = moved - np.median(moved)
        return student.fit(problem.rows, shifted(problem.weak, self.scale * moved))

    def _move(self, rows: Rows, kind: str, student: Student) -> Floats:
        """(n,) how far the critiques move the weak model's margins."""
        notes = student.generate(rows, CRITIQUE[kind], self.max_tokens)
        bare = JUDGE[kind].replace("Critique:{note}\n", "")
        after = student.zero_shot(rows, JUDGE[kind], notes=notes, reader="weak")
        return after - student.zero_shot(rows, bare, reader="weak")


def shifted(weak: Floats, by: Floats) -> Floats:
    """(n,) probabilities whose log-odds are those of `weak`, and `by` more."""
    w = np.clip(weak, _EDGE, 1 - _EDGE)
    return np.asarray(np.exp(-np.logaddexp(0.0, -(np.log(w / (1 - w)) + by))), np.float64)


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [Critic]
