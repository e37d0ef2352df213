"""Trust teacher and student where they agree, then evolve the head towards consistent, sure predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from w2s_harness import Handle, Kind, Method, Problem, Rows, Skip, Student, hookimpl, kind_of

Float = npt.NDArray[np.float64]
Layer: TypeAlias = int | Literal["features"]
CCS_STEPS, CCS_RATE, CCS_DECAY = 1000, 1e-3, 0.01
"""Of the probe's AdamW, as in the released code of Burns et al. (2022)."""


@dataclass(frozen=True)
class CCSEvolution(Method):
    """Weak labels weighted by an unsupervised probe, one pass of training, then an evolution strategy.

    The best method that agents found in the published runs (chat PGR .93 there). In its steps:

    1. A contrast-consistent probe (`ccs`; Burns et al. 2022, arXiv:2212.03827) gives P, with the sign of the
       teacher's majority.
    2. Weight of a row, with the confidences |2 P - 1| and |2 w - 1|: the larger one where P and w decide
       alike, `disagree` times the smaller one where they do not.
    3. Draw n rows by these weights, with replacement; train one epoch on them, on both orders of a
       preference, with the soft weak labels as targets. (Here a row drawn k times is one row of weight k, and
       a preference's two orders are one row, as in every fit of this harness.)
    4. Improve the trained parameters without gradients: antithetic Gaussian perturbations (Salimans et al.
       2017, arXiv:1703.03864), fitness mean((1 - |p - (1 - p_swap)|) |2 p - 1|) over the unlabeled training
       rows. It needs no label.
    5. The same for `students` seeds; their log-odds are averaged without the `trim` share at each end, and
       preferences over both orders.

    Ours differs: what evolves is the linear head on the frozen features instead of an adapter, read back
    from the trained student's own log-odds by least squares, so the method needs a pair in probe mode and is
    skipped in `finetune`. A verify row has no swap: p and p_swap are read at the row answered "correct" and
    "incorrect", each side brought to the mean and scale of the rows as they are, and a head that says one
    thing always earns nothing. Where the model has nothing to say after these words, as those of `tiny`, the
    two sides are alike and the fitness draws every prediction to the middle, which costs accuracy;
    `generations=0` leaves the step out. A preference's features are a difference, so its head is consistent
    by construction and the fitness rewards confidence alone. The size of each step, published without
    numbers, is `sigma` for perturbations and `rate` for the standardised slope.
    """

    name = "ccs-es"
    by_steps = True
    access = ("embeddings",)
    authored_by = "agent"
    reference = "found by agents in the published automated weak-to-strong runs; Burns et al. 2022; Salimans \
et al. 2017"
    disagree: float = 0.1
    tries: int = 10
    students: int = 7
    trim: float = 0.15
    generations: int = 30
    population: int = 16
    sigma: float = 0.02
    rate: float = 0.02

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """`students` fits of one epoch, `students` heads and their ensemble."""
        if not student.features:
            raise Skip("it evolves a linear head on frozen features, which a pair in finetune mode has not")
        contrasts = [sides(problem, student, layer) for layer in layers(student)]
        p = best_probe(contrasts, self.tries, problem.weak, rng)
        weights = agreement_weights(p, problem.weak, self.disagree)
        plain = student.embed(problem.rows)
        kind = kind_of(problem.kind)
        scale = Scale.of(plain, kind)
        x = scale.apply(plain)
        plus, minus = (x, -x) if kind.is_paired else contrasts[-1]
        heads = []
        for seed in range(self.students):
            pick = rng.choice(len(x), len(x), p=weights / weights.sum())
            rows, targets = both_orders(problem, pick)
            trained = student.fit(rows, targets, epochs=1, seed=seed)
            theta = read_back(x, log_odds(trained.predict(problem.rows)), kind)
            theta = self.evolve(theta, plus, minus, kind, rng)
            heads.append(student.head(*scale.undo(theta)))
        return student.ensemble(heads, how="logit-mean", trim=self.trim, swap_average=kind.is_paired)

    def evolve(self, theta: Float, plus: Float, minus: Float, kind: Kind, rng: np.random.Generator) -> Float:
        """`theta` (d + 1,), bias last, after `generations` of antithetic pairs."""
        for _ in range(self.generations):
            step = rng.standard_normal((len(theta), self.population))
            step[-1] *= kind.has_bias
            up = fitness(theta[:, None] + self.sigma * step, plus, minus)
            down = fitness(theta[:, None] - self.sigma * step, plus, minus)
            spread = float(np.concatenate([up, down]).std())
            if spread == 0.0:
                break
            theta = theta + self.rate * step @ (up - down) / (2 * spread * self.population)
        return theta


def agreement_weights(p: Float, weak: Float, disagree: float) -> Float:
    """(n,) weights of rows from the probe's P (n,) and the teacher's (n,); never all zero."""
    probe, teacher = np.abs(2 * p - 1), np.abs(2 * weak - 1)
    alike = (p > 0.5) == (weak > 0.5)
    weights = np.where(alike, np.maximum(probe, teacher), disagree * np.minimum(probe, teacher))
    return weights if weights.any() else np.ones(len(weak))


def fitness(theta: Float, plus: Float, minus: Float) -> Float:
    """(t,) mean of (1 - |p - (1 - p_swap)|) |2 p - 1| for heads (d + 1, t), bias last, on sides (n, d)."""
    p, swapped = (sigmoid(side @ theta[:-1] + theta[-1]) for side in (plus, minus))
    return np.asarray(((1 - np.abs(p + swapped - 1)) * np.abs(2 * p - 1)).mean(0), np.float64)


