"""In which order methods stand, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from w2s_harness.contract.types import Track
from w2s_harness.scoring.comparisons.compare import better_and_worse, compare_all, holm
from w2s_harness.scoring.points.blocks import Block

Status = Literal["ok", "no-gap", "skipped", "failed", "disqualified"]
ALPHA = 0.05
_GROUP: dict[str, int] = {"ok": 0, "no-gap": 1, "skipped": 2, "failed": 3, "disqualified": 4}
_TRACK: dict[str, int] = {"w2s": 0, "unknown": 1, "elicitation": 2}


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
    held: tuple[tuple[bool, Status], ...] = (
        (disqualified, "disqualified"),
        (failed, "failed"),
        (skipped, "skipped"),
        (no_gap, "no-gap"),
    )
    return next((name for holds, name in held if holds), "ok")


def order(entries: Sequence[RankedRow]) -> list[int]:
    """Positions of the entries from first to last.

    By status, then track (elicitation apart), then PGR, then transfer accuracy, best first, then name.
    """

    def key(i: int) -> tuple[int, int, float, float, str]:
        e = entries[i]
        return (_GROUP[e.status], _TRACK[e.track], _falling(e.pgr), _falling(e.accuracy), e.name)

    return sorted(range(len(entries)), key=key)


def ranks(entries: Sequence[RankedRow], *, alpha: float = ALPHA) -> list[tuple[int, int] | None]:
    """The rank interval of each entry, by `intervals` over its accuracies' two-way tests.

    Over the M entries of status ok and track w2s; all others get None. A pair that cannot be tested counts as
    p = 1.
    """
    ranked = [i for i, e in enumerate(entries) if e.status == "ok" and e.track == "w2s"]
    found = dict(zip(ranked, _intervals([entries[i].transfer for i in ranked], alpha), strict=True))
    return [found.get(i) for i in range(len(entries))]


def _intervals(transfers: Sequence[Block | None], alpha: float) -> list[tuple[int, int]]:
    known = [transfer for transfer in transfers if transfer is not None]
    counts = better_and_worse(known, alpha=alpha) if len(known) == len(transfers) else None
    if counts is None:
        return intervals(len(transfers), compare_all(transfers), alpha=alpha)
    better, worse = (count.tolist() for count in counts)
    return [(1 + b, len(known) - w) for b, w in zip(better, worse, strict=True)]


def intervals(
    count: int, tests: Mapping[tuple[int, int], tuple[float, float]], *, alpha: float = ALPHA
) -> list[tuple[int, int]]:
    """Rank intervals [1 + number significantly better, M - number significantly worse] of M = `count` things.

    `tests` has (first minus second, two-sided p) by pair of positions; a missing pair counts as p = 1.
    Mogstad, Romano, Shaikh and Wilhelm (2024): all intervals hold at once with confidence 1 - alpha where the
    one-sided hypotheses "i is at most j", both of each pair, are tested with family-wise error alpha. Here by
    Holm over the M (M - 1) of them: p / 2 for the one that the difference speaks against, 1 - p / 2 for its
    opposite.
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


def _falling(value: float | None) -> float:
    return float("inf") if value is None else -value
