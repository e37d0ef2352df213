"""Outcomes over crossed seeds and questions, as estimates are made of them.

Every seed answers the same holdout. An estimate is a sum of *blocks*: the mean over the cells of an (S, Q)
matrix, one block per set of seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Block:
    """One term of an estimate."""

    seeds: tuple[int, ...]
    values: Matrix
    """(S, Q): question sums scaled so that the mean over all cells is the term."""
    shares: Matrix | None = None
    """(Q,) of the rows that each question has; None where all have as many."""

    def scaled(self, factor: float) -> Block:
        """The block times a number."""
        return Block(self.seeds, self.values * factor, self.shares)


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """Which rows are of one question, found once for all blocks over the same rows."""

    question: npt.NDArray[np.intp]
    """(N,) the row's question, 0 to Q - 1."""
    counts: npt.NDArray[np.intp]
    """(Q,) rows of each question."""
    shares: Matrix | None = None
    """As a block's."""

    @classmethod
    def of(cls, codes: npt.ArrayLike) -> Clusters:
        """From codes (N,). Raises `ValueError` for another shape."""
        array = np.asarray(codes)
        if array.ndim != 1:
            raise ValueError(f"clusters of shape {array.shape} are no codes by row")
        question, counts = np.unique(array, return_inverse=True, return_counts=True)[1:]
        alike = counts.size == 0 or bool(np.all(counts == counts[0]))
        return cls(question, counts, None if alike else counts / counts.sum())


def block(seeds: Sequence[int], rows: npt.ArrayLike, clusters: npt.ArrayLike | Clusters) -> Block:
    """The block of an accuracy: rows (S, N) of outcomes, clusters (N,) of question codes.

    Rows of a question are summed and scaled by Q / N. Where questions have different numbers of rows the
    mean is a ratio (rows right over rows), and its linearization centres each row first; the block's mean
    is put back, so that it still is the accuracy. Raises `ValueError` for shapes that do not match, for a
    seed that comes twice and for values that are not finite.
    """
    x = np.asarray(rows, dtype=np.float64)
    known = clusters if isinstance(clusters, Clusters) else Clusters.of(clusters)
    n, q = known.question.size, known.counts.size
    if x.ndim != 2 or x.shape != (len(seeds), n):
        raise ValueError(f"{len(seeds)} seeds and {n} clusters do not fit rows of {x.shape}")
    total = float(x.sum())
    if x.size == 0 or len(set(seeds)) != len(seeds) or not math.isfinite(total):
        raise ValueError("rows are empty or not finite, or a seed comes twice")
    places = (known.question + q * np.arange(len(x))[:, None]).ravel()
    sums = np.bincount(places, weights=x.ravel(), minlength=q * len(x)).reshape(len(x), q)
    mean = total / x.size
    return Block(tuple(seeds), (sums - known.counts * mean) * (q / n) + mean, known.shares)


def merge(blocks: Sequence[Block]) -> list[Block]:
    """Blocks of one set of seeds added up, seed by seed; the order of seeds in a block plays no part."""
    merged: dict[frozenset[int], Block] = {}
    for b in blocks:
        key = frozenset(b.seeds)
        if key not in merged:
            merged[key] = b
            continue
        at = {seed: i for i, seed in enumerate(b.seeds)}
        first = merged[key]
        values = first.values + b.values[[at[seed] for seed in first.seeds]]
        merged[key] = Block(first.seeds, values, first.shares)
    return list(merged.values())


def estimate(blocks: Sequence[Block]) -> float:
    """The sum of the blocks' means."""
    return math.fsum(float(np.mean(b.values)) for b in blocks)


def countable(blocks: Sequence[Block]) -> str | None:
    """Why no interval can be had (fewer than two seeds or questions), or None."""
    for b in blocks:
        if len(b.seeds) < 2:
            return "one seed: an interval needs at least two"
        if b.values.shape[1] < 2:
            return "one question: an interval needs at least two"
    return None
