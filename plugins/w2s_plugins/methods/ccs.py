"""Find what the student holds true without asking anybody, then train on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from w2s_harness import Handle, Method, Problem, Student, hookimpl, kind_of

Float = npt.NDArray[np.float32]
Layer: TypeAlias = int | Literal["features"]
ANSWERS: tuple[Literal[1], Literal[0]] = (1, 0)
BETAS, EPSILON = (0.9, 0.999), 1e-8
"""Of Adam (Kingma and Ba 2015)."""


@dataclass(frozen=True)
class CCS(Method):
    """Contrast-consistent search: a direction along which a statement and its negation have opposite values.

    Burns et al. (2022), "Discovering Latent Knowledge in Language Models Without Supervision",
    arXiv:2212.03827. A row's contrast pair (x+, x-) is the preference and its swap, or the verify row
    answered "correct" and "incorrect" (`embed(answer=1)` and `embed(answer=0)`). Each side is centred and
    scaled apart, since else the probe reads the word or the order that tells the sides apart. A probe
    p = sigmoid(v . x + b) minimises the mean of (p+ + p- - 1)^2 + min(p+, p-)^2 by AdamW on all rows at once
    (`epochs`, `lr` and `decay` as in the released code), the best of `tries` starts is kept, and of all
    layers the one whose loss is lowest. P = (p+ + 1 - p-) / 2, turned round where fewer than half of its
    decisions are the teacher's: this one bit is all that the teacher gives, hence the track `elicitation`.

    Ours differs in what predicts. There it is the probe itself; here a student is trained on P of the
    training rows, with cross-entropy, whichever layer was kept, so that the method is the same for a probe
    and for a fine-tuned model and no code of it meets a test row. Layer 0, the embeddings, is left out: its
    sides differ by a constant; the feature vector, where there is one, stands for the last layer, of whose
    states it is made.

    Two limits. A preference's vector is a difference, so its two sides are exactly opposite, every probe
    without bias is consistent, and confidence alone chooses. And a model that never read "correct" in its
    pretraining, as those of the pair `tiny`, has nothing to say after it: expect chance on verify tasks.
    """

    name = "ccs"
    track = "elicitation"
    access = ("embeddings",)
    reference = "Burns et al. 2022, arXiv:2212.03827"
    tries: int = 10
    epochs: int = 1000
    lr: float = 0.001
    decay: float = 0.01

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """One fit on the labels of the best layer's probe."""
        found = [
            search(*sides(problem, student, layer), self.tries, self.epochs, self.lr, self.decay, rng)
            for layer in layers(student)
        ]
        _, p = min(found, key=lambda one: one[0])
        return student.fit(problem.rows, oriented(p, problem.weak))


def layers(student: Student) -> list[Layer]:
    """What is searched: every layer above the embeddings, the feature vector in place of the last."""
    inner: list[Layer] = list(range(1, student.layers - 1))
    return [*inner, "features" if student.features else student.layers - 1]


def sides(problem: Problem, student: Student, layer: Layer) -> tuple[Float, Float]:
    """Both sides (n, d) of each row's contrast pair, centred and scaled apart."""
    if kind_of(problem.kind).is_paired:
        plus = student.embed(problem.rows, layer)
        # The vector is one response's minus the other's: reading the swap would give its negative again.
        return standardised(plus), standardised(-plus)
    right, wrong = (student.embed(problem.rows, layer, answer=a) for a in ANSWERS)
    return standardised(right), standardised(wrong)


def standardised(x: npt.NDArray[np.float64]) -> Float:
    """Columns of mean 0 and standard deviation 1; a constant column becomes 0."""
    centred = x - x.mean(0)
    spread = centred.std(0)
    return np.asarray(centred / np.where(spread > 1e-6, spread, np.inf), np.float32)


def loss_of(plus: Float, minus: Float) -> tuple[Float, Float, Float]:
    """(t,) mean loss of (n, t) probabilities, and its slopes (n, t) in p+ and in p-, times n."""
    off = plus + minus - 1
    least = np.minimum(plus, minus)
    lower = plus < minus
    loss = np.asarray((off**2 + least**2).mean(0), np.float32)
    return loss, 2 * off + np.where(lower, 2 * least, 0), 2 * off + np.where(lower, 0, 2 * least)


def search(
    plus: Float, minus: Float, tries: int, epochs: int, lr: float, decay: float, rng: np.random.Generator
) -> tuple[float, npt.NDArray[np.float64]]:
    """(loss, (n,) P) of the best of `tries` probes, trained side by side."""
    n, d = plus.shape
    x = np.hstack([np.vstack([plus, minus]), np.ones((2 * n, 1), np.float32)])
    back = np.ascontiguousarray(x.T)
    theta = rng.uniform(-1, 1, (d + 1, tries)).astype(np.float32) / np.float32(np.sqrt(d))
    first, second = np.zeros_like(theta), np.zeros_like(theta)
    for step in range(1, epochs + 1):
        p = sigmoid(x @ theta)
        _, up, down = loss_of(p[:n], p[n:])
        gradient = back @ (np.vstack([up, down]) * p * (1 - p)) / n
        first = BETAS[0] * first + (1 - BETAS[0]) * gradient
        second = BETAS[1] * second + (1 - BETAS[1]) * gradient**2
        size = np.sqrt(second / (1 - BETAS[1] ** step)) + EPSILON
        theta = theta * (1 - lr * decay) - lr * first / (1 - BETAS[0] ** step) / size
    p = sigmoid(x @ theta)
    loss, *_ = loss_of(p[:n], p[n:])
    best = int(np.argmin(loss))
    return float(loss[best]), np.asarray((p[:n, best] + 1 - p[n:, best]) / 2, np.float64)


def sigmoid(z: Float) -> Float:
    """Elementwise 1 / (1 + exp(-z)); beyond 30 its slope is rounding."""
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -30, 30))), np.float32)


def oriented(p: npt.NDArray[np.float64], weak: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """`p`, or 1 - p where fewer than half of its decisions are the teacher's; both (n,)."""
    return p if np.mean((p > 0.5) == (weak > 0.5)) >= 0.5 else 1 - p


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [CCS]
