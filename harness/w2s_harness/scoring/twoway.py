"""How far a mean over crossed seeds and questions varies.

Seeds and questions are crossed (every seed answers the same holdout), so the two kinds of error add and
neither shrinks with the number of the other (Owen 2007; Cameron, Gelbach and Miller 2011). An estimate here
is a sum of *blocks*: the mean over the cells of an (S, Q) matrix, one block per set of seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
_ZERO = 1e-12
"""A standard error below it is rounding: one tied row moves an accuracy by far more."""


@dataclass(frozen=True, slots=True)
class Block:
    """One term of an estimate."""

    seeds: tuple[int, ...]
    values: Matrix
    """(S, Q): question sums scaled so that the mean over all cells is the term."""

    def scaled(self, factor: float) -> Block:
        """The block times a number."""
        return Block(self.seeds, self.values * factor)


@dataclass(frozen=True, slots=True)
class Spread:
    """Variances of an estimate and the degrees of freedom that go with them."""

    seeds: float
    """V_S, from the seed means."""
    questions: float
    """V_Q, from the question means."""
    cells: float
    """V_SQ, from the cells: what V_S and V_Q both count."""
    total: float
    """V = max(V_S + V_Q - V_SQ, V_S, V_Q)."""
    df: float
    """Satterthwaite: V^2 / (V_S^2 / (S - 1) + V_Q^2 / (Q - 1))."""

    @property
    def se(self) -> float:
        """The standard error; exactly 0 where only rounding is left."""
        root = math.sqrt(self.total)
        return root if root > _ZERO else 0.0


def block(seeds: Sequence[int], rows: npt.ArrayLike, clusters: npt.ArrayLike) -> Block:
    """The block of an accuracy: rows (S, N) of outcomes, clusters (N,) of question codes.

    Rows of a question are summed and scaled by Q / N. Where questions have different numbers of rows the
    mean is a ratio (rows right over rows), and its linearization centres each row first; the block's mean
    is put back, so that it still is the accuracy. Raises `ValueError` for shapes that do not match, for a
    seed that comes twice and for values that are not finite.
    """
    x = np.asarray(rows, dtype=np.float64)
    codes = np.asarray(clusters)
    if x.ndim != 2 or codes.ndim != 1 or x.shape != (len(seeds), codes.size):
        raise ValueError(
            f"{len(seeds)} seeds and clusters of shape {codes.shape} do not fit rows of {x.shape}"
        )
    if x.size == 0 or len(set(seeds)) != len(seeds) or not bool(np.all(np.isfinite(x))):
        raise ValueError("rows are empty or not finite, or a seed comes twice")
    question, counts = np.unique(codes, return_inverse=True, return_counts=True)[1:]
    q, n = counts.size, codes.size
    sums = np.stack([np.bincount(question, weights=row, minlength=q) for row in x])
    mean = float(np.mean(x))
    return Block(tuple(seeds), (sums - counts * mean) * (q / n) + mean)


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
        merged[key] = Block(first.seeds, first.values + b.values[[at[seed] for seed in first.seeds]])
    return list(merged.values())


def estimate(blocks: Sequence[Block]) -> float:
    """The sum of the blocks' means."""
    return math.fsum(float(np.mean(b.values)) for b in merge(blocks))


def countable(blocks: Sequence[Block]) -> str | None:
    """Why no interval can be had (fewer than two seeds or questions), or None."""
    for b in blocks:
        if len(b.seeds) < 2:
            return "one seed: an interval needs at least two"
        if b.values.shape[1] < 2:
            return "one question: an interval needs at least two"
    return None


