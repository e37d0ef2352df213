"""One invocation of `run`: plan, baselines, cells, leaderboard."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from w2s_harness import destination
from w2s_harness.discovery.plugins import Plugins
from w2s_harness.errors import ExitCode, NothingSelectedError, TaskError
from w2s_harness.evidence import Published
from w2s_harness.experiment import collecting, estimate, published, runs, secret
from w2s_harness.experiment.assemble import Results, assemble, unjudged
from w2s_harness.experiment.attempts import AttemptLog, counts, frozen_before, holdouts
from w2s_harness.experiment.baselines import Baselines
from w2s_harness.experiment.cells import CellWork
from w2s_harness.experiment.closed import closed_paths, plan_paths
from w2s_harness.experiment.controls import Controls
from w2s_harness.experiment.describing import Describer
from w2s_harness.experiment.equal_compute import EqualCompute
from w2s_harness.experiment.guarding import Guards
from w2s_harness.experiment.judging import RowId
from w2s_harness.experiment.looking import Looks
from w2s_harness.experiment.own_calibration import Calibration
from w2s_harness.experiment.planning import build_plan, describe_plan, keep, without_vanilla
from w2s_harness.experiment.predictions import check as check_predictions
from w2s_harness.experiment.readouts import Readouts
from w2s_harness.experiment.scored import Beside, wanted
from w2s_harness.experiment.selecting import matches_expression
from w2s_harness.experiment.selection import Options, Selection, deciding
from w2s_harness.experiment.setting import Setting, prepare_settings
from w2s_harness.experiment.sign_offs import SignOffs
from w2s_harness.experiment.slots import slot_count
from w2s_harness.experiment.store import Store
from w2s_harness.isolation.jail import Jail
from w2s_harness.plan import Attempt, Plan
from w2s_harness.report import canonical, document, formats


@dataclass(frozen=True, slots=True)
class Listeners:
    """Whom a run talks to."""

    plugins: Plugins
    say: Callable[[str], None]
    """One line of progress or warning."""
    show: Callable[[str], None]
    """Text of the result."""
    width: int | None = None
    """Columns of the terminal that shows it; None: its lines are as long as they come."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a run."""

    code: ExitCode
    board: document.Leaderboard | None = None
    """None where it was interrupted or only planned."""
    results: Results | None = None


def run(selection: Selection, options: Options, listeners: Listeners) -> Done:
    """Work a selection off and write its leaderboard.

    Raises `HarnessError`s for what the user can mend; a failed cell is a row of the leaderboard instead.
    """
    if options.out is not None:
        destination.check_file(options.out, "--out")
    store = Store(options.store, warn=listeners.say)
    try:
        jail = Jail(options.isolation, cell_timeout_s=selection.cell_timeout_s)
        jail.close_off(closed_paths(listeners.plugins, store))
        with Describer(store, jail) as describer:
            session = _Session(selection, options, listeners, store, describer)
            with session.looks:
                return session.work()
    finally:
        store.close()


