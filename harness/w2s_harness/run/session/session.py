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

from w2s_harness.contract.errors import ExitCode, TaskError
from w2s_harness.contract.guards.evidence import Published
from w2s_harness.contract.plan import Plan, PlannedTask
from w2s_harness.data import destination
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.report import formats
from w2s_harness.report.document import canonical, document
from w2s_harness.run.board.assemble import RunResults, assemble, unjudged
from w2s_harness.run.board.attempts import AttemptLog, counts, frozen_before, holdouts
from w2s_harness.run.board.rows.scored import Beside
from w2s_harness.run.cell.given import check as check_predictions
from w2s_harness.run.graph import PlanWork
from w2s_harness.run.judge.cells import RowKey
from w2s_harness.run.judge.guarding import Guards
from w2s_harness.run.kept import runs, secret
from w2s_harness.run.kept.sign_offs import SignOffs
from w2s_harness.run.plan.planning import describe_plan
from w2s_harness.run.plan.selection import Options, Selection, deciding
from w2s_harness.run.session import estimate
from w2s_harness.run.session.choice import Choice, remarks
from w2s_harness.run.session.workshop import Workshop, slot_count, workshop
from w2s_harness.run.work.engine import LocalEngine
from w2s_harness.run.work.setting.preparing import Looks, prepare_settings
from w2s_harness.run.work.setting.setting import Setting
from w2s_harness.scoring.spread.pool import pgr_pools


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
    results: RunResults | None = None


def run(selection: Selection, options: Options, listeners: Listeners) -> Done:
    """Work a selection off and write its leaderboard.

    Raises `HarnessError`s for what the user can mend; a failed cell is a row of the leaderboard instead.
    """
    if options.out is not None:
        destination.check_file(options.out, "--out")
    with workshop(
        options.store, listeners.plugins, listeners.say,
        isolation=options.isolation, timeout_s=selection.cell_timeout_s,
    ) as shop:  # fmt: skip
        session = _Session(selection, options, listeners, shop)
        with session.looks:
            return session.work()


