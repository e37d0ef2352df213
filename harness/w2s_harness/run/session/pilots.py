"""How far differences between methods varied in the runs that a store holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from w2s_harness.contract.errors import DataError
from w2s_harness.report.document import document
from w2s_harness.report.document.document import Leaderboard, Row, Setting, label
from w2s_harness.report.sentences.rescoring import scored
from w2s_harness.run.kept import runs
from w2s_harness.scoring.comparisons.power import Components, component_ranges, components
from w2s_harness.scoring.spread.blocks import Block, countable


@dataclass(frozen=True, slots=True)
class Pilot:
    """What a run says of the difference of a method and a reference."""

    method: str
    """With parameters, as on the leaderboard."""
    run: str
    seeds: int
    components: Components
    low: Components
    """The low ends of the components' 80 % intervals."""
    high: Components


@dataclass(frozen=True, slots=True)
class Pilots:
    """What a store says of one task on one pair."""

    gap: float | None
    """Ceiling minus weak of the newest run that has a gap, accuracy."""
    gap_run: str | None
    found: tuple[Pilot, ...]
    """The newest run's word on each method, in the order of its leaderboard."""

    def of(self, wanted: str) -> list[Pilot]:
        """Those that an item of `--methods` names: a label, a name or a glob."""
        return [p for p in self.found if names(wanted, p.method)]


def names(wanted: str, method: str) -> bool:
    """Whether an item of `--methods` means a row's label: `confident[margin=0.3]`, `confident`, `conf*`."""
    return wanted == method or fnmatchcase(method.partition("[")[0], wanted)


def items(text: str) -> list[str]:
    """`a,b[x=1,y=2]` parted at the commas that stand outside brackets."""
    return [item.strip() for item in re.split(r",(?![^\[]*\])", text) if item.strip()]


def pilots(boards: Sequence[tuple[str, Leaderboard]], task: str, pair: str, against: str) -> Pilots:
    """What `boards` (run and leaderboard, newest first) say of a task on a pair, by ids.

    A run speaks where it holds its outcomes row by row, with two seeds at least and some that differ. Raises
    `DataError` for outcomes that do not fit their setting.
    """
    gap: tuple[float, str] | None = None
    found: dict[str, Pilot] = {}
    for run, board in boards:
        mine = [s for s in board.settings if (s.task, s.pair) == (task, pair)]
        if not mine:
            continue
        if gap is None and (size := _gap(mine[0])) is not None:
            gap = size, run
        blocks = {
            label(s.row): s.transfer
            for s in scored(board)
            if s.setting == (task, pair) and s.transfer is not None and _counts(s.row)
        }
        for method, block in blocks.items():
            if method != against and against in blocks and countable([block, blocks[against]]) is None:
                made = _pilot(method, run, block, blocks[against])
                # one whose every prediction is the reference's tells nothing of how far a difference varies
                if made.components.variance(1, 1) > 0:
                    found.setdefault(method, made)
    return Pilots(gap[0] if gap else None, gap[1] if gap else None, tuple(found.values()))


def boards_of(store: Path) -> list[tuple[str, Leaderboard]]:
    """The finished runs of a store, newest first; leaderboards of another format are left out."""
    found = []
    for run in reversed(runs.all_runs(store / "runs")):
        if run.leaderboard.is_file():
            try:
                found.append((run.id, document.read(run.leaderboard)))
            except DataError:
                continue  # written by another version: it says nothing here, and nothing hangs on it
    return found


def _pilot(method: str, run: str, own: Block, reference: Block) -> Pilot:
    low, high = component_ranges(own, reference)
    seeds = min(len(own.seeds), len(reference.seeds))
    return Pilot(method, run, seeds, components(own, reference), low, high)


def _counts(row: Row) -> bool:
    return row.status in ("ok", "no-gap")


def _gap(setting: Setting) -> float | None:
    has = setting.gap is not None and setting.gap > 0 and setting.gap >= setting.min_gap
    return setting.gap if has else None
