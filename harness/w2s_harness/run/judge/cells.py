"""The cells of a plan, real and counterfactual: which there are, which cannot run, and what came of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from w2s_harness.contract.access import beyond
from w2s_harness.contract.plan import Cell, Plan
from w2s_harness.contract.types import Verdict, World
from w2s_harness.installed import sources
from w2s_harness.jail.showing import said
from w2s_harness.run.cell.cell_result import AnyCell, CellFailure, CellResult, Ended
from w2s_harness.run.cell.given import GivenCell
from w2s_harness.run.cell.method_cell import CELLS, RERUNS, CellRun
from w2s_harness.run.judge.gathering import Gathered
from w2s_harness.run.judge.guarding import Guards
from w2s_harness.run.kept import secret
from w2s_harness.run.stages.readouts import has_readouts
from w2s_harness.run.stages.worlds.null import PARTS, Null
from w2s_harness.run.stages.worlds.own import own_worlds
from w2s_harness.run.stages.worlds.worlds import cut, spread
from w2s_harness.run.work.engine import AnyWork, Bench, Engine
from w2s_harness.run.work.results import Result
from w2s_harness.run.work.setting.setting import Setting
from w2s_harness.run.work.work import Failure

RowKey = tuple[str, str]
"""(setting id, method id)."""
ROW_FAILED = "not run: a real cell of its row failed or was skipped"


class Cells:
    """All cells of a plan."""

    def __init__(self, plan: Plan, settings: Sequence[Setting], bench: Bench, guards: Guards) -> None:
        self.plan, self.settings, self.bench, self.guards = plan, settings, bench, guards
        self.gathered = {s.id: Gathered(bench, s) for s in settings}
        self.inspected: dict[RowKey, list[Verdict]] = {}
        """What guards said of a method's source, by (setting, method)."""
        self._unread: dict[str, str] = {}
        """Why no guard could be shown a method's source, by method; such a method does not run."""
        self.outcomes: dict[str, CellResult | CellFailure] = {}
        """Of the real cells, by id."""
        self.worlds: dict[RowKey, list[Ended]] = {}
        """The counterfactual cells of a row, as far as they were run."""
        self.own: dict[RowKey, list[Ended]] = {}
        """The echo and decoy cells of a row, as far as they were run."""
        self._settings = {s.id: s for s in settings}
        self._methods = {m.id: m for m in plan.methods}
        self._columns = {s.task.id: guards.columns(s.task.task) for s in settings}
        cells = [((f"{cell.task}/{cell.pair}", cell.method), cell) for cell in plan.cells()]
        made = {row: self._of_row(row) for row in dict.fromkeys(row for row, _ in cells)}
        self.real = [made[row](cell) for row, cell in cells]

    def is_kept(self, cell: AnyCell) -> bool:
        """Whether its result is in the store."""
        return isinstance(cell, CellRun) and self.bench.has(cell)

    def ended(self) -> dict[RowKey, list[Ended]]:
        """The real cells by row, in the order of the plan."""
        return {
            row: [Ended(cell, self.outcomes[cell.cell.id]) for cell in cells]
            for row, cells in self._rows().items()
        }

    def run(self, engine: Engine, progress: CellProgress, *, reverse: bool = False) -> None:
        """Work the cells off, a failed counterfactual one twice, since it may be bad luck.

        Counterfactual cells go among the real ones in an order that nobody can foresee; none for a row of
        which a real cell has failed or was skipped. A slow machine or a service that died must not make an
        honest method look evasive: the second time comes after all others, on a service that lives. Real
        cells that the end of another kept from running have an error.
        """
        self._inspect()
        audits, own = self.audits(), self.own_audits()
        self._measure(audits, engine, progress)
        todo: list[AnyCell] = list(reversed(self.real)) if reverse else list(self.real)
        if audits or own:
            todo += [*audits, *own]
            random.SystemRandom().shuffle(todo)
        progress.starts(len(self.real), len(audits) + len(own))

        def skip(work: AnyWork) -> Failure | None:
            is_idle = (
                isinstance(work, CellRun) and work.world is not None and work.row in progress.failed_rows
            )
            return CellFailure(ROW_FAILED, was_run=False) if is_idle else None

        left = []
        for cell in todo:
            if (why := self.refusal(cell)) is None:
                left.append(cell)
            else:
                progress.ends(cell, why, kept=False)
        while left and not progress.stopped:
            engine.run(left, progress, skip=skip)
            left = progress.once_more()
        for cells, out in ((audits, self.worlds), (own, self.own)):
            for cell in cells:
                if (found := progress.outcomes.get(cell.key)) is not None:
                    out.setdefault(cell.row, []).append(Ended(cell, found))
        why = CellFailure(f"not run: {progress.stopped_by} (-x)", was_run=False)
        self.outcomes = {cell.cell.id: progress.outcomes.get(cell.key, why) for cell in self.real}

    # -- which cells ------------------------------------------------------------------------------------

    def _of_row(self, row: RowKey, world: World | None = None) -> Callable[[Cell], AnyCell]:
        """Makes each cell of a row; what they share is found out once."""
        setting, method = self._settings[row[0]], self._methods[row[1]]
        if method.is_predictions:
            return lambda cell: GivenCell(cell, setting.ref, method)
        wanted = frozenset(method.access) & self.plan.grants
        access = self.guards.grant(setting.task.task, method.id, wanted)
        columns, hidden = self._columns[setting.task.id], secret.of_method(self.plan, method)
        ref, limits = setting.ref, self.plan.limits
        return lambda cell: CellRun(cell, ref, method, access, columns, limits, world, hidden)

    def refusal(self, cell: AnyCell) -> CellFailure | None:
        """Why it cannot run, whatever is kept."""
        method = cell.method
        if method.error or method.id in self._unread:
            return CellFailure(method.error or self._unread[method.id])
        for verdict in self.inspected.get(cell.row, ()):
            if verdict.level == "disqualify":
                return CellFailure(f"{verdict.guard}: {verdict.because}", skipped=True)
        if isinstance(cell, GivenCell):
            return None
        if lacking := beyond(method.access, cell.setting.abilities):
            return CellFailure(f"the pair '{cell.setting.pair}' cannot {lacking}", skipped=True)
        missing = sorted(set(method.access) - set(cell.access))
        if not missing:
            return None
        taken = set(missing) <= self.plan.grants
        hint = (
            ", which a guard takes away on this task" if taken else f": run with --grant {','.join(missing)}"
        )
        return CellFailure(f"needs the access {', '.join(missing)}{hint}", skipped=True)

    def _inspect(self) -> None:
        """Show every method's source to the guards, once the baselines are there."""
        if not self.guards.has("w2s_inspect_method"):
            return
        for row in self._rows():
            method = self._methods[row[1]]
            if method.error or method.is_predictions or method.id in self._unread:
                continue
            try:
                files = sources.files(method.source)
            except Exception as bad:  # noqa: BLE001 (boundary: reading what others installed)
                self._unread[method.id] = f"its source could not be read: {said(bad)}"
                continue
            self.inspected[row] = self.guards.inspect(method, self.gathered[row[0]].view, files)

    def _rows(self) -> Mapping[RowKey, list[AnyCell]]:
        rows: dict[RowKey, list[AnyCell]] = {}
        for cell in self.real:
            rows.setdefault(cell.row, []).append(cell)
        return rows

    def audits(self) -> list[AnyCell]:
        """The counterfactual cells of all rows that can run."""
        out: list[AnyCell] = []
        for row, cells in self._auditable():
            seeds = [cell.cell.seed for cell in cells]
            asked = self.guards.worlds(self._methods[row[1]], self.gathered[row[0]].view, seeds)
            worlds = cut(asked, self.plan.counterfactuals)
            out += self._in_worlds(row, cells, spread(worlds, seeds, *self._names(row)))
        return out

    def own_audits(self) -> list[AnyCell]:
        """The echo and decoy cells of all rows that can run, whether or not guards are on."""
        out: list[AnyCell] = []
        for row, cells in self._auditable():
            ref, seeds = self._settings[row[0]].ref, [cell.cell.seed for cell in cells]
            if has_readouts(self.bench.results, ref):
                how = (self.plan.own_draws, self.plan.counterfactuals, ref.mode)
                out += self._in_worlds(row, cells, own_worlds(*how, seeds, *self._names(row)))
        return out

    def _auditable(self) -> list[tuple[RowKey, list[AnyCell]]]:
        return [
            (row, cells)
            for row, cells in self._rows().items()
            if not (any(map(self.refusal, cells)) or cells[0].method.is_predictions)
        ]

    def _names(self, row: RowKey) -> tuple[str | int, ...]:
        # The digest, not the task's id: a drawn data seed stands in one id of the same data alone.
        ref = self._settings[row[0]].ref
        return (self.plan.root_seed, ref.data, ref.pair, row[1])

    def _in_worlds(
        self, row: RowKey, cells: Sequence[AnyCell], worlds: Sequence[tuple[World, int]]
    ) -> list[AnyCell]:
        by_seed = {cell.cell.seed: cell.cell for cell in cells}
        return [self._of_row(row, world)(by_seed[seed]) for world, seed in worlds]

    def _measure(self, audits: Sequence[AnyCell], engine: Engine, progress: CellProgress) -> None:
        """The empirical null of every probe setting on which inputs are scrambled."""
        refs = [
            cell.setting
            for cell in audits
            if cell.world is not None and cell.world.inputs == "scrambled" and cell.setting.mode == "probe"
        ]
        parts = {ref: [Null(ref, self.plan.seeds, part) for part in range(PARTS)] for ref in refs}
        missing = [null for nulls in parts.values() for null in nulls if not self.bench.has(null)]
        if missing:
            engine.run(missing, progress)
        for ref, nulls in parts.items():
            null_z = np.concatenate([self.bench.of(null).values.floats for null in nulls])
            self.gathered[ref.id] = Gathered(self.bench, self._settings[ref.id], null_z)