class _Session:
    def __init__(self, selection: Selection, options: Options, listeners: Listeners, shop: Workshop) -> None:
        self.selection, self.options, self.listeners, self.shop = selection, options, listeners, shop
        self.store, self.plugins = shop.store, listeners.plugins
        self.hook = listeners.plugins.hook
        self.attempts = AttemptLog(self.store)
        self.looks = Looks(self.store, say=listeners.say, loads=not options.plan_only)
        self.sign_offs = SignOffs(self.store.root)
        self.slots = slot_count(options.slots)
        self.timing: dict[str, Any] = {}
        self.started = time.monotonic()

    def work(self) -> Done:
        """Plan, run, report."""
        name = runs.fingerprint(deciding(self.selection, self.options))
        unfinished = None if self.options.plan_only else runs.unfinished(self.store, name)
        plan, settings = self._planned(unfinished)
        if self.options.plan_only:
            own, twin = self._works(plan, settings)
            text = estimate.describe(own) + ("" if twin is None else estimate.published(twin))
            self.listeners.show(text)
            return Done(ExitCode.OK)
        # those of an unfinished run stand while it is the same
        kept = frozen_before(unfinished.plan(), plan, settings) if unfinished else None
        plan = replace(plan, attempts=self.attempts.before(plan, settings) if kept is None else kept)
        document = self._document(plan, settings, name)
        if unfinished:
            unfinished.write_plan(document)
        run_ = unfinished or runs.start(self.store, document)
        self.store.tell(run_.folder)
        self.hook.w2s_run_start(plan=plan, run_dir=str(run_.folder))
        try:
            results, beside, published = self._worked_off(plan, settings, run_)
        except KeyboardInterrupt:
            self.store.sync()
            self.listeners.say(f"interrupted: run the same command again to resume (run {run_.id})")
            return Done(ExitCode.INTERRUPTED)
        return self._finish(results, beside, published, run_)

    def _planned(self, unfinished: runs.Run | None) -> tuple[Plan, list[Setting]]:
        """The plan as it was selected, without tasks whose own code does not load them, its data prepared."""
        choice = Choice(self.options, self.store, self.sign_offs, self.listeners.say)
        choice.check()
        found = self.shop.plan(self.selection, unfinished.plan()["drawn"] if unfinished else {})
        plan = choice.selected(found, unfinished)
        for line in remarks(plan, fresh=self.selection.fresh):
            self.listeners.say(line)
        if secret.needed(plan.methods):
            hidden = secret.of_store(self.store, make=not self.options.plan_only)
            plan = replace(plan, secret=hidden)
        self.shop.close_off(plan)
        lost: dict[str, str] = {}
        with self._timed("data"):
            settings = prepare_settings(plan, self.store, self.looks, lost=lost)
        for why in lost.values():
            self.listeners.say(f"FAILED {why} The other tasks are run.")
        left = tuple(task for task in plan.tasks if task.id not in lost)
        plan = replace(plan, tasks=left, lost=lost)
        if lost and not any(plan.cells()):
            raise TaskError(next(iter(lost.values())))
        check_predictions(plan, settings)
        return plan, settings

    def _works(self, plan: Plan, settings: list[Setting]) -> tuple[PlanWork, PlanWork | None]:
        """The works of the plan, and of the published twin of a `--fresh` one."""
        twin = published_twin(plan, self.plugins) if self.selection.fresh else None
        twin_settings: list[Setting] = []
        if twin is not None:
            try:
                twin_settings = prepare_settings(twin, self.store, self.looks)
            except TaskError as bad:
                self.listeners.say(f"{bad} Nothing is compared with the published data.")
                twin = None
        bench = self.shop.bench([*settings, *twin_settings], self.options.cancel)
        own = PlanWork(plan, settings, bench, Guards(self.plugins), self.hook)
        if twin is None:
            return own, None
        aside = Aside(self.hook)
        return own, PlanWork(twin, twin_settings, bench, Guards(self.plugins), aside)

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

    def _worked_off(
        self, plan: Plan, settings: list[Setting], run_: runs.Run
    ) -> tuple[RunResults, Beside, Mapping[RowKey, Sequence[Published]]]:
        """Everything that is computed: of a `--fresh` run also what its rows reach on published data."""
        own, twin = self._works(plan, settings)
        with self.shop.engine(own.bench, self.slots, plan, looks=self.looks) as engine:
            with self._timed("baselines"):
                for each in filter(None, (own, twin)):
                    each.run_gold(engine)
            with self._timed("shared"):
                own.run_shared(engine)
            with self._timed("cells"):
                self._run_cells(own, engine, run_)
            results = own.results()
            with self._timed("beside"):
                beside = own.beside(engine, results)
            compared: Mapping[RowKey, Sequence[Published]] = {}
            stopped = self.options.stop_first and any(e.error is not None for e in results.ended())
            if twin is not None and not stopped:
                with self._timed("published"):
                    self._run_cells(twin, engine, run_, is_twin=True)
                compared = compare_published(results, twin.scores())
        self.store.sync()
        services = engine.services
        self.timing["service_seconds"] = {
            "baselines": services["gold"].busy_s, "cells": services["student"].busy_s,
        }  # fmt: skip
        charged = (e.result.compute.flops for e in results.ended() if e.result is not None)
        self.timing["flops"] = {
            "computed_for_baselines": own.stages.flops, "charged_to_cells": sum(charged),
        }  # fmt: skip
        return results, beside, compared

    def _run_cells(
        self, work: PlanWork, engine: LocalEngine, run_: runs.Run, *, is_twin: bool = False
    ) -> None:
        """Run them, writing their events, and an attempt as soon as one of its cells was scored."""
        scored = self.attempts.listener(work.plan, work.settings)

        def log(event: Mapping[str, Any]) -> None:
            scored(event)
            if not is_twin:
                run_.log(event)
                return
            cell = event.get("cell")
            if cell and "error" in event:
                first = str(event["error"]).partition("\n")[0]
                self.listeners.say(f"on the published data: {cell}: {first}")
            run_.log({"published": cell, **{k: v for k, v in event.items() if k != "cell"}})

        work.run_cells(engine, log, stop_first=self.options.stop_first, reverse=self.options.reverse)

    def _finish(
        self,
        results: RunResults,
        beside: Beside,
        published: Mapping[RowKey, Sequence[Published]],
        run_: runs.Run,
    ) -> Done:
        machine = {
            "run": run_.id, "store": str(self.store.root), "slots": self.slots, "engine": "local",
            "platform": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count(),
        }  # fmt: skip
        scored = {ended.work.cell.id for ended in results.ended() if ended.is_well}
        board = assemble(
            results, self.plugins, timing=self.timing, machine=machine,
            attempts=counts(results.plan, scored), published=published, beside=beside,
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


def _exit_code(board: document.Leaderboard, plan: Plan) -> ExitCode:
    bad = bool(plan.lost) or any(row.status in ("failed", "disqualified") for row in board.rows)
    # A guard that failed leaves a row that nobody has vouched for.
    bad = bad or any(verdict.level == "error" for row in board.rows for verdict in row.verdicts)
    return ExitCode.CELL_FAILED if bad else ExitCode.OK


class Aside:
    """A run's hooks as its published twin calls them: its stages have names of their own, its cells none."""

    def __init__(self, hook: Any) -> None:
        self._hook = hook

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hook, name)

    def w2s_stage_start(self, *, stage: str, total: int) -> None:
        """Tell of the stage under the twin's name for it."""
        self._hook.w2s_stage_start(stage=f"published {stage}", total=total)

    def w2s_stage_progress(self, *, stage: str, unit: str, cached: bool) -> None:
        """As `w2s_stage_start`."""
        self._hook.w2s_stage_progress(stage=f"published {stage}", unit=unit, cached=cached)

    def w2s_cell_finish(self, **_: Any) -> None:
        """Say nothing: its cells have the ids of the fresh plan's."""


