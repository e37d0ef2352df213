"""Cells: one method on one setting and seed, its code in a worker, its requests served by a service."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from threading import Event
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_harness.data.prepared import SplitData
from w2s_harness.data.release import order_key, release_order
from w2s_harness.errors import ModelError, PluginError, StoreError, WorkerError
from w2s_harness.experiment.conversation import Finished, converse
from w2s_harness.experiment.describing import wire_source
from w2s_harness.experiment.keys import Keys, named_seed
from w2s_harness.experiment.reading import (
    finetune_settings,
    model_of,
    probe_settings,
    split_ref,
)
from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.slots import Slots
from w2s_harness.experiment.store import Store
from w2s_harness.isolation.jail import Jail
from w2s_harness.isolation.launcher import Worker, Zygote
from w2s_harness.models import control
from w2s_harness.models.client import ServiceClient
from w2s_harness.plan import Cell, Plan, PlannedMethod
from w2s_harness.scoring.accuracy import accuracy, outcomes, pack
from w2s_harness.wire.messages import Start
from w2s_harness.wire.messages import pack as wire_pack
from w2s_harness.wire.messages import unpack as wire_unpack

Record = dict[str, Any]
"""A cell's line in the store: `accuracy`, `outcomes`, `ties`, `compute`, `solvers`, `isolation`, `seconds`;
or `error`; or `skipped`. Only the first kind is kept."""

_OUTPUT_LINES = 20


@dataclass(frozen=True, slots=True)
class Job:
    """A cell with what it needs to run."""

    cell: Cell
    setting: Setting
    method: PlannedMethod
    access: tuple[str, ...]
    key: str


class CellWork:
    """All cells of a plan."""

    def __init__(
        self,
        plan: Plan,
        settings: Sequence[Setting],
        store: Store,
        hook: Any,
        cancel: Event,
        slots: int,
        jail: Jail,
    ) -> None:
        self.plan, self.store, self.hook, self.cancel, self.n = plan, store, hook, cancel, slots
        self.jail = jail
        self.busy_s = 0.0
        self._settings = {s.id: s for s in settings}
        self._methods = {m.id: m for m in plan.methods}
        self.jobs = [self._job(cell) for cell in plan.cells()]

    def are_complete(self) -> bool:
        """Whether every cell that can run is in the store."""
        return all(self._refusal(job) or self.kept(job) is not None for job in self.jobs)

    def kept(self, job: Job) -> Record | None:
        """The cell's record; None too where a guard will ask for predictions that are gone."""
        record: Record | None = self.store.get(job.key)
        if record is not None and not self._is_isolated(record):
            return None
        if self.hook.w2s_judge_run.get_hookimpls() and record is not None:
            return record if self.store.path(Keys(job.setting).predictions(job.key)) else None
        return record

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
        """A record for every cell, by id. Cells that `stop_first` kept from running have an `error`."""
        records: dict[str, Record] = {}
        self.hook.w2s_stage_start(stage="cells", total=len(self.jobs))

        def settle(job: Job, record: Record, *, cached: bool = False) -> bool:
            records[job.cell.id] = record
            log(
                {
                    "cell": job.cell.id,
                    "cached": cached,
                    **{k: v for k, v in record.items() if k != "outcomes"},
                }
            )
            self.hook.w2s_cell_finish(cell=job.cell, record=record)
            self.hook.w2s_stage_progress(stage="cells", unit=job.cell.id, cached=cached)
            return stop_first and "error" in record

        missing, stopped = [], False
        for job in reversed(self.jobs) if reverse else self.jobs:
            known = self._refusal(job) or self.kept(job)
            if known is None:
                missing.append(job)
            else:
                stopped = settle(job, known, cached="accuracy" in known) or stopped
        if missing and not stopped:
            self._work(missing, zygote(), settle)
        for job in self.jobs:
            records.setdefault(job.cell.id, {"error": "not run: an earlier cell failed (-x)"})
        return records

    def _work(self, jobs: list[Job], zygote: Zygote, settle: Callable[[Job, Record], bool]) -> None:
        threads = max(pair.threads for pair in self.plan.pairs)
        with Slots(self.n, lambda: ServiceClient("worker-facing", threads=threads), self.cancel) as slots:
            slots.map(jobs, lambda client, job: self._cell(client, zygote, job), settle)
        self.busy_s = slots.busy_s

    def _job(self, cell: Cell) -> Job:
        setting, method = self._settings[f"{cell.task}/{cell.pair}"], self._methods[cell.method]
        access = self._granted(setting, method)
        return Job(cell, setting, method, access, Keys(setting).cell(self.plan, cell, method, access))

    def _granted(self, setting: Setting, method: PlannedMethod) -> tuple[str, ...]:
        """What the method asked for, the plan grants and no guard lowers."""
        allowed = frozenset(method.access) & self.plan.grants
        for impl in self.hook.w2s_grant.get_hookimpls():
            known = {"task": setting.task.task, "access": allowed}
            answer = impl.function(*[known[name] for name in impl.argnames])
            if answer is None:
                continue
            if not isinstance(answer, Set):
                raise PluginError(
                    f"guard '{impl.plugin_name}': w2s_grant() returned {type(answer).__name__}, expected a "
                    "set of access names or None"
                )
            allowed &= answer
        return tuple(sorted(allowed))

    def _refusal(self, job: Job) -> Record | None:
        if job.method.error:
            return {"error": job.method.error}
        missing = sorted(set(job.method.access) - set(job.access))
        if missing:
            return {"skipped": f"needs the access {', '.join(missing)}: run with --grant {','.join(missing)}"}
        return None

    # -- one cell, in a slot's thread -------------------------------------------------------------------

    def _cell(self, client: ServiceClient, zygote: Zygote, job: Job) -> Record:
        started = time.monotonic()
        output, isolation = "", None
        order = self.jail.order(job.method.source)
        try:
            with zygote.spawn(order) as worker:
                isolation = {
                    "asked": order.mode, "level": worker.report.level, "layers": worker.report.on,
                }  # fmt: skip
                try:
                    predictions, meter = self._predict(client, worker, job)
                finally:
                    output = worker.output()
        except StoreError:
            raise
        except (WorkerError, ModelError) as bad:
            return {
                "error": str(bad),
                "output": _last_lines(output),
                "seconds": time.monotonic() - started,
                "isolation": isolation,
            }
        values = outcomes(predictions, job.setting.test.labels)
        right, ties = pack(values)
        record: Record = {
            "accuracy": accuracy(values),
            "outcomes": right,
            "ties": ties,
            "compute": {"fits": meter.fits, "tokens": meter.tokens, "flops": meter.flops},
            "solvers": list(meter.solvers),
            "isolation": isolation,
            "output": _last_lines(output),
            "seconds": time.monotonic() - started,
            "service_seconds": meter.seconds,
        }
        self.store.put_array(Keys(job.setting).predictions(job.key), predictions)
        self.store.put(job.key, record)
        return record

    def _predict(
        self, client: ServiceClient, worker: Worker, job: Job
    ) -> tuple[npt.NDArray[np.float64], control.Meter]:
        """The method's predictions on the holdout, in the task's own row order, and what they cost."""
        setting, cell = job.setting, job.cell
        draw = setting.draw("train_unlabel", cell.seed)
        train_order = draw[_released(setting.data.splits["train_unlabel"], draw, self.plan.root_seed, cell)]
        test_order = _released(setting.test, np.arange(len(setting.test)), self.plan.root_seed, cell)
        weak = self.store.array(Keys(setting).labels(cell.seed))
        if weak is None:
            raise StoreError("the weak labels are gone from the store; run the same command again")
        opened = client.open_cell(self._opening(job, train_order, test_order))
        try:
            start = Start(
                source=wire_source(job.method.source),
                method=job.method.name,
                parameters=dict(job.method.parameters),
                kind=setting.data.kind,
                weak=wire_pack(weak[train_order]),
                access=job.access,
                seed=named_seed(self.plan.root_seed, cell.id),
                layers=opened.layers,
                features=opened.features,
                templates=opened.templates,
                n_test=len(test_order) if "transductive" in job.access else None,
            )
            outcome = converse(
                worker,
                start,
                client.serve,
                begin_test=client.begin_test,
                clock_s=self.plan.limits.timeout_s,
                cancelled=self.cancel,
                n_test=len(test_order),
            )
            if isinstance(outcome, Finished):
                (packed,) = client.predict_test(outcome.handle).values
                values = np.asarray(wire_unpack(packed), np.float64)
            else:
                values = outcome.values
        except BaseException:
            client.close_cell()
            raise
        predictions = np.empty(len(test_order))
        predictions[test_order] = values
        return predictions, client.close_cell()

    def _opening(
        self, job: Job, train_order: npt.NDArray[np.int64], test_order: npt.NDArray[np.int64]
    ) -> control.OpenCell:
        setting, limits = job.setting, self.plan.limits
        facts = self.store.get(Keys(setting).features("strong", "train_unlabel", "facts"))
        return control.OpenCell(
            model=model_of(setting, "strong"),
            mode=setting.pair.mode,
            kind=setting.data.kind,
            train=split_ref(self.store, setting, "strong", "train_unlabel"),
            train_order=wire_pack(train_order, "i8"),
            test=split_ref(self.store, setting, "strong", "test"),
            test_order=wire_pack(test_order, "i8"),
            access=job.access,
            seed=named_seed(setting.root_seed, setting.data.digest, "student", job.cell.seed),
            probe=probe_settings(self.store, setting, "strong"),
            finetune=finetune_settings(setting, "strong"),
            limits=control.Limits(limits.fits, limits.epochs, limits.handles, limits.flops_over_vanilla),
            shape=control.Shape(**facts["shape"]) if facts and setting.pair.mode == "probe" else None,
        )


def _released(
    split: SplitData, index: npt.NDArray[np.int64], root_seed: int, cell: Cell
) -> npt.NDArray[np.int64]:
    """The order in which the rows of `index` are released to the cell's worker, as positions in `index`."""
    part = SplitData(
        rows=tuple(split.rows[i] for i in index),
        labels=split.labels[index],
        groups=split.groups[index],
        subsets=tuple(split.subsets[i] for i in index),
    )
    return release_order(part, key=order_key(root_seed, cell.id, "actual"))


def _last_lines(text: str) -> str:
    return "\n".join(text.splitlines()[-_OUTPUT_LINES:])
