"""What a plan would do and cost, and what it could detect, as the runs that a store holds tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from w2s_harness.contract.errors import DataError
from w2s_harness.contract.plan import VANILLA, Plan
from w2s_harness.report.document import document
from w2s_harness.report.document.document import Leaderboard, label
from w2s_harness.report.sentences.comparing import ALPHA
from w2s_harness.report.sentences.rescoring import scored
from w2s_harness.run.board.attempts import AttemptLog
from w2s_harness.run.cell.cell_result import CellResult
from w2s_harness.run.graph import PlanWork
from w2s_harness.run.kept import runs
from w2s_harness.run.kept.store import Store
from w2s_harness.run.stages.readouts import STAGE, ReadMargins
from w2s_harness.run.stages.service_orders import READS, Features
from w2s_harness.run.work.engine import Bench
from w2s_harness.run.work.setting.setting import Setting
from w2s_harness.run.work.work import Work
from w2s_harness.scoring.comparisons.power import (
    POWER,
    Assumed,
    Components,
    Holdout,
    component_ranges,
    components,
    minimum_detectable,
)
from w2s_harness.scoring.spread.blocks import countable

_CHARACTERS_PER_TOKEN = 3.0


def describe(work: PlanWork) -> str:
    """The stages with what is in the store already, what the plan can detect, and the cells, one a line."""
    lines = [*_stages(work), *detectable(work.plan, work.settings, work.bench.results.store)]
    lines += [f"  {cell.cell.id}{'   kept' if work.cells.is_kept(cell) else ''}" for cell in work.cells.real]
    lines += [f"cannot run   {m.id}: {m.error}" for m in work.plan.methods if m.error]
    for path, names in opened(work.plan).items():
        lines.append(f"opened    {path}   (beyond site-packages, to {', '.join(names)})")
    return "\n".join(lines) + "\n"


def opened(plan: Plan) -> dict[str, list[str]]:
    """Every folder and file beyond site-packages that a worker of the plan may read, with whose it is."""
    found: dict[str, list[str]] = {}
    for method in plan.methods:
        for path in method.source.opened:
            found.setdefault(path, []).append(method.id)
    return dict(sorted(found.items()))


def published(work: PlanWork) -> str:
    """The stages of a `--fresh` plan's published twin, which is run beside it."""
    return "\n".join(["on the published data of the same tasks:", *_stages(work)]) + "\n"


def _stages(work: PlanWork) -> list[str]:
    """A line for each stage and one for what is to be read."""
    shared, bench, cells = work.shared, work.bench, work.cells
    by_stage = shared.stages() | {"features": [*shared.features()]}
    readouts = [*by_stage.pop(ReadMargins.kind), *shared.heads()]
    lines = [_line(name, works, bench.has) for name, works in {**by_stage, STAGE: readouts}.items()]
    if controls := [*shared.golden_controls(), *shared.noise()]:
        left = sum(getattr(one, "draws", 1) for one in controls if not bench.has(one))
        price = f"   ({left} student{'' if left == 1 else 's'} to train)" if left else ""
        lines.append(_line("controls", controls, bench.has) + price)
    lines.append(_line("cells", cells.real, cells.is_kept))
    audits, own = cells.audits(), cells.own_audits()
    if audits:
        lines.append(f"{_line('again', audits, cells.is_kept)}   (counterfactual, for the guards)")
    if own:
        lines.append(f"{_line('own', own, cells.is_kept)}   (counterfactual, echo and decoy)")
    tokens = sum(_tokens(setting, bench) for setting in work.settings)
    past = _past([*cells.real, *audits, *own], bench)
    lines.append(f"to read   about {tokens / 1e6:.2f} million tokens{past}")
    return lines


def _line(name: str, works: Sequence[Any], is_kept: Callable[[Any], bool]) -> str:
    return f"{name:<9} {len(works):>5}   kept {sum(map(is_kept, works))}"


def _tokens(setting: Setting, bench: Bench) -> float:
    """Tokens whose features are not in the store, from the texts' lengths."""
    total = 0.0
    for role, split in READS:
        if setting.pair.mode != "probe" or not bench.has(Features(setting.ref, role, split)):
            for row in setting.data.texts[split].rows:
                prompt, *responses = row.texts().values()
                total += sum(len(prompt) + len(r) for r in responses) / _CHARACTERS_PER_TOKEN
    return total


