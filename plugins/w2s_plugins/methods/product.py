"""Sharpen the weak labels by the student's own view of each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from w2s_harness import Handle, Method, Problem, Student, hookimpl

MOST = 10.0
"""The greatest power that the loss takes."""


@dataclass(frozen=True)
class Product(Method):
    """Train towards the product of weak label and student's own probability.

    target(x) is proportional to w(x)^alpha * s(x)^beta over both classes, detached:
    logit target = alpha logit w + beta logit s. The `product_loss_fn` of the code released with Burns et al.
    (2023), arXiv:2312.09390, with its defaults alpha = beta = 1. The paper's main text does not use it.

    As there, nothing is warmed up: the released class is given a `warmup_frac` and never reads it. Ours is
    the released target batch by batch where it trains by steps. Where the head is solved exactly there are
    no steps: it fits on w, and then refits 6 times to the target of the student before.
    """

    name = "product"
    reference = "Burns et al. 2023, arXiv:2312.09390, released code"
    alpha: float = 1.0
    beta: float = 1.0

    def __post_init__(self) -> None:
        """Raises `ValueError` for a power outside [0, 10]."""
        for name, power in (("alpha", self.alpha), ("beta", self.beta)):
            if not 0.0 <= power <= MOST:
                raise ValueError(f"product: {name} is {power}, expected a power from 0 to {MOST:g}")

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """One fit with the `product` loss."""
        loss = {"alpha": self.alpha, "beta": self.beta}
        return student.fit(problem.rows, problem.weak, loss=("product", loss))


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [Product]
