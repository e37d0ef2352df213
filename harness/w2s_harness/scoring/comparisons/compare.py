"""Whether one method beats another beyond chance, in which order several stand, what picking one adds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.guards.measures import holm as holm
from w2s_harness.contract.types import Track
from w2s_harness.scoring.spread import together
from w2s_harness.scoring.spread.blocks import Block, countable, estimate, merge
from w2s_harness.scoring.spread.bootstrap import DRAWS, replicates
from w2s_harness.scoring.spread.together import critical, p_values
from w2s_harness.scoring.spread.twoway import ZERO, combined, floor_of, moments, quantiles

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.intp]
Status = Literal["ok", "no-gap", "skipped", "failed", "disqualified"]
ALPHA = 0.05
_GROUP: dict[str, int] = {"ok": 0, "no-gap": 1, "skipped": 2, "failed": 3, "disqualified": 4}
_TRACK: dict[str, int] = {"w2s": 0, "unknown": 1, "elicitation": 2}


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


def all_between(transfers: Sequence[Block], other: Block) -> list[Difference]:
    """The two-way t test of each accuracy minus that of one other; differences all zero give p = 1.

    Equal sets of seeds are paired seed by seed, other sets as `twoway.spread` says. The gap cancels, so the
    test exists where PGR does not. p is `together.p_values`', so that it can be trusted after Holm; at .05 it
    never undercuts `ci`.
    """
    found = {}
    for some in together.differences(transfers, other):
        centre, v = some.values, some.spreads
        half = quantiles(v.df) * v.se
        p = p_values(centre, v.seeds, v.total - v.seeds, v.seed_df, v.question_df)
        columns = np.stack([centre, centre - half, centre + half, p, v.df], axis=1).tolist()
        for i, (d, low, high, own_p, df) in zip(some.places, columns, strict=True):
            found[i] = Difference(d, (low, high), own_p, df)
    for i, transfer in enumerate(transfers):
        if i not in found:
            blocks = [transfer, other.scaled(-1.0)]
            found[i] = Difference(estimate(blocks), None, None, None, countable(blocks))
    return [found[i] for i in range(len(transfers))]


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
        pairs = [
            (known[a], known[b], found)
            for b, other in enumerate(have)
            for a, found in enumerate(all_between(have[:b], other))
        ]
        return {(a, b): (found.estimate, found.p) for a, b, found in pairs if found.p is not None}
    i, j, lead, spread = _pairs(have)
    p = p_values(lead, *spread)
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
    i, j, lead, spread = _pairs(blocks)
    reaches = critical(lead, *spread)
    rejected, known = np.zeros(len(lead), dtype=np.bool_), -1
    while rejected.sum() > known:
        known = int(rejected.sum())
        # of the two sides of a pair one is rejected at most
        rejected = reaches(min(1.0, 2 * alpha / (m * (m - 1) - known)))
    first, second = np.where(lead > 0, i, j)[rejected], np.where(lead > 0, j, i)[rejected]
    return np.bincount(second, minlength=m), np.bincount(first, minlength=m)


def _pairs(blocks: Sequence[Block]) -> tuple[Counts, Counts, Floats, tuple[Floats, Floats, float, float]]:
    """Positions i < j of all pairs, the differences of their means, and of these what `Moments.spread` has.

    That is (V_S, V - V_S, seed df, question df).
    """
    i, j = np.triu_indices(len(blocks), 1)
    means = np.array([float(np.mean(block.values)) for block in blocks])
    found = moments([[block] for block in blocks])
    seeds = found.sizes[0]

    def of(covariance: Floats) -> Floats:
        own = np.diag(covariance)
        return np.asarray(np.maximum(own[i] + own[j] - 2 * covariance[i, j], 0.0))

    v_s, v_sq, v_q = of(found.means[0, 0]) / seeds, of(found.cells[0, 0]) / seeds, of(found.questions)
    v_q += _floors(found.by_question, i, j)
    total = combined(v_s, v_q, v_sq)
    return i, j, means[i] - means[j], (v_s, total - v_s, seeds - 1.0, found.question_df)


def _floors(y: Floats, i: Counts, j: Counts) -> Floats:
    """`twoway.floor` of y_i - y_j, out of sums of products: pairs are too many to be looked at one by one."""
    squares = y * y
    of_two, of_three = y @ y.T, squares @ y.T
    own_two, own_three = np.diag(of_two), np.diag(of_three)
    two = np.maximum(own_two[i] + own_two[j] - 2 * of_two[i, j], 0.0)
    three = own_three[i] - own_three[j] - 3 * of_three[i, j] + 3 * of_three[j, i]
    return floor_of(two, three, y.shape[1])


# -- ranks ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RankedRow:
    """A row of one setting, as far as ranking needs it."""

    name: str
    """The method with its parameters, as in a cell's id; breaks ties of the order."""
    status: Status
    track: Track
    pgr: float | None
    accuracy: float | None
    """Mean transfer accuracy; orders rows without a PGR."""
    transfer: Block | None
    """Its outcomes (`blocks.block`); None where nothing was predicted."""


def status(*, disqualified: bool, failed: bool, skipped: bool, no_gap: bool) -> Status:
    """The status of a row: the first that holds of disqualified, failed, skipped, no-gap, else ok.

    One failed seed fails the row; else crashing would be a way to pick seeds.
    """
    if disqualified:
        return "disqualified"
    return "failed" if failed else "skipped" if skipped else "no-gap" if no_gap else "ok"


