"""Whether one method is better than another, beyond chance, and every pair of several at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.guards.measures import holm as holm
from w2s_harness.scoring.points.blocks import Block, countable, estimate
from w2s_harness.scoring.spread import together
from w2s_harness.scoring.spread.banerjee import critical, p_values
from w2s_harness.scoring.spread.interval import LEVEL
from w2s_harness.scoring.spread.twoway import combined, floor_of, moments, quantiles

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference of two accuracies over the same questions."""

    estimate: float
    """First minus second, accuracy."""
    ci: tuple[float, float] | None
    p: float | None
    """Two-sided; before any correction."""
    df: float | None
    reason: str | None = None
    """Why `ci`, `p` and `df` are None."""


def all_between(transfers: Sequence[Block], other: Block, *, level: float = LEVEL) -> list[Difference]:
    """The two-way t test of each accuracy minus that of one other; differences all zero give p = 1.

    Equal sets of seeds are paired seed by seed, other sets as `twoway.spread` says. The gap cancels, so the
    test exists where PGR does not. p is `banerjee.p_values`', so that it can be trusted after Holm; at .05 it
    never undercuts `ci`.
    """
    found = {}
    for some in together.differences(transfers, other):
        centre, v = some.values, some.spreads
        half = quantiles(v.df, level) * v.se
        p = p_values(centre, v.seeds, v.total - v.seeds, v.seed_df, v.question_df)
        columns = np.stack([centre, centre - half, centre + half, p, v.df], axis=1).tolist()
        for i, (d, low, high, own_p, df) in zip(some.places, columns, strict=True):
            found[i] = Difference(d, (low, high), own_p, df)
    return [found.get(i) or _uncounted([t, other.scaled(-1.0)]) for i, t in enumerate(transfers)]


def _uncounted(blocks: Sequence[Block]) -> Difference:
    return Difference(estimate(blocks), None, None, None, countable(blocks))


def compare_all(blocks: Sequence[Block | None]) -> dict[tuple[int, int], tuple[float, float]]:
    """(difference i minus j, two-sided p) for all positions i < j whose methods can be compared.

    As `all_between` of each pair; where all have the same seeds, the variances of all differences
    come from the covariances of the methods' seed means, question means and interactions, computed once.
    """
    known = [i for i, block in enumerate(blocks) if block is not None]
    have = [block for block in blocks if block is not None]
    if len(have) < 2 or countable(have) is not None:
        return {}
    if len({frozenset(block.seeds) for block in have}) > 1:
        return _one_by_one(known, have)
    i, j = np.triu_indices(len(have), 1)
    means = np.array([float(np.mean(block.values)) for block in have])
    lead = means[i] - means[j]
    p = p_values(lead, *_spread(have, i, j))
    return {(known[a], known[b]): (float(d), float(q)) for a, b, d, q in zip(i, j, lead, p, strict=True)}


def better_and_worse(blocks: Sequence[Block], *, alpha: float) -> tuple[Counts, Counts] | None:
    """How many of M methods are significantly better and worse than each, (M,) and (M,); None where unknown.

    As Holm over both sides of all M (M - 1) / 2 tests of `compare_all` says at level alpha < .5, without
    their p-values: a pair is rejected where its difference reaches the critical value of Holm's next step,
    and steps are taken until one rejects no more. None where seeds differ or there are too few.
    """
    if len(blocks) < 2 or countable(blocks) or len({frozenset(block.seeds) for block in blocks}) > 1:
        return None
    m = len(blocks)
    i, j = np.triu_indices(m, 1)
    means = np.array([float(np.mean(block.values)) for block in blocks])
    lead = means[i] - means[j]
    reaches = critical(lead, *_spread(blocks, i, j))
    rejected, known = np.zeros(len(lead), dtype=np.bool_), -1
    while rejected.sum() > known:
        known = int(rejected.sum())
        # of the two sides of a pair one is rejected at most
        rejected = reaches(min(1.0, 2 * alpha / (m * (m - 1) - known)))
    first, second = np.where(lead > 0, i, j)[rejected], np.where(lead > 0, j, i)[rejected]
    return np.bincount(second, minlength=m), np.bincount(first, minlength=m)


def _one_by_one(known: Sequence[int], have: Sequence[Block]) -> dict[tuple[int, int], tuple[float, float]]:
    out = {}
    for b, other in enumerate(have):
        for a, found in enumerate(all_between(have[:b], other)):
            if found.p is not None:
                out[known[a], known[b]] = (found.estimate, found.p)
    return out


def _spread(
    blocks: Sequence[Block], i: npt.NDArray[np.intp], j: npt.NDArray[np.intp]
) -> tuple[Floats, Floats, float, float]:
    """(V_S, V - V_S, seed df, question df) of the differences of blocks i and j, as `Moments.spread`'s."""
    found = moments([[block] for block in blocks])
    seeds = found.sizes[0]

    def of(covariance: Floats) -> Floats:
        own = np.diag(covariance)
        return np.asarray(np.maximum(own[i] + own[j] - 2 * covariance[i, j], 0.0))

    v_s, v_sq, v_q = of(found.means[0, 0]) / seeds, of(found.cells[0, 0]) / seeds, of(found.questions)
    v_q += _floors(found.by_question, i, j)
    total = combined(v_s, v_q, v_sq)
    return v_s, total - v_s, seeds - 1.0, found.question_df


def _floors(y: Floats, i: npt.NDArray[np.intp], j: npt.NDArray[np.intp]) -> Floats:
    """`twoway.floor` of y_i - y_j, out of sums of products: pairs are too many to be looked at one by one."""
    squares = y * y
    of_two, of_three = y @ y.T, squares @ y.T
    own_two, own_three = np.diag(of_two), np.diag(of_three)
    two = np.maximum(own_two[i] + own_two[j] - 2 * of_two[i, j], 0.0)
    three = own_three[i] - own_three[j] - 3 * of_three[i, j] + 3 * of_three[j, i]
    return floor_of(two, three, y.shape[1])
