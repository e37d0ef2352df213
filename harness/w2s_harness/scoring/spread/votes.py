"""How far the votes on a judged holdout agree, and how far a score on them varies with voters and questions.

Voters and questions are crossed as seeds and questions are (`twoway`), but a panel has holes: not
every voter votes on every row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from w2s_harness.scoring.spread.blocks import Clusters, block, estimate
from w2s_harness.scoring.spread.interval import Interval
from w2s_harness.scoring.spread.twoway import ZERO, combined, degrees, quantile, spread

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

NO_PAIR = "no row has two votes"
ONE_CLASS = "all votes are the same"
_EXACT = 1e-10
"""Relative residual at which voters' effects are solved for; crowds are too many for a dense matrix."""


def noise_ceiling(ones: npt.ArrayLike, counts: npt.ArrayLike) -> float:
    """Mean over rows of the largest vote share: what a student that always sides with the majority reaches.

    `ones` (n,) votes for 1 among `counts` (n,), one or more each. It is that of these votes; where few were
    cast, their majority is partly chance and the ceiling of the next voters is lower. Raises `ValueError`
    without rows.
    """
    a, c = _counted(ones, counts)
    return float(np.mean(np.maximum(a, c - a) / c))


def voter_agreement(ones: npt.ArrayLike, counts: npt.ArrayLike) -> float | None:
    """Mean over rows of the chance that two different voters agree; None where no row has two votes.

    The P_i of Fleiss (1971, Psychological Bulletin 76). Rows with one vote are left out.
    """
    a, c = _paired(ones, counts)
    if not c.size:
        return None
    b = c - a
    return float(np.mean((a * (a - 1) + b * (b - 1)) / (c * (c - 1))))


def krippendorff_alpha(ones: npt.ArrayLike, counts: npt.ArrayLike) -> float | None:
    """Krippendorff's alpha, nominal: 1 - D_o / D_e; None where no two votes can be paired or all are alike.

    The disagreement observed and expected on rows of two votes or more (Krippendorff 2011, section C;
    formulas in docs/statistics.md). 1: voters agree on all rows, 0: no more than votes thrown together would.
    """
    a, c = _paired(ones, counts)
    n, n1 = float(c.sum()), float(a.sum())
    if n1 in (0.0, n):
        return None
    observed = float(np.sum(2 * a * (c - a) / (c - 1))) / n
    return 1 - observed / (2 * n1 * (n - n1) / (n * (n - 1)))


def _counted(ones: npt.ArrayLike, counts: npt.ArrayLike) -> tuple[Floats, Floats]:
    a, c = np.asarray(ones, np.float64), np.asarray(counts, np.float64)
    if a.ndim != 1 or a.shape != c.shape or not a.size:
        raise ValueError(f"votes of shape {a.shape} and counts of shape {c.shape} do not match, or are none")
    if not np.all((c >= 1) & (a >= 0) & (a <= c)):
        raise ValueError("a row has no vote, or more votes for 1 than votes")
    return a, c


def _paired(ones: npt.ArrayLike, counts: npt.ArrayLike) -> tuple[Floats, Floats]:
    a, c = _counted(ones, counts)
    two = c >= 2
    return a[two], c[two]


