"""Rows of a board that are no method: vanilla at another C, row subsets, ensembles, laundered elicitation.

`claims.py` counts the claims that they get. Students are ridge regressions on frozen features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

GRID = 10.0 ** np.arange(-3, 2.5, 0.5)
"""Ridge strengths over the mean eigenvalue: vanilla's path, from 1000 times less to 100 times more."""


class Kernel:
    """Ridge regressions on rows x, for any labels, strength and subset of the rows."""

    def __init__(self, x: Floats, rows: Floats) -> None:
        mean, scale = x.mean(0), np.where(x.std(0) > 0, x.std(0), 1.0)
        u, v = (x - mean) / scale, (rows - mean) / scale
        self.own, self.other = u @ u.T, v @ u.T
        centre = u - u.mean(0)
        self.values, self.vectors = np.linalg.eigh(centre @ centre.T)
        self.values = np.maximum(self.values, 0.0)

    def fit(self, y: Floats, strength: float, keep: Codes | None = None) -> tuple[Floats, Floats]:
        """Predictions of the training rows and of the others, about P(label = 1)."""
        if keep is None:
            lam = strength * self.values.mean()
            alpha = self.vectors @ ((self.vectors.T @ (y - y.mean())) / (self.values + lam))
            mean = y.mean()
        else:
            own = self.own[np.ix_(keep, keep)]
            lam = strength * np.trace(own) / len(keep)
            mean = y[keep].mean()
            alpha = np.zeros(len(y))
            alpha[keep] = np.linalg.solve(own + lam * np.eye(len(keep)), y[keep] - mean)
        return self.own @ alpha + mean, self.other @ alpha + mean

    def chosen(self, y: Floats) -> float:
        """The strength of least generalised cross-validation on the labels."""
        along = self.vectors.T @ (y - y.mean())
        errors = []
        for strength in GRID:
            left = strength * self.values.mean() / (self.values + strength * self.values.mean())
            errors.append(np.sum((left * along) ** 2) / max(1.0, np.sum(left)) ** 2)
        return float(GRID[int(np.argmin(errors))])


@dataclass(frozen=True, slots=True, eq=False)
class Seed:
    """One seed's draw of the rows."""

    kernel: Kernel
    strength: float
    weak: Floats
    gold: Floats
    groups: Codes
    z: Floats
    """(T, m) readouts of its rows, centred."""
    z_test: Floats
    x: Floats
    p: Floats
    u: Floats


# -- the rows: each gives P(label = 1) of the holdout from weak labels w -----------------------------------


def answers(seed: Seed, w: Floats, named: int) -> dict[str, Floats]:
    """What every row of the board predicts on the holdout, by the row's name; thresholds at 1/2."""
    rng = np.random.default_rng(named)
    k, s, n = seed.kernel, seed.strength, len(w)
    out = {f"C x {1 / f:g}": k.fit(w, s * f)[1] for f in (0.1, 0.3, 3.0, 10.0, 100.0)}
    order = np.argsort(rng.random(n))
    for share in (0.25, 0.5, 0.75):
        out[f"{share} of the rows"] = k.fit(w, s, np.sort(order[: int(share * n)]))[1]
    bags = [np.flatnonzero(rng.random(n) < 0.63) for _ in range(5)]
    out["five bags"] = np.mean([k.fit(w, s, bag)[1] for bag in bags], axis=0)
    out["all C together"] = np.mean([k.fit(w, s * f)[1] for f in (0.1, 1.0, 10.0, 100.0)], axis=0)
    return out | _laundered(seed, w, rng)


def _laundered(seed: Seed, w: Floats, rng: np.random.Generator) -> dict[str, Floats]:
    """The ten forms of `w2s_plugins/redteam/elicitation.py`, by the readout `min`."""
    k, n = seed.kernel, len(w)
    z, z_test = seed.z[2], seed.z_test[2]
    sign = 1.0 if np.mean((z > 0) == (w > 0.5)) >= 0.5 else -1.0
    z, z_test = sign * z, sign * z_test
    own, soft = (z > 0).astype(float), 1 / (1 + np.exp(-2 * z))
    unsure = np.argsort(np.argsort(-np.abs(w - 0.5))) / max(n - 1, 1)
    share = 0.05 + 0.6 * unsure
    again = own
    for _ in range(2):
        again = np.clip(k.fit(again, seed.strength)[0], 0, 1)
    rank = np.argsort(np.argsort(-z))
    margin = k.fit(z, 10.0)
    taught = {
        "30 % teacher": np.where(rng.random(n) < 0.3, w, own),
        "10 % teacher": np.where(rng.random(n) < 0.1, w, own),
        "sign per cluster": _turned(seed, own, w, rng),
        "noisy teacher": share * w + (1 - share) * own,
        "smoothed": 0.2 + 0.6 * own,
        "ranks, prior": (rank < np.round((w > 0.5).sum())).astype(float),
        "self-distilled": again,
        "soft blend": 0.8 * soft + 0.2 * w,
    }
    out = {name: k.fit(y, k.chosen(y))[1] for name, y in taught.items()}
    head = k.fit(w, seed.strength)[1]
    logit = np.log(np.clip(head, 0.02, 0.98) / (1 - np.clip(head, 0.02, 0.98)))
    out["prior and head"] = 1 / (1 + np.exp(-(2 * z_test + logit) / 2))
    out["head of margins"] = (margin[1] > np.median(margin[0])).astype(float)
    return out


def _turned(seed: Seed, own: Floats, w: Floats, rng: np.random.Generator) -> Floats:
    x = (seed.x - seed.x.mean(0)) / (seed.x.std(0) + 1e-9)
    centres = x[np.argsort(rng.random(len(x)))[:24]]
    for _ in range(10):
        cluster = np.argmin(-2 * x @ centres.T + (centres**2).sum(1), axis=1)
        centres = np.array(
            [x[cluster == c].mean(0) if (cluster == c).any() else centres[c] for c in range(len(centres))]
        )
    agrees = (own > 0.5) == (w > 0.5)
    turn = [(cluster == c).any() and agrees[cluster == c].mean() < 0.5 for c in range(len(centres))]
    return np.where(np.array(turn)[cluster], 1 - own, own)
