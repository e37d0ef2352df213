"""What `twoway` says of many estimates over one set of seeds, all at once and to the same bits.

A leaderboard has thousands of rows, and a setting's rows share seeds, questions and baselines. Here they lie
in one array, so that a row costs microseconds where one at a time it costs a tenth of a millisecond.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from w2s_harness.scoring.points.blocks import Block, countable, estimate
from w2s_harness.scoring.spread.twoway import (
    ZERO,
    combined,
    degrees,
    floor,
    moments,
    question_df,
    squared,
    weighed,
)

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
    """`Moments.one_seed`: the variance that the seed alone gives to one seed."""

    @property
    def se(self) -> Floats:
        """Standard errors; exactly 0 where only rounding is left."""
        root = np.sqrt(self.total)
        return np.where(root > ZERO, root, 0.0)

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> Spreads:
        """Of one sum of blocks, M = 1, whatever their sets of seeds."""
        found = moments([blocks])
        v, one = found.spread([1.0]), found.one_seed([1.0])
        columns = (v.seeds, v.questions, v.cells, v.total, v.df, v.seed_df, v.floor, one)
        seeds, questions, cells, total, df, seed_df, least, one_seed = (np.array([x]) for x in columns)
        return cls(seeds, questions, cells, total, df, seed_df, v.question_df, least, one_seed)


class Estimates(NamedTuple):
    """Some of the estimates that were asked for, over `seeds` seeds each."""

    places: list[int]
    """(m,) positions among those asked for."""
    values: Floats
    """(m,) accuracy."""
    spreads: Spreads
    seeds: int
    """Of blocks with other seeds the fewest."""

    @classmethod
    def of_one(cls, place: int, value: float, blocks: Sequence[Block]) -> Estimates:
        """One, whose spread is that of the sum of blocks."""
        seeds = min(len(b.seeds) for b in blocks)
        return cls([place], np.array([value]), Spreads.of(blocks), seeds)


def differences(transfers: Sequence[Block], other: Block) -> Iterator[Estimates]:
    """Each transfer minus the other; without those of which `countable` says that nothing can be had."""
    less = other.scaled(-1.0)
    stacked, left = stacks(transfers, [less])
    for places, x in stacked:
        values = means(x) + estimate([less])
        yield Estimates(places, values, spreads(x + less.values, less.shares), len(other.seeds))
    for i in left:
        if countable(blocks := [transfers[i], less]) is None:
            yield Estimates.of_one(i, estimate(blocks), blocks)


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
    total = combined(v_s, v_q + least, v_sq)
    share = np.divide(v_s, total, out=np.ones(m), where=total > 0)
    seed_df = _seed_df(v_s, of_means / s, s - 1.0)
    by_questions = question_df(q, shares)
    df = degrees(share, seed_df, by_questions)
    one = np.maximum(of_means - of_cells, 0.0)
    return Spreads(v_s, v_q, v_sq, total, df, seed_df, by_questions, least, one)


def means(x: Floats) -> Floats:
    """(M,) the means of (M, S, Q)."""
    return np.asarray(x.reshape(len(x), -1).mean(axis=1))


def _variance(x: Floats) -> Floats:
    """(M,) variances over axis 1 of (M, S)."""
    return np.asarray(_dot(x - x.mean(axis=1, keepdims=True)) / (x.shape[1] - 1))


def _dot(x: Floats) -> Floats:
    """(M,) sums of squares of (M, L)."""
    return np.asarray(np.matmul(x[:, None, :], x[:, :, None])[:, 0, 0])


def _seed_df(v_s: Floats, of_set: Floats, least: float) -> Floats:
    """The df of V_S, as `twoway.Moments` finds it for one set of seeds."""
    doubt = squared(of_set) / least
    found = np.divide(squared(v_s), doubt, out=np.full(len(v_s), least), where=(doubt > 0) & (v_s > 0))
    return np.asarray(np.maximum(found, least))
