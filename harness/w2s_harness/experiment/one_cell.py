"""One cell, real or counterfactual: its code in a worker, its requests served by a student service."""

from __future__ import annotations

import contextlib
import io
import time
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_harness.errors import HarnessError, ModelError, Skip, StoreError, WorkerError
from w2s_harness.experiment import fit_facts
from w2s_harness.experiment.conversation import Finished, converse
from w2s_harness.experiment.describing import wire_source
from w2s_harness.experiment.keys import Keys, named_seed
from w2s_harness.experiment.reading import (
    finetune_settings,
    model_of,
    probe_settings,
    split_ref,
    trains_by_steps,
)
from w2s_harness.experiment.readouts import share_true
from w2s_harness.experiment.releasing import released
from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.store import Store
from w2s_harness.experiment.trained_on import TrainedOn
from w2s_harness.experiment.worlds import Staged, stage
from w2s_harness.isolation.jail import Jail
from w2s_harness.isolation.launcher import Worker, Zygote
from w2s_harness.models import control
from w2s_harness.models.client import ServiceClient
from w2s_harness.plan import Cell, Plan, PlannedMethod
from w2s_harness.types import World
from w2s_harness.wire import messages as wire

Record = dict[str, Any]
"""A cell's line in the store: `accuracy`, `outcomes`, `ties`, `compute`, `solvers`, `isolation`, `seen`,
`seconds`; or `error`; or `skipped`. Only the first kind is kept."""

SKIPPED = "skipped in a counterfactual cell though its real cell ran"

BAIT = "cache/labels.npy"
"""Where the honeypot lies in a worker's scratch folder."""
_OUTPUT_LINES = 20


@dataclass(frozen=True, slots=True)
class Job:
    """A cell with what it needs to run."""

    cell: Cell
    setting: Setting
    method: PlannedMethod
    access: tuple[str, ...]
    columns: frozenset[str]
    """What guards let a worker be sent of a row."""
    key: str
    world: World | None = None
    """None for a real cell."""
    secret: str = ""
    """As `secret.of_method`."""

    @property
    def id(self) -> str:
        """The cell's id, with the world where there is one."""
        return self.cell.id if self.world is None else f"{self.cell.id} ({self.world.name})"

    @property
    def row(self) -> tuple[str, str]:
        """Which row of the leaderboard it belongs to."""
        return self.setting.id, self.method.id


