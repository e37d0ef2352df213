"""Let weak labels spread over the graph of rows that look alike to the strong student."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness import Handle, Method, Problem, Student, hookimpl, kind_of

Float = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Graph = tuple[Codes, Codes, Float]
"""Edges of a graph: from, to and weight, each in both directions."""

BLOCK = 512
"""Rows whose distances to all others are held at once."""
TOLERANCE = 1e-6
"""Change of the scores of one step, relative to the first step's, at which they count as settled."""


@dataclass(frozen=True)
class LabelPropagation(Method):
    """Train on weak labels made consistent over a nearest-neighbour graph of the student's embeddings.

    Zhou et al. (2004), "Learning with Local and Global Consistency", NIPS 16. W_ij = exp(-|x_i - x_j|^2 /
    (2 sigma^2)) between rows of which one is among the other's k = `neighbours` nearest, W_ii = 0,
    S = D^-1/2 W D^-1/2; F <- a S F + (1 - a) Y is repeated until it settles at (1 - a) (I - a S)^-1 Y, with
    their a = `alpha` = .99. Y holds (1 - w, w) of each row.

    As they do, we label with the class of the largest F, and train on that, not on F itself, whose range
    shrinks as alpha nears 1. Ours differs: every row starts labelled, by the teacher, where they have a few
    gold labels. So that a slight majority of the teacher's does not become all of F, verify rows get the
    label 1 for the m largest F_1 / (F_0 + F_1), with m the sum of w, rounded: the teacher's class balance, to
    the same end as the class mass normalisation of Zhu et al. (2003). W is cut to the nearest neighbours, as
    in Iscen et al. (2019), arXiv:1904.04717, and sigma, which they set by hand, is the median distance to the
    k-th neighbour. Embeddings are the probe's vector where there is one, else the mean hidden state of the
    last layer, each dimension standardised. A preference is in the graph both ways round, its swap with
    (w, 1 - w), and is decided at 1/2 by the mean of its score and of one minus its swap's.
    """

    name = "label-propagation"
    access = ("embeddings",)
    reference = "Zhou et al. 2004, Learning with Local and Global Consistency, NIPS 16"
    neighbours: int = 10
    alpha: float = 0.99

    def __post_init__(self) -> None:
        """Raises `ValueError` for no neighbours, or an alpha outside [0, .999]."""
        if self.neighbours < 1:
            raise ValueError(f"label-propagation: neighbours is {self.neighbours}, expected at least 1")
        if not 0.0 <= self.alpha <= 0.999:
            raise ValueError(f"label-propagation: alpha is {self.alpha}, expected a number in [0, 0.999]")

    def fit(self, problem: Problem, student: Student, rng: np.random.Generator) -> Handle:
        """One fit on all rows."""
        n, kind = len(problem.weak), kind_of(problem.kind)
        layer = "features" if student.features else student.layers - 1
        read = [student.embed(rows, layer=layer) for rows in problem.rows.orders]  # type: ignore[arg-type]
        points, weak = np.concatenate(read), np.concatenate(kind.in_orders(problem.weak))
        if len(points) < 2:
            return student.fit(problem.rows, problem.weak)
        found = spread(graph(standardised(points), self.neighbours), weak, self.alpha)
        if kind.is_paired:
            # Rounding must not decide between a preference and its swap.
            margin = np.round(found[:n] - found[n:], 12)
            return student.fit(problem.rows, (1.0 + np.sign(margin)) / 2.0)
        return student.fit(problem.rows, largest(found, round(float(problem.weak.sum()))))


def standardised(points: Float) -> Float:
    """(m, d) points with mean 0 and variance 1 in each dimension; a constant dimension becomes 0."""
    centred = points - points.mean(0)
    scale = np.sqrt((centred**2).mean(0))
    return np.asarray(centred / np.where(scale > 0.0, scale, 1.0), np.float64)


def graph(points: Float, k: int) -> Graph:
    """The normalised affinities S between (m, d) points and their `k` nearest others."""
    near, squared = nearest(points, min(k, len(points) - 1))
    width = float(np.median(squared[:, -1]))
    source = np.repeat(np.arange(len(points)), near.shape[1])
    both = np.concatenate([np.column_stack([source, near.ravel()]), np.column_stack([near.ravel(), source])])
    # An edge that both ends chose is there once.
    edges, first = np.unique(both, axis=0, return_index=True)
    affinity = np.exp(-np.tile(squared.ravel(), 2)[first] / (2.0 * width)) if width else np.ones(len(edges))
    degree = np.bincount(edges[:, 0], affinity, len(points))
    root = np.sqrt(np.where(degree > 0.0, degree, 1.0))
    return edges[:, 0], edges[:, 1], affinity / (root[edges[:, 0]] * root[edges[:, 1]])


def nearest(points: Float, k: int) -> tuple[Codes, Float]:
    """((m, k), (m, k)) the nearest others of each point and their squared distances, nearest first."""
    squares = (points**2).sum(1)
    near, squared = np.empty((len(points), k), np.int64), np.empty((len(points), k))
    for start in range(0, len(points), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(points)))
        distance = np.maximum(squares[block, None] - 2.0 * points[block] @ points.T + squares, 0.0)
        distance[np.arange(len(block)), block] = np.inf
        near[block] = np.argsort(distance, axis=1, kind="stable")[:, :k]
        squared[block] = np.take_along_axis(distance, near[block], 1)
    return near, squared


def spread(edges: Graph, weak: Float, alpha: float) -> Float:
    """(m,) F_1 / (F_0 + F_1) where F <- alpha S F + (1 - alpha) Y has settled."""
    source, target, weight = edges
    start = np.column_stack([1.0 - weak, weak])
    scores, change, first = start, 1.0, 1.0
    # A step shrinks the change by at least alpha: this many steps are enough.
    for step in range(int(np.ceil(np.log(TOLERANCE) / np.log(alpha))) + 1 if alpha else 1):
        moved = [np.bincount(source, weight * scores[target, c], len(weak)) for c in (0, 1)]
        after = alpha * np.column_stack(moved) + (1.0 - alpha) * start
        change, scores = float(np.abs(after - scores).max()), after
        first = change if step == 0 else first
        if change <= TOLERANCE * first:
            break
    return np.asarray(scores[:, 1] / scores.sum(1), np.float64)


def largest(scores: Float, ones: int) -> Float:
    """(m,) labels: 1 for the `ones` largest scores, of equal ones the first."""
    labels = np.zeros(len(scores))
    labels[np.argsort(-scores, kind="stable")[:ones]] = 1.0
    return labels


@hookimpl
def w2s_methods() -> Sequence[type[Method]]:
    """The method of this file."""
    return [LabelPropagation]
