"""Mix each weak label with those of the rows that look alike to the strong student."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness import Handle, Method, Problem, Student, hookimpl, kind_of

Float = npt.NDArray[np.float64]

BLOCK = 512
"""Rows whose distances to all others are held at once."""


@dataclass(frozen=True)
class KnnSmooth(Method):
    """Train on weak labels averaged over the nearest neighbours in the frozen student's embeddings.

    target(x) = (1 - a) w(x) + a * mean of w over the k nearest other rows, with k = `neighbours` and
    a = `share`, by Euclidean distance. Label smoothing by neighbours of Bahri and Jiang (2021), "Locally
    Adaptive Label Smoothing for Predictive Churn", arXiv:2102.05140, whose target is
    (1 - a) y + a (b / classes + (1 - b) * neighbours' mean), with b = 0.

    Ours differs: neighbours are found in the frozen student's embeddings (the probe's vector where there is
    one, else the mean hidden state of the last layer), each dimension standardised, rather than in the
    logits of a network trained on y. A preference stands in the search both ways round, its swap with the
    label 1 - w, and neither it nor its swap is its own neighbour.
    """

    name = "knn-smooth"
    access = ("embeddings",)
    reference = "Bahri and Jiang 2021, arXiv:2102.05140"
    neighbours: int = 10
    share: float = 0.5

    def __post_init__(self) -> None:
        """Raises `ValueError` for no neighbours, or a share outside [0, 1]."""
        if self.neighbours < 1:
            raise ValueError(f"knn-smooth: neighbours is {self.neighbours}, expected at least 1")
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"knn-smooth: share is {self.share}, expected a number in [0, 1]")

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """One fit on all rows."""
        near = neighbours(standardised(embedded(problem, student)), len(problem.weak), self.neighbours)
        points = np.concatenate(kind_of(problem.kind).in_orders(problem.weak))
        around = points[near].mean(1) if near.shape[1] else problem.weak
        return student.fit(problem.rows, (1 - self.share) * problem.weak + self.share * around)


def embedded(problem: Problem, student: Student) -> Float:
    """(n, d) embeddings of the rows; of preferences (2n, d), the rows and then their swaps."""
    layer = "features" if student.features else student.layers - 1
    read = [student.embed(rows, layer=layer) for rows in problem.rows.orders]  # type: ignore[arg-type]
    return np.concatenate(read)


def standardised(points: Float) -> Float:
    """(m, d) points with mean 0 and variance 1 in each dimension; a constant dimension becomes 0."""
    centred = points - points.mean(0)
    scale = np.sqrt((centred**2).mean(0))
    return np.asarray(centred / np.where(scale > 0.0, scale, 1.0), np.float64)


def neighbours(points: Float, n: int, k: int) -> npt.NDArray[np.int64]:
    """(n, min(k, m - m/n)) the nearest of m points to each of the first n, nearest first.

    Points whose positions are equal modulo n are one row, and not neighbours of each other.
    """
    m = len(points)
    k = min(k, m - m // n)
    squares = (points**2).sum(1)
    found = np.empty((n, k), np.int64)
    for start in range(0, n, BLOCK):
        block = np.arange(start, min(start + BLOCK, n))
        distance = squares[block, None] - 2.0 * points[block] @ points.T + squares
        distance[np.arange(len(block))[:, None], block[:, None] + np.arange(0, m, n)] = np.inf
        found[block] = np.argsort(distance, axis=1, kind="stable")[:, :k]
    return found


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [KnnSmooth]
