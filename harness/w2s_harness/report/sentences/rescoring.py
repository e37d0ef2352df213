"""The comparisons of a leaderboard made again from the outcomes that it holds."""

from __future__ import annotations

from collections.abc import Sequence

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
    Setting,
    label,
    largest,
)
from w2s_harness.report.sentences.comparing import Scored, against, picked
from w2s_harness.scoring.points import counted
from w2s_harness.scoring.spread.blocks import Block, block
from w2s_harness.scoring.spread.interval import WeakAndCeiling, baselines, no_gap

Floats = npt.NDArray[np.float64]


def scored(document: Leaderboard) -> list[Scored]:
    """The rows with their outcomes, where the document holds them.

    Raises `DataError` for outcomes that do not fit their setting.
    """
    settings = {(s.task, s.pair): s for s in document.settings}
    lines = {key: _baselines(setting) for key, setting in settings.items()}
    return [_scored(row, settings.get((row.task, row.pair)), lines) for row in document.rows]


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
    kept = [[c for c in row.versus if c.against not in references] for row in document.rows]
    made = [
        msgspec.structs.replace(row, versus=[*kept[i], *(c for column in columns if (c := column[i]))])
        for i, row in enumerate(document.rows)
    ]
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


def _scored(row: Row, setting: Setting | None, lines: dict[tuple[str, str], WeakAndCeiling | None]) -> Scored:
    if setting is None:
        raise DataError(f"row {label(row)}: there is no setting {row.task}, {row.pair}")
    base = lines[(row.task, row.pair)]
    has_gap = base is not None and no_gap(base, min_gap=setting.min_gap) is None
    return Scored(row, _block(setting, row.transfer.per_seed), base, has_gap, setting.min_gap)


def _baselines(setting: Setting) -> WeakAndCeiling | None:
    weak, top = _outcomes(setting, setting.weak.per_seed), _outcomes(setting, setting.ceiling.per_seed)
    if weak is None or top is None:
        return None
    return baselines([s.seed for s in setting.weak.per_seed], weak, top, np.asarray(setting.clusters))


def _block(setting: Setting, lines: Sequence[SeedTransfer]) -> Block | None:
    found = _outcomes(setting, lines)
    return None if found is None else block([s.seed for s in lines], found, np.asarray(setting.clusters))


def _outcomes(setting: Setting, lines: Sequence[SeedAccuracy] | Sequence[SeedTransfer]) -> Floats | None:
    """(S, n_test) outcomes; None where a seed has none."""
    if setting.clusters is None or not lines or any(s.outcomes is UNSET for s in lines):
        return None
    if len(setting.clusters) != setting.n_test:
        raise DataError(f"{setting.task}: {len(setting.clusters)} clusters for {setting.n_test} rows")
    kept = [(s.outcomes, None if s.ties is UNSET else s.ties) for s in lines]
    return counted([(str(right), ties) for right, ties in kept], setting.n_test, largest(setting))