def _past(cells: Sequence[Work[CellResult]], bench: Bench) -> str:
    """What cells of this plan took when they ran, if any has."""
    known = [bench.results.get(cell) for cell in cells]
    seconds = [found.seconds for found in known if found is not None]
    if not seconds:
        return ""
    left = (len(cells) - len(seconds)) * sum(seconds) / len(seconds)
    return f"; about {left:.0f} s of cells left, from {len(seconds)} that ran"


def detectable(plan: Plan, settings: Sequence[Setting], store: Store) -> list[str]:
    """A line for each setting: what a method must differ by to end significant with a chance of 80 %.

    First on this training pool, then on new ones, as a claim needs it; at the level that Holm asks of the
    first of the plan's comparisons and recorded attempts. Empty where nothing would be compared with vanilla.
    """
    compared, seeds = [m.id for m in plan.methods if m.id != VANILLA], len(plan.seeds)
    if not compared or len(compared) == len(plan.methods):
        return []
    if seeds < 2:
        return ["detects   no difference from vanilla: the test needs two seeds at least"]
    m = len(compared) * len(settings) + len(AttemptLog(store).before(plan, settings))
    level = f"alpha {ALPHA:g} / {m} comparisons (Holm)"
    lines = [f"detects   with a chance of {100 * POWER:g} %, {level}, {seeds} seeds"]
    boards = boards_of(store.root)
    for setting in settings:
        known = pilots(boards, setting.task.id, setting.pair.name, VANILLA)
        lines.append(f"detects   {setting.id}: {_smallest(setting, known, compared, seeds, ALPHA / m)}")
    return lines


def _smallest(setting: Setting, known: Pilots, methods: Sequence[str], seeds: int, level: float) -> str:
    """The smallest differences that can be seen; a range where methods' variances differ."""
    holdout = Holdout.of(setting.test.groups)
    measured = {p.method: p.components for p in known.found if p.method in methods}
    cases = list(measured.values())
    if len(measured) < len(methods):
        cases.append(Assumed().components(holdout.rows_per_question))
    sizes = []
    for new_pools in (False, True):
        least = [
            minimum_detectable(c, seeds, holdout.questions, alpha=level, new_pools=new_pools) for c in cases
        ]
        sizes.append(_size(min(least), max(least), known.gap))
    origin = "from the store" if measured else "assumed"
    if 0 < len(measured) < len(methods):
        origin = f"from the store for {len(measured)} of {len(methods)} methods, else assumed"
    return f"{sizes[0]}; on new training pools, as a claim needs, {sizes[1]}; variances {origin}"


def _size(low: float, high: float, gap: float | None) -> str:
    """From `low` to `high` accuracy, and as PGR where the gap is known; never a number that none can have."""
    if gap is None and low >= 1:
        return "nothing, not even all of an accuracy's range"
    size = f"{_span([f'{min(x, 1.0):.3f}' for x in (low, high)])} accuracy"
    if gap is None:
        return size
    if low >= gap:
        return f"nothing below 1 PGR can be seen (it takes {size}, the gap is {gap:.3f})"
    if high >= gap:
        return f"{size} ({low / gap:.2f} PGR; with the larger variances nothing below 1 can be seen)"
    return f"{size} ({_span([f'{x / gap:.2f}' for x in (low, high)])} PGR)"


def _span(ends: Sequence[str]) -> str:
    return ends[0] if ends[0] == ends[-1] else f"{ends[0]} to {ends[-1]}"


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
    gap: tuple[float | None, str | None] = (None, None)
    found: dict[str, Pilot] = {}
    for run, board in boards:
        mine = next((s for s in board.settings if (s.task, s.pair) == (task, pair)), None)
        if mine is None:
            continue
        size = mine.gap
        if gap[0] is None and size is not None and size > 0 and size >= mine.min_gap:
            gap = size, run
        blocks = {
            label(s.row): s.transfer
            for s in scored(board)
            if s.setting == (task, pair) and s.transfer is not None and s.row.status in ("ok", "no-gap")
        }
        for method, block in blocks.items():
            if method != against and against in blocks and countable([block, blocks[against]]) is None:
                other = blocks[against]
                seeds = min(len(block.seeds), len(other.seeds))
                made = Pilot(method, run, seeds, components(block, other), *component_ranges(block, other))
                # one whose every prediction is the reference's tells nothing of how far a difference varies
                if made.components.variance(1, 1) > 0:
                    found.setdefault(method, made)
    return Pilots(*gap, tuple(found.values()))


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
