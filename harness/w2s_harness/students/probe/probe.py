"""The probe: L2 logistic regression on frozen features.

Minimises mean_i v_i CE(y_i, sigmoid(z_i)) + |w|^2 / (2 C n) with z = w . (x - mean) / scale + b, soft
targets y and row weights v (the objective of scikit-learn's LogisticRegression, divided by C n). The n rows
are those of positive weight, v has the mean 1 over them, and mean and scale come from them: a constant
weight is no weight, and a row of weight 0 is no row (`objective`). A preference's score must change its sign
under a swap: no bias, no mean, and the scale is the root mean square.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import BudgetError
from w2s_harness.contract.kinds import Kind
from w2s_harness.students.probe.objective import XENT, Loss, counted, detached_target

Floats = npt.NDArray[np.float64]

BATCH = 32
"""Rows of a minibatch of the solver `path`."""
ROUNDS = 6
"""Refits of `logconf` and `product` under the solver `exact`."""
MOST_EVALUATIONS = 15_000
"""Of the objective in one fit by the solver `exact`."""
_WARM_ROUNDS = 3
_BETAS = (0.9, 0.999)
_EPSILON = 1e-8


@dataclass(frozen=True, slots=True)
class Probe:
    """A linear head on standardised features: mean, scale and weights are (d,)."""

    mean: Floats
    scale: Floats
    weights: Floats
    bias: float = 0.0

    def logits(self, features: npt.NDArray[np.floating]) -> Floats:
        """(m,) log-odds of (m, d) features."""
        weights = self.weights / self.scale
        z = np.asarray(features, np.float64) @ weights + (self.bias - float(self.mean @ weights))
        return np.asarray(z, np.float64)


@dataclass(frozen=True, slots=True)
class SolvedProbe(Probe):
    """A probe at its optimum, and what it took."""

    solves: int = 0
    """Optimisations: 1, and one more a round of a loss other than `xent`."""
    steps: int = 0
    """Evaluations of the objective and its gradient, over all solves."""


def fit_exact(
    features: npt.NDArray[np.floating],
    targets: Floats,
    kind: Kind,
    *,
    c: float,
    weight: Floats | None = None,
    loss: Loss = XENT,
    most: int = MOST_EVALUATIONS,
) -> SolvedProbe:
    """Fit to the optimum by L-BFGS, by at most about `most` evaluations of the objective over all solves.

    `features` (n, d), `targets` (n,) in [0, 1], `weight` (n,) >= 0 and not all zero, of which only the
    proportions matter. A loss other than `xent` is fitted in rounds: once on the targets, then `ROUNDS` times
    on the detached target of the round before; with a warm-up its coefficient grows to its full value over
    the first three. Raises `BudgetError` where `most` do not suffice.
    """
    keep, v = counted(weight, len(features))
    features, y = np.asarray(features)[keep], np.asarray(targets, np.float64)[keep]
    probe = standardiser(features, kind)
    x = _standardised(probe, features)
    theta, steps = _optimum(x, y, v, kind, c, np.zeros(x.shape[1] + 1), most)
    rounds = 0 if loss.name == "xent" else ROUNDS
    for k in range(1, rounds + 1):
        share = min(1.0, k / _WARM_ROUNDS) if loss.option("warmup") else 1.0
        own = sigmoid(x @ theta[:-1] + theta[-1])
        aim = detached_target(y, own, kind, loss, share, v)
        theta, more = _optimum(x, aim, v, kind, c, theta, most - steps)
        steps += more
    return SolvedProbe(probe.mean, probe.scale, theta[:-1], float(theta[-1]), 1 + rounds, steps)


def sigmoid(z: Floats) -> Floats:
    """Elementwise 1 / (1 + exp(-z)), without overflow."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -z)), np.float64)


def cross_entropy(targets: Floats, z: Floats) -> Floats:
    """Elementwise cross-entropy in nats of soft targets against log-odds z."""
    return np.asarray(np.logaddexp(0.0, z) - targets * z, np.float64)


