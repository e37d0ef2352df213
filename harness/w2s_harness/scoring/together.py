"""What `twoway` says of many estimates over one set of seeds, all at once and to the same bits.

A leaderboard has thousands of rows, and a setting's rows share seeds, questions and baselines. Here they lie
in one array, so that a row costs microseconds where one at a time it costs a tenth of a millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness.scoring.twoway import TAIL, ZERO, Block, Spread, floor, question_df, weighed

Floats = npt.NDArray[np.float64]
_CELLS = 2**18
"""Numbers in one array: 2 MiB, which the processor's cache holds."""


@dataclass(frozen=True, slots=True)
class Spreads:
    """`twoway.Spread` of M estimates; every array is (M,)."""

    seeds: Floats
    questions: Floats
    cells: Floats
    total: Floats
    df: Floats
    seed_df: Floats
    question_df: float
    floor: Floats
    one_seed: Floats
    """`twoway.one_seed`: the variance that the seed alone gives to one seed."""

    @property
    def se(self) -> Floats:
        """Standard errors; exactly 0 where only rounding is left."""
        root = np.sqrt(self.total)
        return np.where(root > ZERO, root, 0.0)

    @classmethod
    def of_one(cls, v: Spread, one_seed: float) -> Spreads:
        """One estimate's, M = 1."""
        columns = (v.seeds, v.questions, v.cells, v.total, v.df, v.seed_df, v.floor, one_seed)
        seeds, questions, cells, total, df, seed_df, floor, one = (np.array([x]) for x in columns)
        return cls(seeds, questions, cells, total, df, seed_df, v.question_df, floor, one)

    def at(self, i: int) -> Spread:
        """One of them."""
        return Spread(
            float(self.seeds[i]),
            float(self.questions[i]),
            float(self.cells[i]),
            float(self.total[i]),
            float(self.df[i]),
            float(self.seed_df[i]),
            self.question_df,
            float(self.floor[i]),
        )


def stacks(
    blocks: Sequence[Block], like: Sequence[Block]
) -> tuple[list[tuple[list[int], Floats]], list[int]]:
    """([(positions, (m, S, Q) values)], positions left): `blocks` with the seeds and questions of `like`.

    In parts that fit the processor's cache. What is left has other seeds, or another order of them, and so
    has all where the blocks of `like` differ among themselves or an interval cannot be had of them.
    """
    seeds, shape = like[0].seeds, like[0].values.shape
    same = min(shape) >= 2 and all(b.seeds == seeds and b.values.shape == shape for b in like)
    fitting = [same and b.seeds == seeds and b.values.shape == shape for b in blocks]
    there = [i for i, fits in enumerate(fitting) if fits]
    step = max(1, _CELLS // like[0].values.size)
    parts = [there[k : k + step] for k in range(0, len(there), step)]
    stacked = [(part, np.stack([blocks[i].values for i in part])) for part in parts]
    return stacked, [i for i, fits in enumerate(fitting) if not fits]


def spreads(x: Floats, shares: Floats | None) -> Spreads:
    """`twoway.spread` of M estimates, x (M, S, Q) with two seeds and questions at least; x is used up.

    `shares` (Q,) are those of their blocks.
    """
    m, s, q = x.shape
    means, by_question = x.mean(axis=2), x.mean(axis=1)
    x -= means[:, :, None]
    of_means = _variance(means)
    # centring over seeds takes the question means off and leaves the interactions
    x -= x.mean(axis=1, keepdims=True)
    of_cells = _dot(x.reshape(m, -1)) / (s - 1) / ((q - 1) * q)
    v_s, v_sq = s * of_means / (s * s), s * of_cells / (s * s)
    by_question -= by_question.mean(axis=1, keepdims=True)
    v_q = _dot(weighed(by_question, shares)) / (q - 1) / q
    least = floor(by_question)
    total = np.maximum(np.maximum(v_s + (v_q + least) - v_sq, v_s), (v_q + least) / 2)
    share = np.divide(v_s, total, out=np.ones(m), where=total > 0)
    seed_df = _seed_df(v_s, of_means / s, s - 1.0)
    by_questions = question_df(q, shares)
    df = _degrees(share, seed_df, by_questions)
    one = np.maximum(of_means - of_cells, 0.0)
    return Spreads(v_s, v_q, v_sq, total, df, seed_df, by_questions, least, one)


def means(x: Floats) -> Floats:
    """(M,) the means of (M, S, Q)."""
    return np.asarray(x.reshape(len(x), -1).mean(axis=1))


def quantiles(df: Floats, level: float) -> Floats:
    """`interval.quantile` of (M,) degrees of freedom."""
    from scipy.special import stdtrit

    return np.asarray(stdtrit(df, 0.5 + level / 2))


def _variance(x: Floats) -> Floats:
    """(M,) variances over axis 1 of (M, S)."""
    return np.asarray(_dot(x - x.mean(axis=1, keepdims=True)) / (x.shape[1] - 1))


def _dot(x: Floats) -> Floats:
    """(M,) sums of squares of (M, L)."""
    return np.asarray(np.matmul(x[:, None, :], x[:, :, None])[:, 0, 0])


def _seed_df(v_s: Floats, of_set: Floats, least: float) -> Floats:
    """The df of V_S, as `twoway.Moments` finds it for one set of seeds."""
    doubt = _squared(of_set) / least
    found = np.divide(_squared(v_s), doubt, out=np.full(len(v_s), least), where=(doubt > 0) & (v_s > 0))
    return np.asarray(np.maximum(found, least))


def _degrees(share: Floats, seed_df: Floats, question_df: float) -> Floats:
    """`twoway.degrees`."""
    from scipy.special import stdtridf, stdtrit

    weight = _squared(np.clip(share, 0.0, 1.0))
    seeds, questions = _squared(stdtrit(seed_df, TAIL)), _squared(stdtrit(question_df, TAIL))
    t = np.sqrt(weight * seeds + (1 - weight) * questions)
    low, high = np.minimum(seed_df, question_df), np.maximum(seed_df, question_df)
    return np.asarray(np.minimum(high, np.maximum(low, stdtridf(TAIL, t))))


def _squared(x: npt.ArrayLike) -> Floats:
    """As Python's `x**2`, from which numpy's, a product, differs in a last bit now and then."""
    return np.asarray(np.float_power(x, 2.0))