@dataclass(frozen=True, eq=False)
class Panel:
    """The K votes on n rows, each with its row; with its voter where voters are known."""

    votes: npt.NDArray[np.bool_]
    """(K,) what was said."""
    rows: Codes
    """(K,) on which row."""
    voters: Codes | None
    """(K,) by whom, 0 to V - 1; None where that is not known."""
    questions: Clusters
    """Of the n rows."""

    @classmethod
    def of(cls, values: npt.ArrayLike, clusters: npt.ArrayLike | Clusters, *, named: bool) -> Panel:
        """From values (n, V) of 1, 0 or, where there is no vote, -1; clusters (n,) of question codes.

        `named`: whether a column is one voter's. Raises `ValueError` where a row has no vote.
        """
        table = np.asarray(values)
        known = clusters if isinstance(clusters, Clusters) else Clusters.of(clusters)
        if table.ndim != 2 or len(table) != known.question.size or not bool((table >= 0).any(axis=1).all()):
            raise ValueError(f"votes of shape {table.shape} do not fit the rows, or a row has none")
        rows, columns = np.nonzero(table >= 0)
        voters = np.unique(columns, return_inverse=True)[1] if named else None
        return cls(table[rows, columns] == 1, rows, voters, known)

    @property
    def n_voters(self) -> int | None:
        """V, or None where voters are not known."""
        return None if self.voters is None else int(self.voters.max()) + 1

    @cached_property
    def counts(self) -> Codes:
        """(n,) votes on each row."""
        return np.bincount(self.rows, minlength=self.questions.question.size)

    @cached_property
    def ones(self) -> Codes:
        """(n,) votes for 1 on each row."""
        return np.bincount(self.rows[self.votes], minlength=self.questions.question.size)

    def agreement(self, ones: npt.ArrayLike) -> Floats:
        """(K,) how far each vote agrees with decisions (n,): 1, 0, or between them where seeds differ."""
        decided = np.asarray(ones, np.float64)[self.rows]
        return np.where(self.votes, decided, 1.0 - decided)

    def mean(self, scores: npt.ArrayLike) -> float:
        """The mean over rows of the mean of their votes' scores (K,)."""
        by_row = np.bincount(self.rows, weights=np.asarray(scores, np.float64))
        return float(np.mean(by_row / self.counts))

    def interval(self, scores: npt.ArrayLike) -> Interval:
        """The two-way t interval, over voters and questions, of `mean`: over rows, of their votes' mean.

        Scores x (K,), one for each vote. On a full panel it is that of `twoway.spread` with voters in the
        place of seeds; with holes it has the components of Henderson's method III (docs/statistics.md, with
        sources). Where no two voters share a question, voters hold questions and are the clusters; where
        voters are not known it is the interval over questions alone.
        """
        x = np.asarray(scores, np.float64)
        n_questions = self.questions.counts.size
        if x.shape != self.rows.shape or not np.all(np.isfinite(x)):
            raise ValueError(f"scores of shape {x.shape} for {self.rows.size} votes, or not finite")
        if n_questions < 2:
            return Interval(None, None, None, "one question: an interval needs at least two")
        if self.n_voters == 1:
            why = "one voter: an interval over voters needs at least two"
            return Interval(None, None, None, why)
        if self.voters is not None and self.rows.size == self.questions.question.size * (self.n_voters or 0):
            full = np.empty((int(self.voters.max()) + 1, self.questions.question.size))
            full[self.voters, self.rows] = x
            whole = [block(range(len(full)), full, self.questions)]
            found = spread(whole)
            return _around(estimate(whole), found.total, found.df)
        weight = 1.0 / (self.questions.question.size * self.counts[self.rows])
        theta = float(weight @ x)
        # votes that all agree make nothing certain: `twoway.floor` of questions that came out alike
        least = 2 / n_questions**2
        question = self.questions.question[self.rows]
        v_q = _between(question, weight * (x - theta))
        if self.voters is None:
            return _around(theta, v_q if v_q > ZERO**2 else least, n_questions - 1.0)
        cells = VotedCells.of(x, weight, question, self.voters)
        if bool(np.all(np.diff(cells.question) > 0)):  # no two voters share a question
            v_v, v_vq = _between(self.voters, weight * (x - theta)), v_q
        else:
            v_v, v_vq = cells.components()
        total = float(combined(v_v, v_q, v_vq))
        total = total if total > ZERO**2 else least
        share = v_v / total if total > 0 else 1.0
        df = float(degrees(share, float(self.voters.max()), n_questions - 1.0))
        return _around(theta, total, df)


@dataclass(frozen=True, eq=False)
class VotedCells:
    """The C pairs of a voter and a question with a vote."""

    question: Codes
    """(C,) sorted, 0 to Q - 1."""
    voter: Codes
    score: Floats
    """(C,) z_vq."""
    weight: Floats
    """(C,) W_vq."""

    @classmethod
    def of(cls, x: Floats, weight: Floats, question: Codes, voters: Codes) -> VotedCells:
        """From the scores, weights, questions and voters (K,) of the votes."""
        width = int(voters.max()) + 1
        names, cell = np.unique(question * width + voters, return_inverse=True)
        scores = np.bincount(cell, weights=x) / np.bincount(cell)
        weights = np.bincount(cell, weights=weight).astype(np.float64)
        return cls(names // width, names % width, scores, weights)

    def components(self) -> tuple[float, float]:
        """What takes the places of V_S and V_SQ: s2_v sum_v W_v^2 + V_SQ, and s2_i sum_vq W_vq^2."""
        from scipy.sparse import coo_array, csgraph
        from scipy.sparse.linalg import LinearOperator, cg

        each_q, each_v = np.bincount(self.question), np.bincount(self.voter)
        centred = self.score - (np.bincount(self.question, weights=self.score) / each_q)[self.question]
        met = coo_array((np.ones(self.score.size), (self.question, self.voter))).tocsr()
        # the normal equations of the voters' effects, the questions' swept out: D_v - M' D_q^-1 M
        shared = LinearOperator(
            (each_v.size, each_v.size),
            matvec=lambda b: each_v * b.ravel() - met.T @ ((met @ b.ravel()) / each_q),
            dtype=np.float64,
        )
        right = np.bincount(self.voter, weights=centred)
        explained = float(right @ cg(shared, right, rtol=_EXACT, atol=0.0)[0])
        apart = csgraph.connected_components(met.T @ met, directed=False, return_labels=False)
        rank = each_v.size - int(apart)
        df = self.score.size - each_q.size - rank
        s2_i = max(0.0, float(centred @ centred) - explained) / df if df > 0 else 0.0
        trace = self.score.size - float((1.0 / each_q[self.question]).sum())
        s2_v = (explained - rank * s2_i) / trace
        by_voter = np.bincount(self.voter, weights=self.weight)
        cells = s2_i * float(self.weight @ self.weight)
        return max(0.0, s2_v * float(by_voter @ by_voter) + cells), cells


def _between(codes: Codes, values: Floats) -> float:
    """M / (m - 1) times the sum of squares of the values' sums by cluster, codes 0 to m - 1."""
    sums = np.bincount(codes, weights=values)
    return float((sums**2).sum()) * sums.size / (sums.size - 1)


def _around(centre: float, variance: float, df: float) -> Interval:
    half = quantile(df) * math.sqrt(variance)
    return Interval(centre - half, centre + half, df)
