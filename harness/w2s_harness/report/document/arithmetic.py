"""Whether the numbers of a leaderboard follow from those under them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec import UNSET

from w2s_harness.contract.errors import DataError
from w2s_harness.report.document.document import (
    Leaderboard,
    Row,
    SeedAccuracy,
    SeedTransfer,
    Setting,
    label,
    largest,
)
from w2s_harness.scoring.points import accuracy, counted

NEAR = 1e-6
"""How far a number may lie from what it follows from; imported ones are rounded."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """A number of a leaderboard."""

    what: str
    """Its name, as a reader of the tables knows it."""
    path: str
    """Its place in the document."""


def check(board: Leaderboard, name: str) -> int:
    """Check accuracies against outcomes, means, gaps, PGR and optimism; returns how many held.

    Raises `DataError` for the first that does not, with its name and its path in the document; `name` is what
    the error calls the document. Outcomes themselves, intervals and verdicts are taken as they stand.
    """
    held = 0
    try:
        for where, says, follows in _claims(board):
            if not math.isclose(says, follows, rel_tol=0, abs_tol=NEAR):
                what = f"{where.what} is {says:.6g}, and from the numbers under it {follows:.6g}"
                raise DataError(f"{what} ({where.path})")
            held += 1
    except DataError as bad:
        raise DataError(f"{name}: {bad}") from bad
    return held


def _claims(board: Leaderboard) -> Iterator[tuple[_Checked, float, float]]:
    """(where, what stands there, what it follows to be) of every number that can be checked."""
    settings: dict[tuple[str, str], Setting] = {}
    for i, setting in enumerate(board.settings):
        settings[setting.task, setting.pair] = setting
        at, named = f"$.settings[{i}]", f"{setting.task} on {setting.pair}"
        for part, line in (("weak", setting.weak), ("ceiling", setting.ceiling)):
            here = _Checked(f"{named}: the {part} accuracy", f"{at}.{part}")
            yield from _accuracies(here, line.per_seed, line.mean, setting)
        if setting.gap is not None and setting.weak.mean is not None and setting.ceiling.mean is not None:
            gap = setting.ceiling.mean - setting.weak.mean
            yield _Checked(f"{named}: the gap", f"{at}.gap"), setting.gap, gap
    for i, row in enumerate(board.rows):
        at = f"$.rows[{i}]"
        known = settings.get((row.task, row.pair))
        if known is None:
            raise DataError(f"{label(row)}: there is no setting {row.task}, {row.pair} ({at})")
        named = f"{row.task} on {row.pair}: {label(row)}'s"
        here = _Checked(f"{named} transfer accuracy", f"{at}.transfer")
        yield from _accuracies(here, row.transfer.per_seed, row.transfer.mean, known)
        yield from _row(at, named, row, known)


def _row(at: str, named: str, row: Row, setting: Setting) -> Iterator[tuple[_Checked, float, float]]:
    weak, ceiling = setting.weak.mean, setting.ceiling.mean
    if row.baselines is not None:
        weak, ceiling = row.baselines.weak, row.baselines.ceiling
    transfer = row.transfer.mean
    if weak is not None and ceiling is not None and row.pgr is not None and transfer is not None:
        # compared as accuracy: what is rounded off an accuracy is more as PGR, by one over the gap
        place = _Checked(f"{named} PGR as an accuracy", f"{at}.pgr")
        yield place, weak + row.pgr * (ceiling - weak), transfer
    if isinstance(row.final, float) and row.pgr is not None:
        yield _Checked(f"{named} final PGR", f"{at}.final"), row.final, row.pgr
    if isinstance(row.optimism, float) and isinstance(row.feedback, float) and isinstance(row.final, float):
        place = _Checked(f"{named} optimism", f"{at}.optimism")
        yield place, row.optimism, row.feedback - row.final


def _accuracies(
    here: _Checked, seeds: Sequence[SeedAccuracy | SeedTransfer], mean: float | None, setting: Setting
) -> Iterator[tuple[_Checked, float, float]]:
    for i, seed in enumerate(seeds):
        if seed.accuracy is not None and isinstance(seed.outcomes, str):
            ties = None if seed.ties is UNSET else seed.ties
            at, named = f"{here.path}.per_seed[{i}]", f"{here.what} of seed {seed.seed}"
            try:
                (values,) = counted([(seed.outcomes, ties)], setting.n_test, largest(setting))
            except DataError as bad:
                raise DataError(f"{named}: {bad} ({at})") from bad
            yield _Checked(named, f"{at}.accuracy"), seed.accuracy, accuracy(values)
    known = [seed.accuracy for seed in seeds if seed.accuracy is not None]
    if mean is not None and known and len(known) == len(seeds):
        yield _Checked(f"{here.what}, the mean,", f"{here.path}.mean"), mean, math.fsum(known) / len(known)
