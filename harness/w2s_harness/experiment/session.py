"""One invocation of `run`: plan, baselines, cells, leaderboard."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from w2s_harness.discovery.plugins import Plugins
from w2s_harness.errors import ExitCode, NothingSelectedError, UsageError
from w2s_harness.experiment import estimate, runs
from w2s_harness.experiment.assemble import Results, assemble
from w2s_harness.experiment.baselines import Baselines
from w2s_harness.experiment.cells import CellWork
from w2s_harness.experiment.closed import closed_paths, plan_paths
from w2s_harness.experiment.describing import Describer
from w2s_harness.experiment.guarding import Guards
from w2s_harness.experiment.planning import build_plan, describe_plan, keep
from w2s_harness.experiment.selecting import matches_expression
from w2s_harness.experiment.selection import Selection
from w2s_harness.experiment.setting import Setting, prepare_settings
from w2s_harness.experiment.slots import slot_count
from w2s_harness.experiment.store import Store
from w2s_harness.isolation.jail import Choice, Jail
from w2s_harness.plan import Plan
from w2s_harness.report import canonical, document, tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a run is worked off; none of it changes a number."""

    store: Path = Path(".w2s")
    out: Path | None = None
    slots: str = "auto"
    expression: str | None = None
    stop_first: bool = False
    last_failed: bool = False
    reverse: bool = False
    plan_only: bool = False
    isolation: Choice = "auto"


@dataclass(frozen=True, slots=True)
class Listeners:
    """Whom a run talks to."""

    plugins: Plugins
    say: Callable[[str], None]
    """One line of progress or warning."""
    show: Callable[[str], None]
    """Text of the result."""


def run(selection: Selection, options: Options, listeners: Listeners) -> ExitCode:
    """Work a selection off and write its leaderboard.

    Raises `HarnessError`s for what the user can mend; a failed cell is a row of the leaderboard instead.
    """
    if options.out is not None and not options.out.absolute().parent.is_dir():
        raise UsageError(f"--out {options.out}: there is no folder {options.out.parent}. Make it first.")
    store = Store(options.store, warn=listeners.say)
    try:
        jail = Jail(options.isolation, cell_timeout_s=selection.cell_timeout_s)
        jail.close_off(closed_paths(listeners.plugins, store))
        with Describer(store, jail) as describer:
            return _Session(selection, options, listeners, store, describer).work()
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
        self.cancel = threading.Event()
        self.slots = slot_count(options.slots)
        self.timing: dict[str, Any] = {}
        self.started = time.monotonic()

    def work(self) -> ExitCode:
        """Plan, run, report."""
        command = {**asdict(self.selection), "k": self.options.expression, "lf": self.options.last_failed}
        name = runs.fingerprint(command)
        unfinished = None if self.options.plan_only else runs.unfinished(self.store, name)
        drawn = unfinished.plan()["drawn"] if unfinished else {}
        found = build_plan(self.selection, self.listeners.plugins, self.describer, drawn)
        plan = self._selected(found, unfinished)
        self.describer.jail.expect(method.source for method in plan.methods)
        self.describer.jail.close_off(plan_paths(plan))
        with self._timed("data"):
            settings = prepare_settings(plan, self.store)
        if self.options.plan_only:
            self.listeners.show(
                estimate.describe(plan, settings, self.store, self.hook, self.guards, self.describer.jail)
            )
            return ExitCode.OK
        document = self._document(plan, name)
        if unfinished:
            unfinished.write_plan(document)
        run_ = unfinished or runs.start(self.store, document)
        self.hook.w2s_run_start(plan=plan, run_dir=str(run_.folder))
        try:
            results = self._stages(plan, settings, run_)
        except KeyboardInterrupt:
            self.store.sync()
            self.listeners.say(f"interrupted: the same command goes on from here (run {run_.id})")
            return ExitCode.INTERRUPTED
        return self._finish(results, run_)

    def _selected(self, plan: Plan, unfinished: runs.Run | None) -> Plan:
        if self.options.expression:
            plan = keep(plan, matches_expression(self.options.expression))
        if self.options.last_failed:
            before = unfinished.plan()["selected"] if unfinished else None
            failed = self._failed_last() if before is None else frozenset(before)
            plan = keep(plan, failed.__contains__)
        return plan

    def _failed_last(self) -> frozenset[str]:
        """Ids of the cells that failed in the last run of this store."""
        for last in reversed(runs.all_runs(self.store.runs)):
            final = {e["cell"]: "error" in e for e in last.events() if "cell" in e}
            if any(final.values()):
                return frozenset(cell for cell, has_failed in final.items() if has_failed)
            if final:
                break
        raise NothingSelectedError("--lf: no cell failed in the last run")

    def _document(self, plan: Plan, name: str) -> dict[str, Any]:
        drawn = {t.task.name: t.settings["data_seed"] for t in plan.tasks if t.exposure == "fresh"}
        return {**describe_plan(plan), "fingerprint": name, "drawn": drawn}

    def _stages(self, plan: Plan, settings: list[Setting], run_: runs.Run) -> Results:
        jail = self.describer.jail
        baselines = Baselines(plan, settings, self.store, self.hook, self.cancel, self.slots)
        cells = CellWork(plan, settings, self.store, self.hook, self.guards, self.cancel, self.slots, jail)
        is_needed = not (baselines.is_complete() and cells.are_complete()) or self.guards.has_judges
        with self._timed("baselines"):
            found = baselines.run(reads_needed=is_needed)
        with self._timed("cells"):
            records = cells.run(
                self.describer.zygote, run_.log,
                stop_first=self.options.stop_first, reverse=self.options.reverse,
            )  # fmt: skip
        self.store.sync()
        self.timing["service_seconds"] = {"baselines": baselines.busy_s, "cells": cells.busy_s}
        self.timing["flops"] = {
            "computed_for_baselines": baselines.flops,
            "charged_to_cells": sum(r["compute"]["flops"] for r in records.values() if "compute" in r),
        }
        return Results(plan, settings, found, cells, records)

    def _finish(self, results: Results, run_: runs.Run) -> ExitCode:
        self.timing["seconds"]["total"] = time.monotonic() - self.started
        board = assemble(results, self.listeners.plugins, timing=self.timing, machine=self._machine(run_))
        canonical.write(board, run_.leaderboard)
        if self.options.out:
            canonical.write(board, self.options.out)
        self.hook.w2s_run_finish(leaderboard=msgspec.to_builtins(board), run_dir=str(run_.folder))
        self.listeners.show(tables.render(board, "text"))
        self.listeners.show(f"leaderboard  {self.options.out or run_.leaderboard}\n")
        return _exit_code(board)

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


def _exit_code(board: document.Leaderboard) -> ExitCode:
    bad = any(row.status in ("failed", "disqualified") for row in board.rows)
    # A guard that failed leaves a row that nobody has vouched for.
    bad = bad or any(verdict.level == "error" for row in board.rows for verdict in row.verdicts)
    return ExitCode.CELL_FAILED if bad else ExitCode.OK