def order(entries: Sequence[RankedRow]) -> list[int]:
    """Positions of the entries from first to last.

    By status, then track (elicitation apart), then PGR, then transfer accuracy, best first, then name.
    """

    def key(i: int) -> tuple[int, int, float, float, str]:
        e = entries[i]
        pgr, accuracy = (math.inf if x is None else -x for x in (e.pgr, e.accuracy))
        return (_GROUP[e.status], _TRACK[e.track], pgr, accuracy, e.name)

    return sorted(range(len(entries)), key=key)


def ranks(entries: Sequence[RankedRow], *, alpha: float = ALPHA) -> list[tuple[int, int] | None]:
    """The rank interval of each entry, by `intervals` over its accuracies' two-way tests.

    Over the M entries of status ok and track w2s; all others get None. A pair that cannot be tested counts as
    p = 1.
    """
    ranked = [i for i, e in enumerate(entries) if e.status == "ok" and e.track == "w2s"]
    transfers = [entries[i].transfer for i in ranked]
    known = [transfer for transfer in transfers if transfer is not None]
    counts = better_and_worse(known, alpha=alpha) if len(known) == len(transfers) else None
    if counts is None:
        found = intervals(len(transfers), compare_all(transfers), alpha=alpha)
    else:
        better, worse = (count.tolist() for count in counts)
        found = [(1 + b, len(known) - w) for b, w in zip(better, worse, strict=True)]
    places = dict(zip(ranked, found, strict=True))
    return [places.get(i) for i in range(len(entries))]


def intervals(
    count: int, tests: Mapping[tuple[int, int], tuple[float, float]], *, alpha: float = ALPHA
) -> list[tuple[int, int]]:
    """Rank intervals [1 + number significantly better, M - number significantly worse] of M = `count` things.

    `tests` has (first minus second, two-sided p) by pair of positions; a missing pair counts as p = 1. Holm
    runs over the M (M - 1) one-sided hypotheses "i is at most j", with p / 2 for the one that the difference
    speaks against and 1 - p / 2 for its opposite, so all hold at once with 1 - alpha (Mogstad et al. 2024).
    """
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    found = [tests.get(pair, (0.0, 1.0)) for pair in pairs]
    adjusted = holm([p / 2 for _, p in found] + [1 - p / 2 for _, p in found])
    better, worse = [0] * count, [0] * count
    for (i, j), (lead, _), p in zip(pairs, found, adjusted, strict=False):
        if p <= alpha:
            first, second = (i, j) if lead > 0 else (j, i)
            better[second] += 1
            worse[first] += 1
    return [(1 + better[i], count - worse[i]) for i in range(count)]


# -- the best of several ----------------------------------------------------------------------------------


class Best(NamedTuple):
    """The best of k and the optimism of having picked it."""

    k: int
    """How many there were."""
    winner: int
    """The position of the largest; the first of several."""
    optimism: float
    """Accuracy, never under 0; subtract it from the winner's."""


def best_of(blocks: Sequence[Block], *, name: str = "best of k", draws: int = DRAWS) -> Best:
    """The largest of k transfer accuracies, and by how much it flatters.

    Optimism is the mean over crossed bootstrap draws (`bootstrap.replicates`, one draw for all k) of what the
    draw adds to the method that is the largest in it (Efron and Tibshirani 1993, chapter 17), scaled to the
    two-way variance, and with accuracies shrunk to their mean as Efron and Morris (1973) do, by a factor for
    few methods, whose variance is often large by chance (docs/statistics.md). Raises `ValueError` for fewer
    than two blocks, and as `replicates`.
    """
    if len(blocks) < 2:
        raise ValueError(f"{len(blocks)} methods have no best of several")
    values = np.array([estimate([b]) for b in blocks])
    errors = replicates([[b] for b in blocks], name=name, draws=draws) - values
    errors *= _scale(blocks, errors)
    apart, noise = float(values.var()), float(errors.var(axis=1).mean())
    few = len(blocks) / (len(blocks) - 1)
    kept = max(0.0, 1 - few * noise / apart) if apart > 0 else 0.0
    winners = (errors + kept * (values - values.mean())).argmax(axis=1)
    optimism = float(np.mean(errors[np.arange(len(errors)), winners]))
    return Best(len(blocks), int(values.argmax()), max(0.0, optimism))


def _scale(blocks: Sequence[Block], errors: Floats) -> float:
    """What makes the draws' spread about the mean method (draws, k) that of the two-way variance."""
    drawn = float(errors.var(axis=1).mean())
    if countable(blocks) is not None or drawn <= ZERO**2:
        return 1.0
    less = merge([b.scaled(-1 / len(blocks)) for b in blocks])
    stacked, left = together.stacks(blocks, less) if len(less) == 1 else ([], range(len(blocks)))
    known = [together.alone([blocks[i], *less]) for i in left]
    known += [together.spreads(x + less[0].values, less[0].shares) for _, x in stacked]
    # without their floors, which are for intervals
    total = math.fsum(x for v in known for x in combined(v.seeds, v.questions, v.cells))
    return math.sqrt(total / len(blocks) / drawn)