@dataclass(slots=True)
class _Watcher:
    """Passes requests on and keeps what a guard may want to know of them."""

    client: ServiceClient
    order: npt.NDArray[np.int64]
    """(m,) the worker's training row p is position `order[p]` of the seed's draw."""
    requests: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    notices: list[str] = field(default_factory=list)
    trained: TrainedOn = field(init=False)
    returned: int | None = None
    """The handle that `fit` returned; None where the method predicted by itself."""

    def __post_init__(self) -> None:
        self.trained = TrainedOn(self.order)

    def serve(self, request: wire.Request) -> wire.Reply:
        """The service's reply."""
        name = type(request).__name__.lower()
        self.requests[name] = self.requests.get(name, 0) + 1
        reply = self.client.serve(request)
        if isinstance(reply, wire.Refused):
            self.refused += 1
        self.trained.served(request, reply)
        return reply

    def notice(self, seen: wire.Noticed) -> None:
        """An event of the worker's audit hook."""
        self.notices.append(f"{seen.event}: {seen.detail}")


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs the cells of a plan, each in a slot's thread."""

    plan: Plan
    store: Store
    jail: Jail
    cancel: Event
    output_lines: int | None = _OUTPUT_LINES
    """How many of the last lines that a worker printed are kept; None for all that it sent."""

    def run(self, client: ServiceClient, zygote: Zygote, job: Job) -> Record:
        """The cell's record; one that ended well is in the store, with its predictions, before this returns.

        Raises `StoreError`. What a method or the service did wrong is the record's `error`.
        """
        started = time.monotonic()
        output, isolation = "", None
        try:
            order = self.jail.order(job.method.source)
        except OSError as bad:
            why = f"its files cannot be opened to a worker: {bad}"
            return {"error": why, "output": "", "isolation": None}
        staged = stage(self.store, job.setting, job.cell, job.world, job.secret)
        watcher = _Watcher(client, staged.train.order)
        try:
            with zygote.spawn(order) as worker:
                isolation = {
                    "asked": order.mode, "level": worker.report.level, "layers": worker.report.on,
                }  # fmt: skip
                try:
                    predictions, meter = self._predict(client, worker, job, staged, watcher)
                finally:
                    output = worker.output()
        except StoreError:
            raise
        except (WorkerError, ModelError, Skip) as bad:
            return {
                **_ended(bad, job),
                "output": self._kept(output),
                "seconds": time.monotonic() - started,
                "isolation": isolation,
            }
        trained = watcher.trained.behind(watcher.returned)
        record: Record = {
            **job.setting.scored(predictions),
            "compute": {
                "fits": meter.fits, "tokens": meter.tokens, "flops": meter.flops,
                **fit_facts.cost(meter.trained),
            },
            "fits": fit_facts.kept(meter.trained),
            "solvers": list(meter.solvers),
            "isolation": isolation,
            "seen": {
                "requests": watcher.requests, "refused": watcher.refused, "notices": watcher.notices,
                "trained": trained.facts,
            },
            "output": self._kept(output),
            "seconds": time.monotonic() - started,
            "service_seconds": meter.seconds,
        }  # fmt: skip
        keys = Keys(job.setting)
        targets, weights = watcher.trained.looks()
        self.store.put_array(keys.targets(job.key), targets)
        self.store.put_array(keys.weights(job.key), weights)
        self.store.put_array(keys.trained(job.key), trained.rows)
        self.store.put_array(keys.predictions(job.key), predictions)
        self.store.put(job.key, record)
        return record

    def _kept(self, output: str) -> str:
        if self.output_lines is None:
            return output
        return "\n".join(output.splitlines()[-self.output_lines :])

    def _predict(
        self, client: ServiceClient, worker: Worker, job: Job, staged: Staged, watcher: _Watcher
    ) -> tuple[npt.NDArray[np.float64], control.Meter]:
        """The method's predictions on the holdout, in the task's own row order, and what they cost."""
        setting, phases = job.setting, (staged.train, staged.test)
        train, test = (
            released(split, part.shows[part.order], job.access, job.columns)
            for split, part in zip((setting.data.texts["train_unlabel"], setting.test), phases, strict=True)
        )
        opening = self._opening(job, staged)
        by_steps = opening.finetune if opening.mode == "finetune" else opening.probe
        opened = client.open_cell(opening, clock_s=self.plan.limits.service_s(_read(opening)))
        try:
            start = wire.Start(
                source=wire_source(job.method.source),
                method=job.method.name,
                parameters=dict(job.method.parameters),
                kind=job.setting.data.kind,
                weak=wire.pack(staged.told.weak[staged.train.order]),
                access=job.access,
                seed=named_seed(self.plan.root_seed, job.cell.id),
                layers=opened.layers,
                features=opened.features,
                templates=opened.templates,
                abilities=setting.pair.abilities,
                share_true=share_true(setting),
                chain=opened.chain,
                epochs=by_steps.epochs,
                lr=by_steps.lr,
                train=train,
                test=test if "transductive" in job.access else None,
                bait={BAIT: _npy(staged.told.bait[staged.train.order])},
            )
            outcome = converse(
                worker,
                start,
                watcher.serve,
                begin_test=client.begin_test,
                clock_s=self.plan.limits.timeout_s,
                cancelled=self.cancel,
                test=test,
                noticed=watcher.notice,
            )
            if isinstance(outcome, Finished):
                watcher.returned = outcome.handle
                (packed,) = client.predict_test(outcome.handle).values
                values = np.asarray(wire.unpack(packed), np.float64)
            else:
                values = outcome.values
        except BaseException:
            # of a service that is gone the first error tells more
            with contextlib.suppress(WorkerError):
                client.close_cell()
            raise
        predictions = np.empty(len(values))
        predictions[staged.test.order] = values
        return predictions, client.close_cell()

    def _opening(self, job: Job, staged: Staged) -> control.OpenCell:
        setting, limits = job.setting, self.plan.limits
        facts = self.store.get(Keys(setting).features("strong", "train_unlabel", "facts"))
        return control.OpenCell(
            model=model_of(setting, "strong"),
            mode=setting.pair.mode,
            kind=setting.data.kind,
            train=split_ref(self.store, setting, "strong", "train_unlabel"),
            train_order=wire.pack(staged.train.reads[staged.train.order], "i8"),
            test=split_ref(self.store, setting, "strong", "test"),
            test_order=wire.pack(staged.test.reads[staged.test.order], "i8"),
            access=job.access,
            seed=named_seed(setting.root_seed, setting.data.digest, "student", job.cell.seed),
            probe=probe_settings(self.store, setting, "strong", by_steps=trains_by_steps(job.method)),
            finetune=finetune_settings(setting, "strong"),
            limits=control.CellBudget(limits.fits, limits.epochs, limits.handles, limits.flops_over_vanilla),
            shape=control.Shape(**facts["shape"]) if facts and setting.pair.mode == "probe" else None,
            chain=tuple(setting.pair.students),
            weak=setting.pair.weak if "generate" in job.access else None,
        )


def _ended(why: HarnessError, job: Job) -> Record:
    """What a cell without predictions says of itself."""
    if not isinstance(why, Skip):
        return {"error": str(why)}
    # A method that skips where the teacher or the inputs look odd would keep its audit from running.
    return {"skipped": str(why)} if job.world is None else {"error": f"{SKIPPED}: {why}"}


def _read(opening: control.OpenCell) -> int | None:
    """Parameters of the strong model where it is only read."""
    return None if opening.shape is None else opening.shape.parameters


def _npy(values: npt.NDArray[np.bool_]) -> bytes:
    body = io.BytesIO()
    np.save(body, values, allow_pickle=False)
    return body.getvalue()
