"""All cells of a plan, real and counterfactual: which there are, which are kept, and the rest worked off."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from threading import Event
from typing import Any

from w2s_harness.discovery import sources
from w2s_harness.experiment import nulls, secret
from w2s_harness.experiment.gathering import Ended, Gathered
from w2s_harness.experiment.guarding import Guards
from w2s_harness.experiment.keys import Keys
from w2s_harness.experiment.one_cell import Job, Record, Runner
from w2s_harness.experiment.own_worlds import own_worlds
from w2s_harness.experiment.predictions import record as given_record
from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.slots import Slots
from w2s_harness.experiment.store import Store
from w2s_harness.experiment.worlds import cut, spread
from w2s_harness.isolation.jail import Jail
from w2s_harness.isolation.launcher import Zygote
from w2s_harness.isolation.showing import said
from w2s_harness.models.bounds import memory_share
from w2s_harness.models.client import ServiceClient
from w2s_harness.plan import Cell, Plan
from w2s_harness.types import Verdict, World

CELLS, RERUNS = "cells", "re-runs"
"""The stages of the real and of the counterfactual cells, which go on together."""
ROW_FAILED = "not run: a real cell of its row failed or was skipped"


class CellWork:
    """All cells of a plan."""

    def __init__(
        self,
        plan: Plan,
        settings: Sequence[Setting],
        store: Store,
        hook: Any,
        guards: Guards,
        cancel: Event,
        slots: int,
        jail: Jail,
    ) -> None:
        self.plan, self.store, self.hook, self.guards = plan, store, hook, guards
        self.jail, self.n, self.cancel = jail, slots, cancel
        self.busy_s = 0.0
        self.gathered = {s.id: Gathered(store, s) for s in settings}
        self.inspected: dict[tuple[str, str], list[Verdict]] = {}
        """What guards said of a method's source, by (setting, method)."""
        self._unread: dict[str, str] = {}
        """Why no guard could be shown a method's source, by method; such a method does not run."""
        self.worlds: dict[tuple[str, str], list[Ended]] = {}
        """The counterfactual cells of a row, as far as they were run."""
        self.own: dict[tuple[str, str], list[Ended]] = {}
        """The echo and decoy cells of a row, as far as they were run."""
        self._settings = {s.id: s for s in settings}
        self._methods = {m.id: m for m in plan.methods}
        self._columns = {s.task.id: guards.columns(s.task.task) for s in settings}
        self._runner = Runner(plan, store, jail, cancel)
        self.jobs = self._jobs()

    def are_complete(self) -> bool:
        """Whether every real cell that can run is in the store."""
        own = [job for job in self.jobs if not job.method.is_predictions]
        return all(self._refusal(job) or self.kept(job) is not None for job in own)

    def kept(self, job: Job) -> Record | None:
        """The cell's record; None too where a guard will ask for arrays that are gone."""
        record: Record | None = self.store.get(job.key)
        if record is None or not self._is_isolated(record):
            return None
        if not self.guards.has_judges:
            return record
        keys = Keys(job.setting)
        arrays = (keys.predictions(job.key), keys.targets(job.key), keys.weights(job.key))
        return record if all(map(self.store.path, arrays)) else None

    def _is_isolated(self, record: Record) -> bool:
        kept = record.get("isolation")
        return kept is not None and self.jail.accepts(kept["asked"], kept["level"])

    def run(
        self,
        zygote: Callable[[], Zygote],
        log: Callable[[Record], None],
        *,
        stop_first: bool = False,
        reverse: bool = False,
    ) -> dict[str, Record]:
        """A record for every real cell, by id. Cells that `stop_first` kept from running have an `error`.

        Counterfactual cells go among them in an order that nobody can foresee; none for a row of which a
        real cell has failed or was skipped.
        """
        self._inspect()
        audits, own = self.audits(), self.own_audits()
        self._measure(audits)
        todo = list(reversed(self.jobs)) if reverse else list(self.jobs)
        if audits or own:
            todo += [*audits, *own]
            random.SystemRandom().shuffle(todo)
        desk = _Desk(self.hook, log, stop_first)
        self.hook.w2s_stage_start(stage=CELLS, total=len(self.jobs))
        if audits or own:
            self.hook.w2s_stage_start(stage=RERUNS, total=len(audits) + len(own))
        missing = self._settled(todo, desk)
        if missing and not desk.stopped:
            self._work(missing, zygote(), desk)
        for job in audits:
            record = desk.audits.get(job.id)
            if record is not None:
                self.worlds.setdefault(job.row, []).append(Ended(job, record))
        for job in own:
            record = desk.audits.get(job.id)
            if record is not None:
                self.own.setdefault(job.row, []).append(Ended(job, record))
        for job in self.jobs:
            why = f"not run: {desk.stopped_by} (-x)"
            desk.records.setdefault(job.cell.id, {"error": why, "not_run": True})
        return desk.records

    def _settled(self, jobs: list[Job], desk: _Desk) -> list[Job]:
        """Settle what is known of cells without running them; returns the others."""
        missing = []
        for job in jobs:
            known = self._refusal(job) or self._given(job) or self.kept(job)
            if known is None:
                missing.append(job)
            else:
                desk.settle(job, known, cached="accuracy" in known)
        return missing

    def _work(self, jobs: list[Job], zygote: Zygote, desk: _Desk) -> None:
        """Work cells off; a counterfactual one that failed is run once more, since it may be bad luck.

        A slow machine or a service that died must not make an honest method look evasive. The second time
        comes after all others, on a service that lives.
        """
        failed: list[Job] = []

        def one(client: ServiceClient, job: Job) -> Record:
            if job.world is not None and job.row in desk.failed_rows:
                return {"error": ROW_FAILED}
            return self._runner.run(client, zygote, job)

        def first(job: Job, record: Record) -> bool:
            if job.world is None or record.get("error", ROW_FAILED) == ROW_FAILED:
                return desk.settle(job, record)
            desk.log({"again": job.id, "error": record["error"]})
            failed.append(job)
            return False

        with self._slots(len(jobs)) as slots:
            slots.map(jobs, one, first)
            if not desk.stopped:
                slots.map(failed, one, desk.settle)
        self.busy_s += slots.busy_s

    def _slots(self, units: int) -> Slots:
        threads = max(pair.threads for pair in self.plan.pairs)
        memory = memory_share(min(self.n, units))
        return Slots(
            self.n, lambda: ServiceClient("worker-facing", threads=threads, memory_bytes=memory), self.cancel
        )

    # -- which cells ------------------------------------------------------------------------------------

    def _jobs(self) -> list[Job]:
        """The real cells; those of a row stand together and share what names them."""
        made: dict[tuple[str, str, str], Callable[[Cell], Job]] = {}
        out = []
        for cell in self.plan.cells():
            row = (cell.task, cell.pair, cell.method)
            if row not in made:
                made[row] = self._row(*row)
            out.append(made[row](cell))
        return out

    def _row(self, task: str, pair: str, name: str, world: World | None = None) -> Callable[[Cell], Job]:
        """Makes the job of each cell of a row."""
        setting, method = self._settings[f"{task}/{pair}"], self._methods[name]
        wanted = frozenset(method.access) & self.plan.grants
        access = self.guards.grant(setting.task.task, method.id, wanted)
        columns = self._columns[setting.task.id]
        key = Keys(setting).row(self.plan, method, access, columns, world)
        hidden = secret.of_method(self.plan, method)
        return lambda cell: Job(cell, setting, method, access, columns, key(cell), world, hidden)

    def _refusal(self, job: Job) -> Record | None:
        if job.method.error or job.method.id in self._unread:
            return {"error": job.method.error or self._unread[job.method.id]}
        for verdict in self.inspected.get(job.row, ()):
            if verdict.level == "disqualify":
                return {"skipped": f"{verdict.guard}: {verdict.because}"}
        missing = sorted(set(job.method.access) - set(job.access))
        if "generate" in job.method.access and "generate" not in job.setting.pair.abilities:
            return {"skipped": f"the pair '{job.setting.pair.name}' cannot generate text"}
        if missing:
            return {"skipped": _lacking(missing, self.plan.grants)}
        return None

    def _given(self, job: Job) -> Record | None:
        """The record of predictions that were computed elsewhere."""
        if not job.method.is_predictions:
            return None
        return given_record(self.store, job.setting, job.method, job.cell.seed, job.key)

    def _inspect(self) -> None:
        """Show every method's source to the guards, once the baselines are there."""
        if not self.guards.has("w2s_inspect_method"):
            return
        for (setting, name), _ in self._by_row().items():
            method = self._methods[name]
            if method.error or method.is_predictions or name in self._unread:
                continue
            try:
                files = sources.files(method.source)
            except Exception as bad:  # noqa: BLE001 (boundary: reading what others installed)
                self._unread[name] = f"its source could not be read: {said(bad)}"
                continue
            self.inspected[(setting, name)] = self.guards.inspect(method, self.gathered[setting].view, files)

    def _by_row(self) -> Mapping[tuple[str, str], list[Job]]:
        rows: dict[tuple[str, str], list[Job]] = {}
        for job in self.jobs:
            rows.setdefault(job.row, []).append(job)
        return rows

    def audits(self) -> list[Job]:
        """The counterfactual cells of all rows that can run."""
        out: list[Job] = []
        for (setting, name), jobs in self._by_row().items():
            if any(map(self._refusal, jobs)) or jobs[0].method.is_predictions:
                continue
            seeds = [job.cell.seed for job in jobs]
            asked = self.guards.worlds(self._methods[name], self.gathered[setting].view, seeds)
            worlds = cut(asked, self.plan.counterfactuals)
            by_seed = {job.cell.seed: job.cell for job in jobs}
            # The digest, not the task's id: a drawn data seed stands in one id of the same data alone.
            here = self._settings[setting]
            names = (self.plan.root_seed, here.data.digest, here.pair.name, name)
            for world, seed in spread(worlds, seeds, *names):
                cell = by_seed[seed]
                out.append(self._row(cell.task, cell.pair, cell.method, world)(cell))
        return out

    def own_audits(self) -> list[Job]:
        """The echo and decoy cells of all rows that can run, whether or not guards are on."""
        out: list[Job] = []
        for (setting, name), jobs in self._by_row().items():
            here = self._settings[setting]
            known = self.store.get(Keys(here).margins("names"))
            # before the readouts were asked, as under --plan, a student with templates is taken to have some
            has_readouts = bool(here.pair.strong.templates if known is None else known["names"])
            if any(map(self._refusal, jobs)) or jobs[0].method.is_predictions or not has_readouts:
                continue
            by_seed = {job.cell.seed: job.cell for job in jobs}
            names = (self.plan.root_seed, here.data.digest, here.pair.name, name)
            wanted = own_worlds(
                self.plan.own_draws, self.plan.counterfactuals, here.pair.mode, list(by_seed), *names
            )
            for world, seed in wanted:
                cell = by_seed[seed]
                out.append(self._row(cell.task, cell.pair, cell.method, world)(cell))
        return out

    def _measure(self, audits: Sequence[Job]) -> None:
        """The empirical null of every probe setting on which inputs are scrambled."""
        wanted = {
            job.setting.id: job.setting
            for job in audits
            if job.world is not None and job.world.inputs == "scrambled" and job.setting.pair.mode == "probe"
        }
        seeds = self.plan.seeds
        units = [
            (setting, part)
            for setting in wanted.values()
            for part in range(nulls.PARTS)
            if self.store.path(Keys(setting).null(seeds, part)) is None
        ]
        if units:
            self.hook.w2s_stage_start(stage="null", total=len(units))

            def done(unit: tuple[Setting, int], _: None) -> None:
                name = f"{unit[0].id} {unit[1] + 1}/{nulls.PARTS}"
                self.hook.w2s_stage_progress(stage="null", unit=name, cached=False)

            with self._slots(len(units)) as slots:
                slots.map(units, lambda c, u: nulls.measure(c, self.store, u[0], seeds, u[1]), done)
            self.busy_s += slots.busy_s
        for setting in wanted.values():
            fresh = Gathered(self.store, setting, nulls.collected(self.store, setting, seeds))
            self.gathered[setting.id] = fresh