class _Session:
    def __init__(
        self, selection: Selection, options: Options, listeners: Listeners, store: Store, describer: Describer
    ) -> None:
        self.selection, self.options, self.listeners = selection, options, listeners
        self.store, self.describer = store, describer
        self.hook = listeners.plugins.hook
        self.guards = Guards(listeners.plugins)
        self.attempts = AttemptLog(store)
        self.looks = Looks(store, say=listeners.say, loads=not options.plan_only)
        self.sign_offs = SignOffs(store.root)
        self.cancel = options.cancel
        self.slots = slot_count(options.slots)
        self.timing: dict[str, Any] = {}
        self.started = time.monotonic()

    def work(self) -> Done:
        """Plan, run, report."""
        if self.options.expression is not None:
            matches_expression(self.options.expression)
        name = runs.fingerprint(deciding(self.selection, self.options))
        unfinished = None if self.options.plan_only else runs.unfinished(self.store, name)
        drawn = unfinished.plan()["drawn"] if unfinished else {}
        found = build_plan(self.selection, self.listeners.plugins, self.describer, drawn)
        plan = self._selected(found, unfinished)
        for line in collecting.remarks(plan, fresh=self.selection.fresh):
            self.listeners.say(line)
        if secret.needed(plan.methods):
            hidden = secret.of_store(self.store, make=not self.options.plan_only)
            plan = replace(plan, secret=hidden)
        self.describer.jail.expect(m.source for m in plan.methods if not m.is_predictions)
        self.describer.jail.close_off(plan_paths(plan))
        with self._timed("data"):
            plan, settings = self._prepared(plan)
        check_predictions(plan, settings)
        if self.options.plan_only:
            self.listeners.show(self._estimate(plan, settings))
            return Done(ExitCode.OK)
        plan = replace(plan, attempts=self._frozen(plan, settings, unfinished))
        document = self._document(plan, settings, name)
        if unfinished:
            unfinished.write_plan(document)
        run_ = unfinished or runs.start(self.store, document)
        self.store.tell(run_.folder)
        self.hook.w2s_run_start(plan=plan, run_dir=str(run_.folder))
        try:
            results = self._stages(plan, settings, run_)
            beside = self._beside(results)
            published = self._published(results, run_)
        except KeyboardInterrupt:
            self.store.sync()
            self.listeners.say(f"interrupted: run the same command again to resume (run {run_.id})")
            return Done(ExitCode.INTERRUPTED)
        return self._finish(results, beside, published, run_)

    def _prepared(self, plan: Plan) -> tuple[Plan, list[Setting]]:
        """The settings, and the plan without the tasks whose own code does not load them."""
        lost: dict[str, str] = {}
        settings = prepare_settings(plan, self.store, self.looks, lost=lost)
        for why in lost.values():
            self.listeners.say(f"FAILED {why} The other tasks are run.")
        left = tuple(task for task in plan.tasks if task.id not in lost)
        plan = replace(plan, tasks=left, lost=lost)
        if lost and not any(plan.cells()):
            raise TaskError(next(iter(lost.values())))
        return plan, settings

    def _estimate(self, plan: Plan, settings: Sequence[Setting]) -> str:
        """What the run would do and cost; of a `--fresh` one, its published twin too."""
        where = (self.store, self.hook, self.guards, self.describer.jail)
        text = estimate.describe(plan, settings, *where)
        twin = published.twin(plan, self.listeners.plugins) if self.selection.fresh else None
        if twin is None:
            return text
        return text + estimate.published(twin, prepare_settings(twin, self.store, self.looks), *where)

    def _selected(self, plan: Plan, unfinished: runs.Run | None) -> Plan:
        if self.options.reviewed_only:
            plan = self._reviewed(plan)
        if self.options.expression is not None:
            plan = keep(plan, matches_expression(self.options.expression))
        if self.options.last_failed:
            before = unfinished.plan()["selected"] if unfinished else None
            failed = self._failed_last() if before is None else frozenset(before)
            plan = keep(plan, failed.__contains__)
        if bare := without_vanilla(plan):
            self.listeners.say(
                f"note: no cell of vanilla is selected on {', '.join(bare)}: no row there is compared with it"
            )
        return plan

    def _reviewed(self, plan: Plan) -> Plan:
        left_out = {m.id for m in plan.methods if not self.sign_offs.is_accepted(m)}
        for method in sorted(left_out):
            self.listeners.say(f"left out: {method}: nobody accepted its source (w2s-harness review)")
        accepted = {cell.id for cell in plan.cells() if cell.method not in left_out}
        if not accepted:
            raise NothingSelectedError("--reviewed-only: nobody accepted the source of any method named")
        return keep(plan, accepted.__contains__)

    def _failed_last(self) -> frozenset[str]:
        """Ids of the cells that failed in the last run of this store."""
        for last in reversed(runs.all_runs(self.store.runs)):
            final = {e["cell"]: "error" in e for e in last.events() if "cell" in e}
            if any(final.values()):
                return frozenset(cell for cell, has_failed in final.items() if has_failed)
            if final:
                break
        raise NothingSelectedError("--lf: no cell failed in the last run")

    def _frozen(
        self, plan: Plan, settings: Sequence[Setting], unfinished: runs.Run | None
    ) -> tuple[Attempt, ...]:
        """The attempts that the plan answers for; those of an unfinished run stand while it is the same."""
        kept = frozen_before(unfinished.plan(), plan, settings) if unfinished else None
        return self.attempts.before(plan, settings) if kept is None else kept

    def _document(self, plan: Plan, settings: Sequence[Setting], name: str) -> dict[str, Any]:
        drawn = {t.task.name: t.settings["data_seed"] for t in plan.tasks if t.exposure == "fresh"}
        return {
            **describe_plan(plan),
            "fingerprint": name,
            "drawn": drawn,
            "holdouts": holdouts(settings),
            "models": {
                setting.pair.name: {
                    role: {word: known.get(word) for word in ("source", "revision", "commit", "sha256")}
                    for role, known in setting.models.items()
                }
                for setting in settings
            },
            "opened": estimate.opened(plan),
        }

    def _stages(self, plan: Plan, settings: list[Setting], run_: runs.Run) -> Results:
        log = self._logger(run_, plan, settings)
        results, baselines = self._worked_off(plan, settings, self.hook, self.guards, log)
        self.timing["service_seconds"] = {"baselines": baselines.busy_s, "cells": results.work.busy_s}
        self.timing["flops"] = {
            "computed_for_baselines": baselines.flops,
            "charged_to_cells": sum(r["compute"]["flops"] for r in results.cells.values() if "compute" in r),
        }
        return results

    def _worked_off(
        self,
        plan: Plan,
        settings: list[Setting],
        hook: Any,
        guards: Guards,
        log: Callable[[dict[str, Any]], None],
        prefix: str = "",
    ) -> tuple[Results, Baselines]:
        jail = self.describer.jail
        baselines = Baselines(plan, settings, self.store, hook, self.cancel, self.slots)
        cells = CellWork(plan, settings, self.store, hook, guards, self.cancel, self.slots, jail)
        readouts = Readouts(plan, settings, self.store, hook, self.cancel, self.slots)
        is_needed = not (baselines.is_complete() and cells.are_complete()) or guards.has_judges
        controls = Controls(plan, settings, self.store, hook, self.cancel, self.slots)
        with self._timed(f"{prefix}baselines"):
            reads_needed = is_needed or not (controls.is_complete() and readouts.is_complete())
            found = baselines.run(reads_needed=reads_needed, looks=self.looks)
        with self._timed(f"{prefix}zero-shot*"):
            read_out = readouts.run()
        with self._timed(f"{prefix}own"):
            calibrated = Calibration(plan, settings, self.store, hook, self.cancel, self.slots).run()
        with self._timed(f"{prefix}controls"):
            controlled = controls.run(found, read_out)
        with self._timed(f"{prefix}cells"):
            records = cells.run(
                self.describer.zygote, log,
                stop_first=self.options.stop_first, reverse=self.options.reverse,
            )  # fmt: skip
        results = Results(plan, settings, found, cells, records, controlled, read_out, calibrated)
        self.store.sync()
        return results, baselines

    def _beside(self, results: Results) -> Beside:
        """The vanilla students that the rows are compared with beside the plan's own."""
        by_setting: dict[str, set[tuple[str, int]]] = {}
        for setting, solver, members in wanted(unjudged(results)):
            by_setting.setdefault(setting, set()).add((solver, members))
        students = EqualCompute(
            results.plan, results.settings, self.store, self.hook, self.cancel, self.slots
        )
        with self._timed("beside"):
            found = students.run(by_setting)
        self.store.sync()
        return Beside(found, zero_shot=results.readouts)

    def _logger(
        self, run_: runs.Run, plan: Plan, settings: Sequence[Setting]
    ) -> Callable[[dict[str, Any]], None]:
        """Writes events of cells, and an attempt as soon as one of its cells was scored."""
        scored = self.attempts.listener(plan, settings)

        def log(event: dict[str, Any]) -> None:
            scored(event)
            run_.log(event)

        return log

    def _published(self, fresh: Results, run_: runs.Run) -> Mapping[RowId, Sequence[Published]]:
        """What the rows of a `--fresh` run reach on the published data; empty for other runs."""
        plan = published.twin(fresh.plan, self.listeners.plugins) if self.selection.fresh else None
        stopped = self.options.stop_first and any("error" in r for r in fresh.cells.values())
        if plan is None or stopped:
            return {}
        try:
            settings = prepare_settings(plan, self.store, self.looks)
        except TaskError as bad:
            self.listeners.say(f"{bad} Nothing is compared with the published data.")
            return {}
        scored = self.attempts.listener(plan, settings)

        def log(event: dict[str, Any]) -> None:
            scored(event)
            cell = event.get("cell")
            if cell and "error" in event:
                first = str(event["error"]).partition("\n")[0]
                self.listeners.say(f"on the published data: {cell}: {first}")
            run_.log({"published": cell, **{k: v for k, v in event.items() if k != "cell"}})

        hook, guards = published.Aside(self.hook), Guards(self.listeners.plugins)
        twin, _ = self._worked_off(plan, settings, hook, guards, log, "published ")
        return published.compare_published(fresh, twin)

    def _finish(
        self,
        results: Results,
        beside: Beside,
        published: Mapping[RowId, Sequence[Published]],
        run_: runs.Run,
    ) -> Done:
        board = assemble(
            results, self.listeners.plugins, timing=self.timing, machine=self._machine(run_),
            attempts=counts(results.plan, results.cells), published=published, beside=beside,
        )  # fmt: skip
        board = self.sign_offs.shown_on(board)
        self.timing["seconds"]["total"] = time.monotonic() - self.started
        # before the leaderboard: with it the run is finished and would not be continued
        self.attempts.finished(results.plan, results.settings, board.rows)
        canonical.write(board, run_.leaderboard)
        if self.options.out:
            canonical.write(board, self.options.out)
        self.hook.w2s_run_finish(leaderboard=msgspec.to_builtins(board), run_dir=str(run_.folder))
        named = [name.strip() for name in self.selection.against.split(",")]
        self.listeners.show(formats.render(board, "text", self.listeners.width, named))
        self.listeners.show(f"leaderboard  {self.options.out or run_.leaderboard}\n")
        for why in results.plan.lost.values():
            self.listeners.show(f"not on it: {why}\n")
        return Done(_exit_code(board, results.plan), board, results)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.timing.setdefault("seconds", {})[stage] = time.monotonic() - began

    def _machine(self, run_: runs.Run) -> dict[str, Any]:
        return {
            "run": run_.id,
            "store": str(self.store.root),
            "slots": self.slots,
            "engine": "local",
            "platform": platform.platform(),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
        }


def _exit_code(board: document.Leaderboard, plan: Plan) -> ExitCode:
    bad = bool(plan.lost) or any(row.status in ("failed", "disqualified") for row in board.rows)
    # A guard that failed leaves a row that nobody has vouched for.
    bad = bad or any(verdict.level == "error" for row in board.rows for verdict in row.verdicts)
    return ExitCode.CELL_FAILED if bad else ExitCode.OK
