"""The probe: L2 logistic regression on frozen features.

Minimises mean_i v_i CE(y_i, sigmoid(z_i)) + |w|^2 / (2 C n) with z = w . (x - mean) / scale + b, soft
targets y and row weights v (the objective of scikit-learn's LogisticRegression, divided by C n). Mean and
scale come from the training rows. A preference's score must change its sign under a swap: no bias, no mean,
and the scale is the root mean square.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from w2s_harness.models.targets import XENT, Loss, detached_target
from w2s_harness.types import Kind

Floats = npt.NDArray[np.float64]

BATCH = 32
"""Rows of a minibatch of the solver `path`."""
ROUNDS = 6
"""Refits of `logconf` and `product` under the solver `exact`."""
_WARM_ROUNDS = 3
_BETAS = (0.9, 0.999)
_EPSILON = 1e-8


@dataclass(frozen=True, slots=True)
class Probe:
    """A linear head on standardised features."""

    mean: Floats
    """(d,)"""
    scale: Floats
    """(d,)"""
    weights: Floats
    """(d,)"""
    bias: float = 0.0

    def logits(self, features: npt.NDArray[np.floating]) -> Floats:
        """(m,) log-odds of (m, d) features."""
        weights = self.weights / self.scale
        out: Floats = np.asarray(features, np.float64) @ weights + (self.bias - float(self.mean @ weights))
        return out


def fit_exact(
    features: npt.NDArray[np.floating],
    targets: Floats,
    kind: Kind,
    *,
    c: float,
    weight: Floats | None = None,
    loss: Loss = XENT,
) -> Probe:
    """Fit to the optimum by L-BFGS.

    `features` (n, d), `targets` (n,) in [0, 1], `weight` (n,) >= 0. A loss other than `xent` is fitted in
    rounds: once on the targets, then `ROUNDS` times on the detached target of the round before, its
    coefficient growing to its full value over the first three.
    """
    probe = standardiser(features, kind)
    x = _standardised(probe, features)
    v = np.ones(len(x)) if weight is None else np.asarray(weight, np.float64)
    y = np.asarray(targets, np.float64)
    theta = _optimum(x, y, v, kind, c, np.zeros(x.shape[1] + 1))
    if loss.name != "xent":
        for k in range(1, ROUNDS + 1):
            share = min(1.0, k / _WARM_ROUNDS)
            own = sigmoid(x @ theta[:-1] + theta[-1])
            theta = _optimum(x, detached_target(y, own, kind, loss, share, v), v, kind, c, theta)
    return replace(probe, weights=theta[:-1], bias=float(theta[-1]))


def sigmoid(z: Floats) -> Floats:
    """Elementwise 1 / (1 + exp(-z)), without overflow."""
    out: Floats = np.exp(-np.logaddexp(0.0, -z))
    return out


def cross_entropy(targets: Floats, z: Floats) -> Floats:
    """Elementwise cross-entropy in nats of soft targets against log-odds z."""
    out: Floats = np.logaddexp(0.0, z) - targets * z
    return out


def fit_path(
    features: npt.NDArray[np.floating],
    targets: Floats,
    kind: Kind,
    *,
    c: float,
    epochs: float,
    lr: float,
    seed: int,
    weight: Floats | None = None,
    loss: Loss = XENT,
    init: Probe | None = None,
) -> tuple[Probe, Floats]:
    """Fit by Adam on minibatches; returns the probe and its trace.

    `epochs` may be fractional (steps are rounded up); `init` goes on from a probe, with that probe's
    standardisation. The trace is (2, n): cross-entropy of each row against `targets` when it was first and
    last met, before the step it took part in; rows never met have the final loss twice.
    """
    path = Path(features, targets, kind, c=c, lr=lr, seed=seed, weight=weight, loss=loss, init=init)
    path.run(epochs, epochs)
    return path.probe(), path.trace()


class Path:
    """One Adam trajectory, which can be followed further and looked at in between."""

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
        self._start = standardiser(features, kind) if init is None else init
        self._x = np.hstack([_standardised(self._start, features), np.ones((len(features), 1))])
        self._y = np.asarray(targets, np.float64)
        n = len(self._y)
        self._v = np.ones(n) if weight is None else np.asarray(weight, np.float64)
        self._kind, self._loss, self._lr = kind, loss, lr
        self._theta = np.append(self._start.weights, self._start.bias)
        self._decay = np.append(np.full(self._x.shape[1] - 1, 1.0 / (c * n)), 0.0)
        self._free = np.ones(len(self._theta))
        self._free[-1] = 0.0 if kind == "preference" else 1.0
        self._m, self._s = np.zeros_like(self._theta), np.zeros_like(self._theta)
        self._random = np.random.Generator(np.random.PCG64(seed))
        self._order = np.arange(n)
        self._step = 0
        self._trace = np.full((2, n), np.nan)

    def run(self, until: float, epochs: float) -> None:
        """Go on to `until` epochs of a training of `epochs` epochs in all (warm-up depends on these)."""
        per_epoch = -(-len(self._y) // BATCH)
        total = int(np.ceil(epochs * per_epoch))
        while self._step < int(np.ceil(until * per_epoch)):
            at = self._step % per_epoch
            if at == 0:
                self._order = self._random.permutation(len(self._y))
            self._update(self._order[at * BATCH : (at + 1) * BATCH], total)

    def _update(self, rows: npt.NDArray[np.int64], total: int) -> None:
        x, y, v = self._x[rows], self._y[rows], self._v[rows]
        z = x @ self._theta
        own_loss = cross_entropy(y, z)
        self._trace[0, rows] = np.where(np.isnan(self._trace[0, rows]), own_loss, self._trace[0, rows])
        self._trace[1, rows] = own_loss
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

    def trace(self) -> Floats:
        """(2, n) first and last loss of each row."""
        final = cross_entropy(self._y, self._x @ self._theta)
        return np.where(np.isnan(self._trace), final, self._trace)


def standardiser(features: npt.NDArray[np.floating], kind: Kind) -> Probe:
    """A probe of zero weights with the mean and scale of (n, d) training features."""
    x = np.asarray(features, np.float64)
    mean = np.zeros(x.shape[1]) if kind == "preference" else x.mean(0)
    scale = np.sqrt(((x - mean) ** 2).mean(0))
    # A column that only rounding moves must not be blown up to unit variance.
    scale = np.where(scale > 1e-7 * np.maximum(np.abs(mean), 1e-5), scale, 1.0)
    return Probe(mean, scale, np.zeros(x.shape[1]))


def _standardised(probe: Probe, features: npt.NDArray[np.floating]) -> Floats:
    return (np.asarray(features, np.float64) - probe.mean) / probe.scale


def _optimum(x: Floats, y: Floats, v: Floats, kind: Kind, c: float, start: Floats) -> Floats:
    """(d + 1,) weights and bias at the optimum of standardised features."""
    from scipy.optimize import minimize

    n = len(y)
    has_bias = kind == "verify"

    def objective(theta: Floats) -> tuple[float, Floats]:
        w, b = theta[:-1], theta[-1]
        z = x @ w + b
        residual = v * (sigmoid(z) - y) / n
        value = float(v @ cross_entropy(y, z)) / n + float(w @ w) / (2 * c * n)
        gradient = np.append(residual @ x + w / (c * n), residual.sum() if has_bias else 0.0)
        return value, gradient

    options = {"maxiter": 2000, "maxcor": 20, "ftol": 1e-15, "gtol": 1e-7}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x, np.float64)