class Path:
    """One Adam trajectory on minibatches, which can be followed further and looked at in between.

    `init` goes on from a probe, written in the standardisation of these rows: in another one the penalty
    would be another. `weight` is as in `fit_exact`: rows of weight 0 are in no minibatch.
    """

    def __init__(
        self,
        features: npt.NDArray[np.floating],
        targets: Floats,
        kind: Kind,
        *,
        c: float,
        lr: float,
        seed: int,
        weight: Floats | None = None,
        loss: Loss = XENT,
        init: Probe | None = None,
    ) -> None:
        self._given = features
        self._keep, self._v = counted(weight, len(features))
        features = np.asarray(features)[self._keep]
        own = standardiser(features, kind)
        self._start = own if init is None else rebased(init, own)
        self._x = np.hstack([_standardised(self._start, features), np.ones((len(features), 1))])
        self._y = np.asarray(targets, np.float64)[self._keep]
        n = len(self._y)
        self._kind, self._loss, self._lr = kind, loss, lr
        # a preference has no bias, not even that of a head which a method worked out
        self._theta = np.append(self._start.weights, self._start.bias if kind.has_bias else 0.0)
        self._decay = np.append(np.full(self._x.shape[1] - 1, 1.0 / (c * n)), 0.0)
        self._free = np.ones(len(self._theta))
        self._free[-1] = 1.0 if kind.has_bias else 0.0
        self._m, self._s = np.zeros_like(self._theta), np.zeros_like(self._theta)
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._order = np.arange(n)
        self._step = 0
        self._met = np.full((2, n), np.nan)

    def run(self, until: float, epochs: float) -> None:
        """Go on to `until` epochs of a training of `epochs` epochs in all (warm-up depends on these)."""
        per_epoch = -(-len(self._y) // BATCH)
        total = steps_of(len(self._y), epochs, BATCH)
        while self._step < steps_of(len(self._y), until, BATCH):
            at = self._step % per_epoch
            if at == 0:
                self._order = self._random.permutation(len(self._y))
            self._update(self._order[at * BATCH : (at + 1) * BATCH], total)

    def _update(self, rows: npt.NDArray[np.int64], total: int) -> None:
        x, y, v = self._x[rows], self._y[rows], self._v[rows]
        z = x @ self._theta
        self._met[0, rows] = np.where(np.isnan(self._met[0, rows]), z, self._met[0, rows])
        self._met[1, rows] = z
        p = sigmoid(z)
        if self._loss.name != "xent":
            share = self._loss.warmed(self._step / total)
            y = detached_target(y, p, self._kind, self._loss, share, v)
        gradient = (x.T @ (v * (p - y)) / len(rows) + self._decay * self._theta) * self._free
        self._step += 1
        b1, b2 = _BETAS
        self._m = b1 * self._m + (1 - b1) * gradient
        self._s = b2 * self._s + (1 - b2) * gradient * gradient
        m, s = self._m / (1 - b1**self._step), self._s / (1 - b2**self._step)
        self._theta = self._theta - self._lr * m / (np.sqrt(s) + _EPSILON)

    def probe(self) -> Probe:
        """The probe as it stands."""
        return replace(self._start, weights=self._theta[:-1].copy(), bias=float(self._theta[-1]))

    def margins(self) -> Floats:
        """(2, n) log-odds of each row before the steps that first and last met it; if none did, the final."""
        out = np.tile(self.probe().logits(self._given), (2, 1))
        out[:, self._keep] = np.where(np.isnan(self._met), self._x @ self._theta, self._met)
        return out


def steps_of(n: int, epochs: float, batch: int) -> int:
    """Steps of a training of `epochs` passes over n rows; a last, partial one is rounded up."""
    return int(np.ceil(epochs * -(-n // batch)))


def standardiser(features: npt.NDArray[np.floating], kind: Kind) -> Probe:
    """A probe of zero weights with the mean and scale of (n, d) training features."""
    x = np.asarray(features, np.float64)
    mean = x.mean(0) if kind.has_bias else np.zeros(x.shape[1])
    scale = np.sqrt(((x - mean) ** 2).mean(0))
    # A column that only rounding moves must not be blown up to unit variance.
    scale = np.where(scale > 1e-7 * np.maximum(np.abs(mean), 1e-5), scale, 1.0)
    return Probe(mean, scale, np.zeros(x.shape[1]))


def rebased(probe: Probe, to: Probe) -> Probe:
    """The probe that gives the same log-odds in the mean and scale of `to`."""
    weights = probe.weights * (to.scale / probe.scale)
    moved = float((to.mean - probe.mean) @ (probe.weights / probe.scale))
    return replace(to, weights=weights, bias=probe.bias + moved)


def _standardised(probe: Probe, features: npt.NDArray[np.floating]) -> Floats:
    return (np.asarray(features, np.float64) - probe.mean) / probe.scale


def _optimum(
    x: Floats, y: Floats, v: Floats, kind: Kind, c: float, start: Floats, most: int
) -> tuple[Floats, int]:
    """((d + 1,) weights and bias at the optimum of standardised features, evaluations that it took)."""
    from scipy.optimize import minimize

    n = len(y)

    def objective(theta: Floats) -> tuple[float, Floats]:
        w, b = theta[:-1], theta[-1]
        z = x @ w + b
        residual = v * (sigmoid(z) - y) / n
        value = float(v @ cross_entropy(y, z)) / n + float(w @ w) / (2 * c * n)
        gradient = np.append(residual @ x + w / (c * n), residual.sum() if kind.has_bias else 0.0)
        return value, gradient

    options = {"maxiter": 2000, "maxcor": 20, "ftol": 1e-15, "gtol": 1e-7, "maxfun": max(1, most)}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    if found.nfev > most:
        raise BudgetError("a fit needed more FLOPs of the student service than were left to the cell")
    return np.asarray(found.x, np.float64), int(found.nfev)