class _Desk:
    """Where results come in, in the calling thread."""

    def __init__(self, hook: Any, log: Callable[[Record], None], stop_first: bool) -> None:
        self.hook, self.log, self.stop_first = hook, log, stop_first
        self.records: dict[str, Record] = {}
        self.audits: dict[str, Record] = {}
        self.failed_rows: set[tuple[str, str]] = set()
        self.stopped = False
        """Whether `stop_first` has ended the run."""
        self.stopped_by = ""
        """The cell that ended it, and why it failed."""

    def settle(self, job: Job, record: Record, *, cached: bool = False) -> bool:
        """Keep and tell a result; whether to stop."""
        line = {k: v for k, v in record.items() if k not in ("outcomes", "seen")}
        name = {"cell": job.cell.id} if job.world is None else {"counterfactual": job.id}
        self.log({**name, "cached": cached, **line})
        if job.world is None:
            self.records[job.cell.id] = record
            self.hook.w2s_cell_finish(cell=job.cell, record=record)
            if "error" in record or "skipped" in record:
                self.failed_rows.add(job.row)
        else:
            self.audits[job.id] = record
        stage = CELLS if job.world is None else RERUNS
        self.hook.w2s_stage_progress(stage=stage, unit=job.id, cached=cached)
        if self.stop_first and job.world is None and "error" in record and not self.stopped:
            first = str(record["error"]).partition("\n")[0]
            self.stopped, self.stopped_by = True, f"{job.cell.id} failed before it: {first}"
        return self.stopped


def _lacking(missing: Sequence[str], granted: frozenset[str]) -> str:
    names = ",".join(missing)
    if set(missing) <= granted:
        return f"needs the access {', '.join(missing)}, which a guard takes away on this task"
    return f"needs the access {', '.join(missing)}: run with --grant {names}"
