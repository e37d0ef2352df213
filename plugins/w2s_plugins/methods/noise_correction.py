"""Estimate how often the teacher confuses the classes, and correct the student's loss for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness import Handle, Method, Problem, Student, hookimpl, kind_of

Float = npt.NDArray[np.float64]

EDGE = 1e-3
"""The estimated rates lie within [EDGE, 1 - EDGE], so that no label becomes impossible."""


@dataclass(frozen=True)
class NoiseCorrection(Method):
    """Train with the forward-corrected loss for an estimated class-conditional confusion of the teacher.

    Patrini et al. (2017), "Making Deep Neural Networks Robust to Label Noise", arXiv:1609.03683. With
    T_ij = P(weak label j | gold label i), the loss of a row with weak label j is -log sum_i s_i(x) T_ij, so
    that s itself estimates the gold label. T is read off anchor points, without gold: T_i1 is a student's
    P(weak label 1) at the row which it finds most typical of class i, taken as in section 4 of the paper at
    the `quantile` .97 instead of the maximum. Preferences are read both ways round, which makes T symmetric.

    Ours differs in three ways. The anchor predictions are out of fold (`folds`), so that a row's own label
    does not make it an anchor. A soft weak label w counts as the mixture of label 1 with w and label 0 with
    1 - w, as everywhere here; `soft` = false takes [w > 1/2], as the paper does. And the loss is minimised by
    EM, since its cross-entropies are all that a student trains on: starting from the student trained on w,
    each of `rounds` rounds refits it to q(x) = w s T_11 / (s T_11 + (1 - s) T_01) +
    (1 - w) s T_10 / (s T_10 + (1 - s) T_00), the P(gold = 1) given weak label and student. No round can
    raise the loss where the head is solved exactly; after `rounds` rounds it need not be at its minimum.
    Where the teacher is never sure of one class, that class has no anchor: T is then too noisy for it, and
    the correction moves the balance towards it.
    """

    name = "noise-correction"
    reference = "Patrini et al. 2017, arXiv:1609.03683"
    quantile: float = 0.97
    folds: int = 5
    rounds: int = 5
    soft: bool = True

    def __post_init__(self) -> None:
        """Raises `ValueError` for a quantile outside (1/2, 1], less than two folds or no round."""
        if not 0.5 < self.quantile <= 1.0:
            raise ValueError(f"noise-correction: quantile is {self.quantile}, expected one in (0.5, 1]")
        if self.folds < 2:
            raise ValueError(f"noise-correction: folds is {self.folds}, expected at least 2")
        if self.rounds < 1:
            raise ValueError(f"noise-correction: rounds is {self.rounds}, expected at least 1")

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """`folds` + 1 + `rounds` fits."""
        weak = problem.weak if self.soft else (1.0 + np.sign(problem.weak - 0.5)) / 2.0
        held = out_of_fold(problem, weak, student, rng, self.folds)
        low, high = anchors(np.concatenate(kind_of(problem.kind).in_orders(held)), self.quantile)
        trained = student.fit(problem.rows, weak)
        for _ in range(self.rounds):
            trained = student.fit(problem.rows, posterior(trained.predict(problem.rows), weak, low, high))
        return trained


def out_of_fold(
    problem: Problem, weak: Float, student: Student, rng: np.random.Generator, folds: int
) -> Float:
    """(n,) P(weak label = 1) of each row by a student that was not trained on it."""
    n = len(weak)
    if n < 2:
        raise ValueError("noise-correction: one row cannot be held out of the training")
    fold = rng.permutation(n) % min(folds, n)
    out = np.empty(n)
    for k in range(int(fold.max()) + 1):
        rest = fold != k
        out[~rest] = student.fit(problem.rows[rest], weak[rest]).predict(problem.rows[~rest])
    return out


def anchors(predicted: Float, quantile: float) -> tuple[float, float]:
    """(T_01, T_11): P(weak label = 1) at the anchor points of class 0 and of class 1."""
    low, high = np.quantile(predicted, [1.0 - quantile, quantile])
    return float(np.clip(low, EDGE, 1 - EDGE)), float(np.clip(high, EDGE, 1 - EDGE))


def posterior(own: Float, weak: Float, low: float, high: float) -> Float:
    """(n,) P(gold = 1 | weak label, student) by Bayes, for s `own`, w `weak`, T_01 `low` and T_11 `high`."""
    given_one = own * high / (own * high + (1 - own) * low)
    given_zero = own * (1 - high) / (own * (1 - high) + (1 - own) * (1 - low))
    return np.asarray(np.clip(weak * given_one + (1 - weak) * given_zero, 0.0, 1.0), np.float64)


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [NoiseCorrection]