def both_orders(problem: Problem, pick: npt.NDArray[np.int64]) -> tuple[Rows, Float]:
    """The rows that were drawn and their soft weak labels; preferences once in each order."""
    rows, weak = problem.rows[pick], problem.weak[pick]
    turned = rows.orders[1:]
    return sum(turned, rows), np.concatenate(kind_of(problem.kind).in_orders(weak))


# -- the head -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scale:
    """How features were standardised; preferences keep their mean, so that a swap stays a change of sign."""

    mean: Float
    spread: Float

    @classmethod
    def of(cls, x: Float, kind: Kind) -> Scale:
        """Mean (none for preferences) and spread of the columns of (n, d)."""
        mean = x.mean(0) if kind.has_bias else np.zeros(x.shape[1])
        spread = np.sqrt(((x - mean) ** 2).mean(0))
        return cls(mean, np.where(spread > 1e-6, spread, 1.0))

    def apply(self, x: Float) -> Float:
        """Standardised (n, d)."""
        return np.asarray((x - self.mean) / self.spread, np.float64)

    def undo(self, theta: Float) -> tuple[Float, float]:
        """Weights (d,) and bias that act on the features as they are."""
        weights = theta[:-1] / self.spread
        return weights, float(theta[-1] - self.mean @ weights)


def read_back(x: Float, z: Float, kind: Kind) -> Float:
    """(d + 1,) weights and bias of the linear head that gave log-odds z (n,) on x (n, d).

    Exact where the rows outnumber the columns; else the shortest head that gives the same.
    """
    data = np.hstack([x, np.ones((len(x), 1))]) if kind.has_bias else x
    found = np.linalg.lstsq(data, z, rcond=1e-8)[0]
    return np.asarray(found, np.float64) if kind.has_bias else np.append(found, 0.0)


def log_odds(p: Float) -> Float:
    """Log-odds of probabilities."""
    q = np.clip(p, 1e-12, 1 - 1e-12)
    return np.asarray(np.log(q) - np.log1p(-q), np.float64)


def sigmoid(z: npt.NDArray[np.floating]) -> Float:
    """Elementwise 1 / (1 + exp(-z)); beyond 30 its slope is rounding."""
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -30, 30))))


# -- the probe ------------------------------------------------------------------------------------------


def layers(student: Student) -> list[Layer]:
    """What is searched: every layer above the embeddings, the feature vector in place of the last."""
    return [*range(1, student.layers - 1), "features"]


def sides(problem: Problem, student: Student, layer: Layer) -> tuple[Float, Float]:
    """Both sides (n, d) of each row's contrast pair, centred and scaled apart."""
    if kind_of(problem.kind).is_paired:
        plus = student.embed(problem.rows, layer)
        # The vector is one response's minus the other's: reading the swap would give its negative again.
        return standardised(plus), standardised(-plus)
    right = student.embed(problem.rows, layer, answer=1)
    return standardised(right), standardised(student.embed(problem.rows, layer, answer=0))


def standardised(x: Float) -> Float:
    """Columns of mean 0 and standard deviation 1; a constant column becomes 0."""
    centred = x - x.mean(0)
    spread = centred.std(0)
    return np.asarray(centred / np.where(spread > 1e-6, spread, np.inf))


def best_probe(
    contrasts: Sequence[tuple[Float, Float]], tries: int, weak: Float, rng: np.random.Generator
) -> Float:
    """(n,) P of the layer of lowest loss, with the sign of the teacher's majority."""
    found = [probe(plus, minus, tries, rng) for plus, minus in contrasts]
    _, p = min(found, key=lambda one: one[0])
    return p if np.mean((p > 0.5) == (weak > 0.5)) >= 0.5 else 1 - p


def probe(plus: Float, minus: Float, tries: int, rng: np.random.Generator) -> tuple[float, Float]:
    """(loss, (n,) P) of the best of `tries` probes that minimise (p+ + p- - 1)^2 + min(p+, p-)^2."""
    n, d = plus.shape
    x = np.hstack([np.vstack([plus, minus]), np.ones((2 * n, 1))]).astype(np.float32)
    back = np.ascontiguousarray(x.T)
    theta = rng.uniform(-1, 1, (d + 1, tries)).astype(np.float32) / np.float32(np.sqrt(d))
    first, second = np.zeros_like(theta), np.zeros_like(theta)
    for step in range(1, CCS_STEPS + 1):
        p = sigmoid(x @ theta)
        slope = 2 * (np.tile(p[:n] + p[n:] - 1, (2, 1)) + np.where(p < np.roll(p, n, 0), p, 0))
        gradient = back @ (slope * p * (1 - p)) / n
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        size = np.sqrt(second / (1 - 0.999**step)) + 1e-8
        theta = theta * (1 - CCS_RATE * CCS_DECAY) - CCS_RATE * first / (1 - 0.9**step) / size
    p = sigmoid(x @ theta)
    one, other = p[:n], p[n:]
    loss = ((one + other - 1) ** 2 + np.minimum(one, other) ** 2).mean(0)
    best = int(np.argmin(loss))
    return float(loss[best]), np.asarray((one[:, best] + 1 - other[:, best]) / 2, np.float64)


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [CCSEvolution]