Log = Callable[[Mapping[str, Any]], None]


class StageProgress:
    """Tells the hooks of stages."""

    def __init__(self, hook: Any) -> None:
        self.hook = hook
        self.flops = 0.0
        """What was computed since this was made, as far as works say."""

    def begins(self, stage: str, total: int) -> None:
        """Tell of a stage."""
        self.hook.w2s_stage_start(stage=stage, total=total)

    def ends(self, work: AnyWork, outcome: Result | Failure, *, kept: bool) -> bool:
        """Tell of one unit."""
        if not kept:
            self.flops += getattr(outcome, "flops", 0.0)
        self.hook.w2s_stage_progress(stage=work.stage, unit=work.name(), cached=kept)
        return False


class CellProgress(StageProgress):
    """Tells of cells too, and stops where it is asked to."""

    def __init__(self, hook: Any, log: Log, *, stop_first: bool = False) -> None:
        super().__init__(hook)
        self.log, self.stop_first = log, stop_first
        self.outcomes: dict[str, CellResult | CellFailure] = {}
        """Of all cells, by key."""
        self.failed_rows: set[tuple[str, str]] = set()
        self._again: list[AnyCell] = []
        self._is_second = False
        self.stopped = False
        """Whether `stop_first` has ended the run."""
        self.stopped_by = ""
        """The cell that ended it, and why it failed."""

    def starts(self, real: int, counterfactual: int) -> None:
        """Tell of the stages of the cells, which go on side by side."""
        self.hook.w2s_stage_start(stage=CELLS, total=real)
        if counterfactual:
            self.hook.w2s_stage_start(stage=RERUNS, total=counterfactual)

    def begins(self, stage: str, total: int) -> None:
        """Tell of a stage of what cells need."""
        if stage not in (CELLS, RERUNS):
            super().begins(stage, total)

    def ends(self, work: AnyWork, outcome: Result | Failure, *, kept: bool) -> bool:
        """Keep and tell what came of a cell; whether to stop."""
        if not isinstance(work, CellRun | GivenCell):
            return super().ends(work, outcome, kept=kept)
        found = outcome
        if not isinstance(found, CellResult | CellFailure):
            assert isinstance(found, Failure)
            found = CellFailure(found.why, found.skipped)
        if (
            work.world is not None
            and not self._is_second
            and isinstance(found, CellFailure)
            and found.was_run
        ):
            self.log({"again": work.name(), "error": found.why})
            self._again.append(work)
            return False
        return self._settle(work, found, kept)

    def once_more(self) -> list[AnyCell]:
        """The counterfactual cells that failed, to be tried a second and last time."""
        again, self._again, self._is_second = self._again, [], True
        return again

    def _settle(self, work: AnyCell, found: CellResult | CellFailure, kept: bool) -> bool:
        told = found.told()
        name = {"cell": work.cell.id} if work.world is None else {"counterfactual": work.name()}
        self.log({**name, "cached": kept, **{k: v for k, v in told.items() if k not in ("outcomes", "seen")}})
        self.outcomes[work.key] = found
        is_failed = isinstance(found, CellFailure)
        if work.world is None:
            self.hook.w2s_cell_finish(cell=work.cell, record=told)
            if is_failed:
                self.failed_rows.add(work.row)
        self.hook.w2s_stage_progress(stage=work.stage, unit=work.name(), cached=kept)
        is_error = isinstance(found, CellFailure) and not found.skipped
        if self.stop_first and work.world is None and is_error and not self.stopped:
            first = told["error"].partition("\n")[0]
            self.stopped, self.stopped_by = True, f"{work.cell.id} failed before it: {first}"
        return self.stopped