def published_twin(plan: Plan, plugins: Plugins) -> Plan | None:
    """The plan on the published data of its freshly drawn tasks, or None where no cell was drawn.

    A method that carries the labels of a published data set does better there than on data drawn after it
    was fixed. So the twin of a fresh plan is run beside it: the same methods, pairs, seeds and limits on the
    tasks' own data seeds, with no counterfactual cells and no rows on the leaderboard.
    """
    tasks = tuple(_published(t, plugins) for t in plan.tasks if t.exposure == "fresh")
    made = replace(plan, tasks=tasks, counterfactuals="none", controls=False, attempts=())
    return made if any(True for _ in made.cells()) else None


def _published(planned: PlannedTask, plugins: Plugins) -> PlannedTask:
    base: Any = plugins.task(planned.task.name)
    task: Any = planned.task
    return replace(
        planned,
        task=replace(task, data_seed=base.data_seed),
        settings={**planned.settings, "data_seed": base.data_seed},
        exposure=base.exposure,
    )


def compare_published(fresh: RunResults, published: RunResults) -> dict[RowKey, list[Published]]:
    """For every row that has a PGR and its error on both data: its comparison, then those of the others.

    A row has none where either setting has no gap, a seed failed, or there is but one seed. The errors are
    `PoolPgr.normal_se`: those of new pools and questions, for a z test.
    """
    ours, theirs = _scores(fresh), _scores(published)
    found = {
        row: Published(fresh=pgr, published=theirs[row][0], fresh_se=se, published_se=theirs[row][1])
        for row, (pgr, se) in ours.items()
        if row in theirs
    }
    return {row: [own, *(p for other, p in found.items() if other != row)] for row, own in found.items()}


def _scores(results: RunResults) -> dict[RowKey, tuple[float, float]]:
    """Every row's PGR and its error, in the order of the plan; none of a row of which a seed failed."""
    out: dict[RowKey, tuple[float, float]] = {}
    for tally in unjudged(results):
        base, transfer = tally.reference, tally.block
        if transfer is None:
            continue
        score = pgr_pools(base.base, [transfer], min_gap=base.min_gap)[0]
        if score.estimate is not None and score.normal_se is not None:
            out[(base.setting.id, tally.method.id)] = (score.estimate, score.normal_se)
    return out
