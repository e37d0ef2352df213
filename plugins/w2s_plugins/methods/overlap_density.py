"""Train on the half of the rows where teacher and student's features tell the same story."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness import Handle, Method, Problem, Student, hookimpl, kind_of

Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
NEWTON_STEPS = 8
MIDDLING = 0.5 * np.log(2)
"""Entropy, in nats, of the teachers' labels that are preferred."""


@dataclass(frozen=True)
class OverlapDensity(Method):
    """Keep the best half by four scores on frozen embeddings, balanced by class, and train on it.

    Found by agents in the published runs (chat PGR .75 there); compare Shin et al. (2024), "Weak-to-Strong
    Generalization Through the Data-Centric Lens", arXiv:2412.03881, who seek rows where easy and hard
    patterns overlap. With the hard weak label y = [w > 1/2], the score of a row is the sum of the z-scores of

    - log of the probability of y under a logistic regression that was fitted to other rows (`folds`-fold);
    - the share of its `k` nearest neighbours with the same y;
    - local density: minus the log of the mean distance to them;
    - middling doubt of the teacher: -(ln H(w) - ln(ln 2 / 2))^2 / (2 `width`^2), H the entropy in nats.

    The `keep` share of the rows with the largest sums is kept, half of them of each class as far as there
    are that many, and the student is trained on their soft weak labels.

    Ours differs: embeddings are the feature vector where the pair has one, else the last layer, standardised.
    A preference and its swap are one thing: neighbours are sought among both orders of all other rows, and
    the regression has no bias. The numbers 10, 5 and 1 of `k`, `folds` and `width` are ours.
    """

    name = "overlap-density"
    access = ("embeddings",)
    authored_by = "agent"
    reference = "found by agents in the published automated weak-to-strong runs; compare Shin et al. 2024, \
arXiv:2412.03881"
    keep: float = 0.5
    k: int = 10
    folds: int = 5
    width: float = 1.0
    penalty: float = 10.0

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """One fit on the rows that are kept."""
        odd = kind_of(problem.kind).is_paired
        x = standardised(student.embed(problem.rows, "features" if student.features else -1), odd)
        label = problem.weak > 0.5
        alike, density = neighbourhood(x, label, min(self.k, len(x) - 1), odd)
        folds = rng.permutation(len(x)) % self.folds
        scores = [
            out_of_fold(x, label, folds, self.penalty, odd),
            alike,
            density,
            middling(problem.weak, self.width),
        ]
        kept = best_of_each_class(sum(map(z_score, scores), np.zeros(len(x))), label, self.keep)
        return student.fit(problem.rows[kept], problem.weak[kept])


def standardised(x: Float, odd: bool) -> Float:
    """Columns of (n, d) with unit spread, centred unless a swap must stay a change of sign (`odd`)."""
    centred = x if odd else x - x.mean(0)
    spread = np.sqrt((centred**2).mean(0))
    return np.asarray(centred / np.where(spread > 1e-6, spread, np.inf))


def out_of_fold(x: Float, label: Bool, folds: npt.NDArray[np.int64], penalty: float, odd: bool) -> Float:
    """(n,) log probability of each row's label under a regression on the other folds."""
    z = np.zeros(len(x))
    for fold in range(int(folds.max()) + 1):
        held = folds == fold
        theta = logistic(x[~held], label[~held].astype(float), penalty, odd)
        z[held] = x[held] @ theta[:-1] + theta[-1]
    return -np.logaddexp(0.0, np.where(label, -z, z))


def logistic(x: Float, y: Float, penalty: float, odd: bool) -> Float:
    """(d + 1,) weights and bias (0 if `odd`) of an L2 logistic regression, by Newton's method."""
    data = np.hstack([x, np.ones((len(x), 1)) * (not odd)])
    ridge = np.diag(np.append(np.full(x.shape[1], penalty), 1e-6))
    theta = np.zeros(data.shape[1])
    for _ in range(NEWTON_STEPS):
        p = 1 / (1 + np.exp(-np.clip(data @ theta, -30, 30)))
        slope = data.T @ (p - y) + ridge @ theta
        theta = theta - np.linalg.solve((data.T * (p * (1 - p))) @ data + ridge, slope)
    return np.asarray(theta)


def neighbourhood(x: Float, label: Bool, k: int, odd: bool) -> tuple[Float, Float]:
    """((n,) share of the k nearest other rows of like label, (n,) minus log mean distance to them).

    With `odd`, the swap -x of each other row stands beside it, with the opposite label.
    """
    squares = (x**2).sum(1)
    inner = x @ x.T
    distance = squares[:, None] + squares - 2 * inner
    same = label[:, None] == label
    np.fill_diagonal(distance, np.inf)
    if odd:
        swapped = squares[:, None] + squares + 2 * inner
        np.fill_diagonal(swapped, np.inf)
        distance, same = np.hstack([distance, swapped]), np.hstack([same, ~same])
    nearest = np.argsort(distance, axis=1, kind="stable")[:, :k]
    reach = np.sqrt(np.maximum(np.take_along_axis(distance, nearest, 1), 0.0)).mean(1)
    return np.take_along_axis(same, nearest, 1).mean(1), -np.log(np.maximum(reach, 1e-9))


def middling(weak: Float, width: float) -> Float:
    """(n,) log-Gaussian preference for labels whose entropy lies around `MIDDLING`."""
    w = np.clip(weak, 1e-9, 1 - 1e-9)
    entropy = -w * np.log(w) - (1 - w) * np.log1p(-w)
    return np.asarray(-((np.log(entropy) - np.log(MIDDLING)) ** 2) / (2 * width**2))


def z_score(values: Float) -> Float:
    """Centred, with unit spread; a constant column counts for nothing."""
    spread = float(values.std())
    return np.zeros(len(values)) if spread < 1e-12 else np.asarray((values - values.mean()) / spread)


def best_of_each_class(score: Float, label: Bool, share: float) -> npt.NDArray[np.int64]:
    """Sorted positions of the `share` of best rows, half from each class; a short class gives all it has."""
    total = max(1, round(share * len(score)))
    order = np.argsort(-score, kind="stable")
    ones, zeros = order[label[order]], order[~label[order]]
    from_ones = min(len(ones), max(total - total // 2, total - len(zeros)))
    return np.sort(np.concatenate([ones[:from_ones], zeros[: total - from_ones]]))


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [OverlapDensity]
