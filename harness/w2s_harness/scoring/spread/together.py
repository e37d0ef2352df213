"""What `twoway` says of many estimates over one set of seeds, all at once and to the same bits; and p-values.

A leaderboard has thousands of rows, and a setting's rows share seeds, questions and baselines. Here they lie
in one array, so that a row costs microseconds where one at a time it costs a tenth of a millisecond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from w2s_harness.scoring.spread.blocks import Block, countable, estimate
from w2s_harness.scoring.spread.twoway import (
    ZERO,
    Spread,
    combined,
    degrees,
    floor,
    question_df,
    spread,
    squared,
    weighed,
)

Floats = npt.NDArray[np.float64]
_CELLS = 2**18
"""Numbers in one array: 2 MiB, which the processor's cache holds."""
_HALVINGS = 40
_LEAST = 1e-300
_FARTHEST = 1e150
"""A quantile whose square is still a number."""


class Estimates(NamedTuple):
    """Some of the estimates that were asked for, over `seeds` seeds each."""

    places: list[int]
    """(m,) positions among those asked for."""
    values: Floats
    """(m,) accuracy."""
    spreads: Spread[Floats]
    seeds: int
    """Of blocks with other seeds the fewest."""

    @classmethod
    def of_one(cls, place: int, value: float, blocks: Sequence[Block]) -> Estimates:
        """One, whose spread is that of the sum of blocks, whatever their sets of seeds."""
        return cls([place], np.array([value]), alone(blocks), min(len(b.seeds) for b in blocks))


def alone(blocks: Sequence[Block]) -> Spread[Floats]:
    """`spread` of one sum of blocks as that of M = 1."""
    found = asdict(spread(blocks))
    by_questions = found.pop("question_df")
    return Spread(**{name: np.array([x]) for name, x in found.items()}, question_df=by_questions)


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


def spreads(x: Floats, shares: Floats | None) -> Spread[Floats]:
    """`twoway.spread` of M estimates, x (M, S, Q) with two seeds and questions at least; x is used up.

    `shares` (Q,) are those of their blocks.
    """
    m, s, q = x.shape
    means, by_question = x.mean(axis=2), x.mean(axis=1)
    x -= means[:, :, None]
    of_means = _dot(means - means.mean(axis=1, keepdims=True)) / (s - 1)
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
    root, one = np.sqrt(total), np.maximum(of_means - of_cells, 0.0)
    se = np.where(root > ZERO, root, 0.0)
    return Spread(v_s, v_q, v_sq, total, se, df, seed_df, least, one, by_questions)


def means(x: Floats) -> Floats:
    """(M,) the means of (M, S, Q)."""
    return np.asarray(x.reshape(len(x), -1).mean(axis=1))


def _dot(x: Floats) -> Floats:
    """(M,) sums of squares of (M, L)."""
    return np.asarray(np.matmul(x[:, None, :], x[:, :, None])[:, 0, 0])


def _seed_df(v_s: Floats, of_set: Floats, least: float) -> Floats:
    """The df of V_S, as `twoway.Moments` finds it for one set of seeds."""
    doubt = squared(of_set) / least
    found = np.divide(squared(v_s), doubt, out=np.full(len(v_s), least), where=(doubt > 0) & (v_s > 0))
    return np.asarray(np.maximum(found, least))


def p_values(
    estimate: npt.ArrayLike,
    seeds: npt.ArrayLike,
    rest: npt.ArrayLike,
    seed_df: npt.ArrayLike,
    question_df: float,
) -> Floats:
    """Two-sided p (m,) of estimates (m,) with variances `seeds` + `rest` (m,): no effect against some.

    Each part is known from few degrees of freedom; `seed_df` is one number or (m,). The p at which estimate^2
    = t(seed_df, 1 - p/2)^2 seeds + t(question_df, 1 - p/2)^2 rest, which keeps its level whatever the two
    true variances are (Banerjee 1960, Sankhya 22), where an approximate df is too liberal in the far tail, in
    which Holm over many methods looks (docs/power.md). 1 for an estimate of 0, 0 for another without error.
    """
    from scipy.special import stdtr, stdtrit

    d, v_s, v_r = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in (estimate, seeds, rest)))
    se = np.sqrt(v_s + v_r)
    known = (np.abs(d) > ZERO) & (se > ZERO)
    out = np.where(np.abs(d) <= ZERO, 1.0, 0.0)
    ratio = -np.abs(d[known]) / se[known]
    of_seeds = np.broadcast_to(np.asarray(seed_df, np.float64), d.shape)[known]
    ends = [np.log(np.clip(2 * stdtr(df, ratio), _LEAST, 1.0)) for df in (of_seeds, question_df)]
    low, high = np.minimum(*ends), np.maximum(*ends)
    squared = d[known] ** 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        tail = np.exp(middle) / 2
        by_seeds, by_questions = (stdtrit(df, tail).clip(-_FARTHEST) ** 2 for df in (of_seeds, question_df))
        allowed = by_seeds * v_s[known] + by_questions * v_r[known]
        is_over = squared > allowed
        low, high = np.where(is_over, low, middle), np.where(is_over, middle, high)
    out[known] = np.exp(high)
    return out


def critical(
    estimate: npt.ArrayLike, seeds: npt.ArrayLike, rest: npt.ArrayLike, seed_df: float, question_df: float
) -> Callable[[float], npt.NDArray[np.bool_]]:
    """Which of `p_values` are at most a level, (m,), without finding them: two quantiles decide it."""
    from scipy.special import stdtrit

    d, v_s, v_r = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in (estimate, seeds, rest)))
    is_zero, is_sure, squared = np.abs(d) <= ZERO, np.sqrt(v_s + v_r) <= ZERO, d**2

    def reaches(level: float) -> npt.NDArray[np.bool_]:
        by_seeds, by_questions = stdtrit(seed_df, level / 2) ** 2, stdtrit(question_df, level / 2) ** 2
        return np.where(is_zero, level >= 1, is_sure | (squared >= by_seeds * v_s + by_questions * v_r))

    return reaches
