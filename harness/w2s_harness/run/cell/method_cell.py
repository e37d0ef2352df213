"""One cell, real or counterfactual: its code in a worker, its requests served by a student service."""

from __future__ import annotations

import contextlib
import time
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.access import ASK_WEAK, columns_of, for_test_rows, opens
from w2s_harness.contract.errors import ModelError, Skip, StoreError, WorkerError
from w2s_harness.contract.plan import Cell, Limits, MethodSource, PlannedMethod
from w2s_harness.contract.types import World
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.jail.host.launcher import Worker
from w2s_harness.run.cell.cell_result import (
    CellCompute,
    CellFailure,
    CellIsolation,
    CellResult,
    CellSeen,
)
from w2s_harness.run.cell.trained_on import TrainedOn
from w2s_harness.run.cell.worker.conversation import Finished, converse
from w2s_harness.run.cell.worker.releasing import released
from w2s_harness.run.kept import secret
from w2s_harness.run.kept.store import npy
from w2s_harness.run.plan.predictions import PREDICTIONS_ONLY
from w2s_harness.run.stages.readouts import share_true
from w2s_harness.run.stages.service_orders import STUDENT, opening, reads
from w2s_harness.run.stages.tuning import probe_settings, tuned
from w2s_harness.run.stages.worlds.worlds import Staged, stage, told_by
from w2s_harness.run.work.code_digest import code_of
from w2s_harness.run.work.results import Result, ResultArray
from w2s_harness.run.work.setting.setting import SettingRef
from w2s_harness.run.work.work import At, Lookup, Work, address, named_seed
from w2s_harness.students import control
from w2s_harness.students.service.client import ServiceClient

CELLS, RERUNS = "cells", "re-runs"
"""The stages of the real and of the counterfactual cells, which go on together."""
SKIPPED = "skipped in a counterfactual cell though its real cell ran"
BAIT = "cache/labels.npy"
"""Where the honeypot lies in a worker's scratch folder."""
OUTPUT_LINES = 20


