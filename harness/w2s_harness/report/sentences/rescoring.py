"""The comparisons of a leaderboard made again from its outcomes, and whether its numbers follow from them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import UNSET

from w2s_harness.contract.errors import DataError, UsageError, nearest
from w2s_harness.report.document.document import (
    Leaderboard,
    Row,
    SeedAccuracy,
    SeedTransfer,
    SettingRecord,
    label,
    largest,
)
from w2s_harness.report.sentences.comparing import Scored, against, picked
from w2s_harness.scoring.points import accuracy, counted
from w2s_harness.scoring.spread.blocks import block
from w2s_harness.scoring.spread.interval import WeakAndCeiling, baselines, no_gap

Floats = npt.NDArray[np.float64]
NEAR = 1e-6
"""How far a number may lie from what it follows from; imported ones are rounded."""


def scored(document: Leaderboard) -> list[Scored]:
    """The rows with their outcomes, where the document holds them.

    Raises `DataError` for outcomes that do not fit their setting.
    """
    settings = {(s.task, s.pair): s for s in document.settings}
    lines = {key: _baselines(setting) for key, setting in settings.items()}
    out = []
    for row in document.rows:
        setting = settings.get((row.task, row.pair))
        if setting is None:
            raise DataError(f"row {label(row)}: there is no setting {row.task}, {row.pair}")
        base = lines[row.task, row.pair]
        has_gap = base is not None and no_gap(base, min_gap=setting.min_gap) is None
        seeds, found = [s.seed for s in row.transfer.per_seed], _outcomes(setting, row.transfer.per_seed)
        transfer = None if found is None else block(seeds, found, np.asarray(setting.clusters))
        out.append(Scored(row, transfer, base, has_gap, setting.min_gap))
    return out


def compared_with(document: Leaderboard, references: Sequence[str]) -> Leaderboard:
    """The document with every row compared with `references` too (methods as in a cell's id).

    Raises `UsageError` for a reference that has no row, or whose outcomes the document does not hold.
    """
    known = sorted({label(row) for row in document.rows})
    rows = scored(document)
    columns = []
    for name in dict.fromkeys(references):
        if name not in known:
            raise UsageError(f"--against {name}: the leaderboard has no such row{nearest(name, known)}")
        if not any(label(s.row) == name and s.transfer is not None for s in rows):
            raise UsageError(f"--against {name}: the leaderboard does not hold its outcomes row by row")
        columns.append(against(rows, name))
    made = []
    for i, row in enumerate(document.rows):
        kept = [c for c in row.versus if c.against not in references]
        versus = [*kept, *(c for column in columns if (c := column[i]))]
        made.append(msgspec.structs.replace(row, versus=versus))
    return msgspec.structs.replace(document, rows=made)


def with_best(document: Leaderboard) -> Leaderboard:
    """The document with `best_of` on the best row of each setting, over all its rows of the track w2s.

    What picking it is worth is estimated from the outcomes (`compare.best_of`); a setting whose rows hold
    none, or that has fewer than two, is left as it is.
    """
    rows = scored(document)
    groups: dict[tuple[str, ...], list[int]] = {}
    for i, each in enumerate(rows):
        if each.row.track == "w2s":
            groups.setdefault((*each.setting, "best"), []).append(i)
    found = picked(rows, groups)
    made = [
        msgspec.structs.replace(row, best_of=found[i]) if i in found else row
        for i, row in enumerate(document.rows)
    ]
    return msgspec.structs.replace(document, rows=made)


def _baselines(setting: SettingRecord) -> WeakAndCeiling | None:
    weak, top = _outcomes(setting, setting.weak.per_seed), _outcomes(setting, setting.ceiling.per_seed)
    if weak is None or top is None:
        return None
    return baselines([s.seed for s in setting.weak.per_seed], weak, top, np.asarray(setting.clusters))


def _outcomes(
    setting: SettingRecord, lines: Sequence[SeedAccuracy] | Sequence[SeedTransfer]
) -> Floats | None:
    """(S, n_test) outcomes; None where a seed has none."""
    if setting.clusters is None or not lines or any(s.outcomes is UNSET for s in lines):
        return None
    if len(setting.clusters) != setting.n_test:
        raise DataError(f"{setting.task}: {len(setting.clusters)} clusters for {setting.n_test} rows")
    kept = [(s.outcomes, None if s.ties is UNSET else s.ties) for s in lines]
    return counted([(str(right), ties) for right, ties in kept], setting.n_test, largest(setting))


# -- whether numbers follow ------------------------------------------------------------------------------


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
    settings: dict[tuple[str, str], SettingRecord] = {}
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


def _row(at: str, named: str, row: Row, setting: SettingRecord) -> Iterator[tuple[_Checked, float, float]]:
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
    here: _Checked, seeds: Sequence[SeedAccuracy | SeedTransfer], mean: float | None, setting: SettingRecord
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