def spread(blocks: Sequence[Block]) -> Spread:
    """The two-way variance of the sum of blocks over the same questions.

    With one set of seeds, X (S, Q) the sum of the blocks, X_s and X_q its seed and question means:
    V_S = sum (X_s - X)^2 / (S (S-1)), V_Q = sum (X_q - X)^2 / (Q (Q-1)),
    V_SQ = sum (X_sq - X_s - X_q + X)^2 / ((S-1) (Q-1) S Q), the interaction, which V_S and V_Q both hold.

    With several sets (baseline seeds other than a method's), blocks i and j that share k_ij seeds:
    V_S = sum_i s_ii / S_i + 2 sum_{i<j} k_ij s_ij / (S_i S_j), with s_ii the variance of block i's seed means
    and s_ij their covariance over the shared seeds, cut to |s_ij| <= sqrt(s_ii s_jj) and 0 where k_ij < 2:
    disjoint sets are independent components. V_SQ likewise from the interactions, V_Q from the sum of the
    question means. V_S^2 / (S-1) becomes sum_i (s_ii / S_i)^2 / (S_i - 1) where no two sets share two seeds
    (Welch), else V_S^2 / (min S_i - 1), which is the cautious side.

    Raises `ValueError` where `countable` has a reason.
    """
    why = countable(blocks)
    if why is not None:
        raise ValueError(why)
    parts = merge(blocks)
    q = parts[0].values.shape[1]
    by_question = np.sum([b.values.mean(axis=0) for b in parts], axis=0)
    v_q = float(np.var(by_question, ddof=1)) / q
    means, rest = _deviations(parts)
    v_s = _summed(parts, means)
    v_sq = _summed(parts, rest) / (q - 1) / q
    total = max(v_s + v_q - v_sq, v_s, v_q)
    doubt = _seed_doubt(parts, means, v_s) + v_q**2 / (q - 1)
    least = min(*(len(b.seeds) for b in parts), q) - 1
    return Spread(v_s, v_q, v_sq, total, total**2 / doubt if doubt > 0 else float(least))


def one_seed(blocks: Sequence[Block]) -> float:
    """The variance that the seed alone gives to one seed's sum of blocks, without that of its questions.

    With one set of seeds it is max(0, S (V_S - V_SQ)), with V_S and V_SQ of `spread`. With several, blocks
    that share fewer than two seeds say nothing of their covariance and count as fully correlated, which is
    the cautious side: their seeds draw from one pool. Raises `ValueError` where `countable` has a reason.
    """
    why = countable(blocks)
    if why is not None:
        raise ValueError(why)
    parts = merge(blocks)
    q = parts[0].values.shape[1]
    means, rest = _deviations(parts)

    def component(i: int, j: int) -> float:
        one, other = parts[i], parts[j]
        interaction = _covariance(one, other, rest[i], rest[j]) / (q - 1) / q
        return float(_covariance(one, other, means[i], means[j]) - interaction)

    own = [max(0.0, component(i, i)) for i in range(len(parts))]
    total = math.fsum(own)
    for i in range(len(parts)):
        for j in range(i):
            known = len(set(parts[i].seeds) & set(parts[j].seeds)) >= 2
            total += 2 * (component(i, j) if known else math.sqrt(own[i] * own[j]))
    return max(0.0, total)


def _deviations(parts: Sequence[Block]) -> tuple[list[Matrix], list[Matrix]]:
    """Per block its seed means (S, 1) and its interactions (S, Q)."""
    means = [b.values.mean(axis=1, keepdims=True) for b in parts]
    rest = [
        b.values - m - b.values.mean(axis=0) + np.mean(b.values) for b, m in zip(parts, means, strict=True)
    ]
    return means, rest


def _summed(parts: Sequence[Block], deviations: Sequence[Matrix]) -> float:
    """The variance over seeds of the sum of blocks, from each block's deviations (S, any)."""
    total = 0.0
    for i, one in enumerate(parts):
        total += _covariance(one, one, deviations[i], deviations[i]) / len(one.seeds)
        for j in range(i):
            other = parts[j]
            k = len(set(one.seeds) & set(other.seeds))
            if k >= 2:
                both = _covariance(one, other, deviations[i], deviations[j])
                total += 2 * k * both / (len(one.seeds) * len(other.seeds))
    return max(total, 0.0)


def _covariance(one: Block, other: Block, x: Matrix, y: Matrix) -> float:
    """Sum over columns of the covariance over the seeds that two blocks share."""
    shared = [(i, other.seeds.index(seed)) for i, seed in enumerate(one.seeds) if seed in other.seeds]
    a, b = x[[i for i, _ in shared]], y[[j for _, j in shared]]
    value = float(np.sum((a - a.mean(axis=0)) * (b - b.mean(axis=0)))) / (len(shared) - 1)
    if one is other:
        return value
    bound = math.sqrt(_covariance(one, one, x, x) * _covariance(other, other, y, y))
    return min(max(value, -bound), bound)


def _seed_doubt(parts: Sequence[Block], means: Sequence[Matrix], v_s: float) -> float:
    """The seeds' term of Satterthwaite's denominator."""
    apart = all(len(set(a.seeds) & set(b.seeds)) < 2 for i, a in enumerate(parts) for b in parts[:i])
    if not apart:
        return v_s**2 / (min(len(b.seeds) for b in parts) - 1)
    each = ((_covariance(b, b, m, m) / len(b.seeds), len(b.seeds)) for b, m in zip(parts, means, strict=True))
    return sum(v**2 / (s - 1) for v, s in each)