@dataclass(frozen=True, eq=False)
class CellRun(Work[CellResult], kind=CELLS, place="jail", gives=CellResult):
    """A method's code on one setting and seed."""

    cell: Cell
    setting: SettingRef
    method: PlannedMethod
    access: tuple[str, ...]
    """What it is granted."""
    columns: frozenset[str]
    """What guards let a worker be sent of a row."""
    limits: Limits
    world: World | None = None
    """None for real cells."""
    secret: str = ""
    """As `secret.of_method`."""
    output_lines: int | None = OUTPUT_LINES
    """How many of the last lines that a worker printed are kept; None for all that it sent."""

    @cached_property
    def key(self) -> str:
        """The content address of its result, made once."""
        return address(self)

    @property
    def stage(self) -> str:
        """Its stage in hooks and counts."""
        return CELLS if self.world is None else RERUNS

    @property
    def row(self) -> tuple[str, str]:
        """Which row of the leaderboard it belongs to."""
        return self.setting.id, self.method.id

    def name(self) -> str:
        """The cell's id, with the world where there is one."""
        return self.cell.id if self.world is None else f"{self.cell.id} ({self.world.name})"

    def inputs(self) -> Any:
        """The method's code and parameters, what it is given, in which world, and its limits."""
        ref, limits = self.setting, self.limits
        return [
            ref.identity,
            self.cell.id,
            self.method.source.sha256,
            dict(self.method.parameters),
            self.access,
            ref.answers if "conflicts" in columns_of(self.access) else None,
            sorted(self.columns),
            None if self.world is None else asdict(self.world),
            [limits.fits, limits.epochs, limits.handles, limits.flops_over_vanilla],
            [ref.share_true, ref.chain, ref.abilities],
            secret.digest(self.secret) if self.secret else None,
            code_of("w2s_harness"),
        ]

    def needs(self) -> tuple[Work[Result], ...]:
        """What its world tells it, and the student's features and settings."""
        ref, by_steps = self.setting, self.method.may_train_by_steps
        told = told_by(ref, self.cell.seed, self.world)
        return (*told, *reads(ref, *STUDENT), *tuned(ref, by_steps=by_steps))

    def is_sound(self, result: Result, at: Lookup) -> bool:
        """Whether its worker was locked down as it would be now."""
        assert isinstance(result, CellResult)
        asked, level = result.isolation.asked, result.isolation.level
        return level != PREDICTIONS_ONLY and at.jail.accepts(asked, level)

    def run(self, at: At) -> CellResult | CellFailure:
        """Raises `StoreError`. What a method or the service did wrong is the failure's reason."""
        started = time.monotonic()
        output, isolation = "", None
        try:
            order = at.jail.order(self.method.source)
        except OSError as bad:
            return CellFailure(f"its files cannot be opened to a worker: {bad}")
        staged = stage(at, self.setting, self.cell, self.world, self.secret)
        watcher = _Watcher(at.client, TrainedOn(staged.train.order))
        try:
            with at.zygote.spawn(order) as worker:
                isolation = CellIsolation(order.mode, worker.report.level, tuple(worker.report.on))
                try:
                    predictions, meter = self._predict(at, worker, staged, watcher)
                finally:
                    output = worker.output()
        except StoreError:
            raise
        except (WorkerError, ModelError, Skip) as bad:
            why, skipped, seconds = str(bad), isinstance(bad, Skip), time.monotonic() - started
            if skipped and self.world is not None:
                # a method that skips where teacher or inputs look odd would keep its audit from running
                why, skipped = f"{SKIPPED}: {why}", False
            return CellFailure(why, skipped, self._kept(output), seconds, isolation)
        trained = watcher.trained.behind(watcher.returned)
        targets, weights = watcher.trained.looks()
        return CellResult(
            scored=at.setting(self.setting).scored(predictions),
            compute=CellCompute(
                fits=meter.fits,
                tokens=meter.tokens,
                flops=meter.flops,
                solves=sum(each.solves for each in meter.trained),
                steps=sum(each.steps for each in meter.trained),
                epochs=sum(each.epochs for each in meter.trained),
            ),
            isolation=isolation,
            fits=tuple(meter.trained),
            solvers=tuple(meter.solvers),
            seen=CellSeen(watcher.requests, watcher.refused, watcher.notices, trained.facts),
            output=self._kept(output),
            seconds=time.monotonic() - started,
            service_seconds=meter.seconds,
            predictions=ResultArray(predictions),
            targets=ResultArray(targets),
            weights=ResultArray(weights),
            trained=ResultArray(trained.rows),
        )

    def _kept(self, output: str) -> str:
        if self.output_lines is None:
            return output
        return "\n".join(output.splitlines()[-self.output_lines :])

    def _predict(
        self, at: At, worker: Worker, staged: Staged, watcher: _Watcher
    ) -> tuple[npt.NDArray[np.float64], control.Meter]:
        """The method's predictions on the holdout, in the task's own row order, and what they cost."""
        texts, client = at.setting(self.setting).data.texts, at.client
        train, test = (
            released(split, part.shows[part.order], self.access, self.columns)
            for split, part in ((texts["train_unlabel"], staged.train), (texts["test"], staged.test))
        )
        asked = self._opening(at, staged)
        # of a strong model that is only read, how large it is
        read = None if asked.shape is None else asked.shape.parameters
        opened = client.open_cell(asked, clock_s=self.limits.service_s(read))
        try:
            outcome = converse(
                worker,
                self._start(at, staged, asked, opened, train, test),
                watcher.serve,
                begin_test=client.begin_test,
                clock_s=self.limits.timeout_s,
                cancelled=at.cancel,
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

    def _start(
        self,
        at: At,
        staged: Staged,
        asked: control.OpenCell,
        opened: control.Opened,
        train: wire.Released,
        test: wire.Released,
    ) -> wire.Start:
        """What the worker is told."""
        setting = at.setting(self.setting)
        by_steps = asked.finetune if asked.mode == "finetune" else asked.probe
        return wire.Start(
            source=wire_source(self.method.source),
            method=self.method.name,
            parameters=dict(self.method.parameters),
            kind=setting.data.kind,
            weak=wire.pack(staged.told.weak[staged.train.order]),
            access=self.access,
            seed=named_seed(self.setting.root_seed, self.cell.id),
            layers=opened.layers,
            features=opened.features,
            templates=opened.templates,
            abilities=setting.pair.abilities,
            share_true=share_true(self.setting),
            chain=opened.chain,
            epochs=by_steps.epochs,
            lr=by_steps.lr,
            train=train,
            test=test if for_test_rows("while fitting") in self.access else None,
            bait={BAIT: npy(staged.told.bait[staged.train.order])},
        )

    def _opening(self, at: At, staged: Staged) -> control.OpenCell:
        ref, limits, pair = self.setting, self.limits, at.setting(self.setting).pair
        return opening(
            at, ref, staged.train.reads[staged.train.order], staged.test.reads[staged.test.order],
            probe=probe_settings(at, ref, "strong", by_steps=self.method.may_train_by_steps),
            seed=named_seed(ref.root_seed, ref.data, "student", self.cell.seed),
            texts=True,
            access=self.access,
            limits=control.CellBudget(limits.fits, limits.epochs, limits.handles, limits.flops_over_vanilla),
            chain=tuple(pair.students),
            weak=pair.weak if opens(self.access, ASK_WEAK) else None,
        )  # fmt: skip


def wire_source(source: MethodSource) -> wire.Source:
    """A method's source as a worker is told it."""
    return wire.Source(module=source.module, filename=source.filename, code=source.code)


@dataclass(slots=True)
class _Watcher:
    """Passes requests on and keeps what a guard may want to know of them."""

    client: ServiceClient
    trained: TrainedOn
    requests: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    notices: list[str] = field(default_factory=list)
    returned: int | None = None
    """The handle that `fit` returned; None where the method predicted by itself."""

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
