"""Let the strong student write critiques, and the weak teacher judge again with them at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness import Handle, Kind, Method, Problem, Rows, Skip, Student, hookimpl, kind_of

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
        kind = kind_of(problem.kind)
        moved = kind.averaged([self._move(rows, kind, student) for rows in problem.rows.orders])
        if kind.has_bias:
            moved = moved - np.median(moved)
        return student.fit(problem.rows, shifted(problem.weak, self.scale * moved))

    def _move(self, rows: Rows, kind: Kind, student: Student) -> Floats:
        """(n,) how far the critiques move the weak model's margins."""
        asked = kind.gap.join((*kind.pieces, f"A short critique of {kind.them}:"))
        judged = (*kind.pieces, "Critique:{note}", f"{kind.asks} Answer yes or no.\nAnswer:")
        judge = kind.gap.join(judged)
        bare = judge.replace("Critique:{note}\n", "")
        notes = student.generate(rows, asked, self.max_tokens)
        after = student.zero_shot(rows, judge, notes=notes, reader="weak")
        return after - student.zero_shot(rows, bare, reader="weak")


def shifted(weak: Floats, by: Floats) -> Floats:
    """(n,) probabilities whose log-odds are those of `weak`, and `by` more."""
    w = np.clip(weak, _EDGE, 1 - _EDGE)
    return np.asarray(np.exp(-np.logaddexp(0.0, -(np.log(w / (1 - w)) + by))), np.float64)


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [Critic]
