"""How far a mean over crossed seeds and questions varies.

Seeds and questions are crossed (every seed answers the same holdout), so the two kinds of error add and
neither shrinks with the number of the other (Owen 2007; Cameron, Gelbach and Miller 2011). A term is a list
of blocks (`blocks`), and `Moments` holds what the spread of any combination of terms needs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from w2s_harness.scoring.spread.blocks import Block, Matrix, countable

Number = TypeVar("Number", float, Matrix)
LEVEL = 0.95
"""Of every interval."""
ZERO = 1e-12
"""A standard error below it is rounding: one tied row moves an accuracy by far more."""
TAIL = 0.975
"""Of the quantile by which `degrees` are found."""


@dataclass(frozen=True, slots=True)
class Spread(Generic[Number]):
    """Variances of an estimate and their degrees of freedom; of M estimates at once in arrays (M,)."""

    seeds: Number
    """V_S, from the seed means."""
    questions: Number
    """V_Q, from the question means."""
    cells: Number
    """V_SQ, from the cells: what V_S and V_Q both count."""
    total: Number
    """V = max(V_S + V_Q + F - V_SQ, V_S, (V_Q + F) / 2)."""
    se: Number
    """The standard error; exactly 0 where only rounding is left."""
    df: Number
    """As `degrees` says."""
    seed_df: Number
    """Of V_S."""
    floor: Number
    """F, as `floor` says."""
    one_seed: Number
    """The variance that the seed alone gives to one seed, as `Moments.one_seed` says."""
    question_df: float
    """Of V_Q."""


def spread(blocks: Sequence[Block]) -> Spread[float]:
    """The two-way variance of the sum of blocks over the same questions (reasons: docs/statistics.md).

    With one set of seeds, X (S, Q) the sum of the blocks, X_s and X_q its seed and question means:
    V_S = sum (X_s - X)^2 / (S (S-1)), V_Q = sum (X_q - X)^2 / (Q (Q-1)),
    V_SQ = sum (X_sq - X_s - X_q + X)^2 / ((S-1) (Q-1) S Q), the interaction, which V_S and V_Q both hold.

    With several sets (baseline seeds other than a method's), blocks i and j that share k_ij seeds:
    V_S = sum_i s_ii / S_i + 2 sum_{i<j} k_ij s_ij / (S_i S_j), with s_ii the variance of block i's seed means
    and s_ij their covariance over the shared seeds, cut to |s_ij| <= sqrt(s_ii s_jj) and 0 where k_ij < 2:
    disjoint sets are independent components. V_SQ likewise from the interactions, V_Q from the sum of the
    question means. Raises `ValueError` where `countable` has a reason.
    """
    return moments([blocks]).spread([1.0])


def floor(y: Matrix) -> Matrix:
    """(M,) what V_Q gains so that questions which nearly all came out alike make nothing certain.

    y (M, Q) are the question means, in accuracy, less their mean. It is what two successes and two failures
    add where nearly all is right (Agresti and Coull 1998, American Statistician 52), 2 step^2 / Q^2, with the
    step |sum y^3| / sum y^2, to both of which one question that comes out the other way is added.
    """
    squares = y * y
    return floor_of(squares.sum(axis=1), (squares * y).sum(axis=1), y.shape[1])


def floor_of(squares: Matrix, cubes: Matrix, count: int) -> Matrix:
    """`floor` from the sums (M,) of y^2 and of y^3 over `count` questions."""
    step = (np.abs(cubes) + 1) / (squares + 1)
    return np.asarray(2 * step * step / count**2)


def weighed(y: Matrix, shares: Matrix | None) -> Matrix:
    """The question means y (M, Q), less their mean, so that their squares stand for questions of any size."""
    if shares is None:
        return y
    return np.asarray(y * np.sqrt((1 - 1 / y.shape[1]) / (1 - shares)))


def question_df(count: int, shares: Matrix | None) -> float:
    """Q - 1 of questions alike; else that of a sum of squares of which each weighs as its share squared."""
    if shares is None:
        return count - 1.0
    squared = shares * shares
    return max(1.0, float(squared.sum() ** 2 / (squared @ squared)) - 1.0)


def effective(count: int, shares: Matrix | None) -> float:
    """The number of questions of one size that say as much as these, 1 / sum h_q^2."""
    return float(count) if shares is None else 1 / float(shares @ shares)


def combined(seeds: npt.ArrayLike, questions: npt.ArrayLike, cells: npt.ArrayLike) -> Matrix:
    """V = max(V_S + V_Q - V_SQ, V_S, V_Q / 2), as `spread` says, of one estimate or (M,)."""
    v_s, v_q, v_sq = (np.asarray(x, np.float64) for x in (seeds, questions, cells))
    return np.maximum(np.maximum(v_s + v_q - v_sq, v_s), v_q / 2)


def degrees(share: npt.ArrayLike, seed_df: npt.ArrayLike, question_df: float) -> Matrix:
    """The df whose 97.5 % quantile t has t^2 = u^2 t(seed_df)^2 + (1 - u^2) t(question_df)^2, u = V_S / V.

    `share` is u, of one estimate or (M,). To first order that is the quantile of Welch (1947, Biometrika 34),
    exact at both ends where one component is all; Satterthwaite's df falls short (docs/statistics.md).
    """
    from scipy.special import stdtridf, stdtrit

    weight = squared(np.clip(share, 0.0, 1.0))
    seeds, questions = squared(stdtrit(seed_df, TAIL)), squared(stdtrit(question_df, TAIL))
    t = np.sqrt(weight * seeds + (1 - weight) * questions)
    low, high = np.minimum(seed_df, question_df), np.maximum(seed_df, question_df)
    return np.asarray(np.minimum(high, np.maximum(low, stdtridf(TAIL, t))))


def quantiles(df: npt.ArrayLike, level: float = LEVEL) -> Matrix:
    """The two-sided Student t quantile of each df."""
    from scipy.special import stdtrit  # scipy costs half a second; `scipy.stats` twice that

    return np.asarray(stdtrit(df, 0.5 + level / 2))


def quantile(df: float, level: float = LEVEL) -> float:
    """`quantiles` of one df."""
    return float(quantiles(df, level))


def squared(x: npt.ArrayLike) -> Matrix:
    """As Python's `x**2`, from which numpy's, a product, differs in a last bit now and then."""
    return np.asarray(np.float_power(x, 2.0))


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Covariances of K terms over crossed seeds and questions. Each matrix is (K, K)."""

    sizes: tuple[int, ...]
    """S_i, the number of seeds of each of the sets."""
    n_questions: int
    """Q."""
    shared: dict[tuple[int, int], int]
    """k_ij of two sets i >= j; k_ii = S_i."""
    means: dict[tuple[int, int], Matrix]
    """Covariance of the seed means of two sets over the seeds that they share, two or more."""
    cells: dict[tuple[int, int], Matrix]
    """Likewise of the interactions, summed over questions, over (Q - 1) Q."""
    questions: Matrix
    """Covariance of the question means, summed over sets, over Q; without `floor`."""
    by_question: Matrix
    """(K, Q) question means, summed over sets, less their mean."""
    shares: Matrix | None
    """As a block's."""

    def spread(self, weights: Sequence[float]) -> Spread[float]:
        """The spread of the weighted sum of the terms, weights (K,)."""
        u = np.asarray(weights, dtype=np.float64)
        v_s, v_sq = self._summed(self.means, u), self._summed(self.cells, u)
        v_q = max(0.0, float(u @ self.questions @ u))
        least = float(floor((u @ self.by_question)[None])[0])
        total = float(combined(v_s, v_q + least, v_sq))
        # a mean that is constant is known from its seeds alone
        share = v_s / total if total > 0 else 1.0
        seed_df, by_questions = self._seed_df(u, v_s), self.question_df
        df, root = float(degrees(share, seed_df, by_questions)), math.sqrt(total)
        se = root if root > ZERO else 0.0
        return Spread(v_s, v_q, v_sq, total, se, df, seed_df, least, self.one_seed(u), by_questions)

    @property
    def question_df(self) -> float:
        """Of V_Q."""
        return question_df(self.n_questions, self.shares)

    def one_seed(self, u: Matrix) -> float:
        """The variance that the seed alone gives to one seed's weighted sum of terms, weights (K,).

        Without that of its questions. With one set of seeds it is max(0, S (V_S - V_SQ)), with V_S and V_SQ
        of `spread`. With several, sets that share fewer than two seeds say nothing of their covariance and
        count as fully correlated, which is the cautious side: their seeds draw from one pool.
        """
        sets = range(len(self.sizes))
        own = [max(0.0, self._at(self.means, i, i, u) - self._at(self.cells, i, i, u)) for i in sets]
        total = math.fsum(own)
        for i, j in self.shared:
            if i == j:
                continue
            known = (i, j) in self.means
            part = self._at(self.means, i, j, u) - self._at(self.cells, i, j, u) if known else 0.0
            total += 2 * (part if known else math.sqrt(own[i] * own[j]))
        return max(0.0, total)

    def _at(self, table: dict[tuple[int, int], Matrix], i: int, j: int, u: Matrix) -> float:
        """The covariance of sets i and j of the weighted sum, cut to what their variances allow."""
        value = float(u @ table[i, j] @ u)
        if i == j:
            return max(0.0, value)
        bound = math.sqrt(self._at(table, i, i, u) * self._at(table, j, j, u))
        return min(max(value, -bound), bound)

    def _summed(self, table: dict[tuple[int, int], Matrix], u: Matrix) -> float:
        """The variance over seeds of the sum over sets."""
        total = 0.0
        for i, j in table:
            twice = 1 if i == j else 2
            total += twice * self.shared[i, j] * self._at(table, i, j, u) / (self.sizes[i] * self.sizes[j])
        return max(total, 0.0)

    def _seed_df(self, u: Matrix, v_s: float) -> float:
        """The df of V_S: Welch's V_S^2 / sum_i (s_ii / S_i)^2 / (S_i - 1) where no two sets share two seeds.

        Else min S_i - 1, which is the cautious side.
        """
        least = min(self.sizes) - 1.0
        if len(self.means) > len(self.sizes) or v_s <= 0:
            return least
        each = [(self._at(self.means, i, i, u) / size, size - 1) for i, size in enumerate(self.sizes)]
        doubt = math.fsum(v**2 / df for v, df in each)
        return max(least, v_s**2 / doubt) if doubt > 0 else least


def moments(terms: Sequence[Sequence[Block]]) -> Moments:
    """The moments of terms over the same questions; raises `ValueError` where `countable` has a reason."""
    why = countable([b for blocks in terms for b in blocks])
    if why is not None:
        raise ValueError(why)
    sets = _sets(terms)
    q = sets[0][1].shape[2]
    means = [x.mean(axis=2) for _, x in sets]
    by_question = np.asarray(np.sum([x.mean(axis=1) for _, x in sets], axis=0))
    by_question -= by_question.mean(axis=1, keepdims=True)
    shares = next((b.shares for blocks in terms for b in blocks), None)
    # centring over seeds, in `_covariance`, takes the question means off and leaves the interactions
    for (_, x), m in zip(sets, means, strict=True):
        x -= m[:, :, None]
    rest = [x for _, x in sets]
    shared, of_means, of_cells = {}, {}, {}
    for i, (seeds, _) in enumerate(sets):
        for j, (others, _) in enumerate(sets[: i + 1]):
            both = [(at, others.index(seed)) for at, seed in enumerate(seeds) if seed in others]
            shared[i, j] = len(both)
            if len(both) < 2:
                continue
            ours, theirs = [a for a, _ in both], [b for _, b in both]
            of_means[i, j] = _covariance(means[i][:, ours, None], means[j][:, theirs, None])
            both_rest = (rest[i], rest[i]) if i == j else (rest[i][:, ours], rest[j][:, theirs])
            of_cells[i, j] = _covariance(*both_rest) / ((q - 1) * q)
    y = weighed(by_question, shares)
    questions = np.asarray(y @ y.T / (q - 1)) / q
    sizes = tuple(len(s) for s, _ in sets)
    return Moments(sizes, q, shared, of_means, of_cells, questions, by_question, shares)


def _sets(terms: Sequence[Sequence[Block]]) -> list[tuple[tuple[int, ...], Matrix]]:
    """Per set of seeds the sum of each term's blocks on it: (K, S, Q), in the order of first appearance."""
    found: dict[frozenset[int], tuple[tuple[int, ...], Matrix]] = {}
    for k, blocks in enumerate(terms):
        for b in blocks:
            key = frozenset(b.seeds)
            if key not in found:
                found[key] = (b.seeds, np.zeros((len(terms), *b.values.shape)))
            seeds, total = found[key]
            at = {seed: i for i, seed in enumerate(b.seeds)}
            total[k] += b.values if seeds == b.seeds else b.values[[at[seed] for seed in seeds]]
    return list(found.values())


def _covariance(x: Matrix, y: Matrix) -> Matrix:
    """(K, K) covariances over axis 1 of (K, S, m) arrays, summed over axis 2."""
    a = (x - x.mean(axis=1, keepdims=True)).reshape(len(x), -1)
    b = a if y is x else (y - y.mean(axis=1, keepdims=True)).reshape(len(y), -1)
    return np.asarray(a @ b.T / (x.shape[1] - 1))
