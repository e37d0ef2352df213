"""What guards are shown, gathered from results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.contract.guards.evidence import (
    CellEvidence,
    Failed,
    MethodEvidence,
    Part,
    Published,
    Seen,
    SettingView,
)
from w2s_harness.contract.plan import PlannedMethod
from w2s_harness.contract.types import Split
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.run.cell.cell_result import Ended
from w2s_harness.run.stages.service_orders import Features
from w2s_harness.run.stages.teachers import Ceiling, Teacher
from w2s_harness.run.stages.worlds.worlds import tell
from w2s_harness.run.work.engine import Bench
from w2s_harness.run.work.setting.setting import Setting


@dataclass(frozen=True, slots=True)
class Case:
    """One row before its judges."""

    cells: Sequence[Ended]
    worlds: Sequence[Ended]
    beside: Mapping[str, Sequence[Ended]]
    """The cells of all methods on the setting, by method id."""
    attempts: int
    source_now: str
    published: Sequence[Published]
    seeds: Sequence[int]
    """The plan's."""

    @property
    def method(self) -> PlannedMethod:
        """The row's."""
        return self.cells[0].work.method


@dataclass(eq=False)
class Gathered:
    """The evidence of one setting."""

    bench: Bench
    setting: Setting
    null_z: npt.NDArray[np.float64] | None = None
    _cells: dict[str, CellEvidence] = field(default_factory=dict)

    @cached_property
    def view(self) -> SettingView:
        """The setting; its features are there once they were extracted."""
        train, test = self._part("train_unlabel"), self._part("test")
        view = SettingView(task=self.setting.task.task, pair=self.setting.pair, train=train, test=test)
        return view if self.null_z is None else replace(view, null_z=self.null_z)

    def _part(self, split: Split) -> Part:
        texts = self.setting.data.texts[split]
        found = None
        if self.setting.pair.mode == "probe":
            found = self.bench.results.get(Features(self.setting.ref, "strong", split))
        return Part(
            rows=texts.rows,
            gold=gold_of(self.setting.data, split).labels,
            groups=texts.groups,
            answers=texts.answers,
            features=None if found is None else found.features.values,
        )

    def cell(self, ended: Ended) -> CellEvidence:
        """One cell that ended well."""
        ref, work, found = self.setting.ref, ended.work, ended.well
        if work.key in self._cells:
            return self._cells[work.key]
        told = tell(self.bench, ref, ended.seed, work.world, work.secret)
        ceiling = self.bench.results.get(Ceiling(ref, ended.seed, with_train=True))
        train = None if ceiling is None else ceiling.train
        no_fits = np.empty((0, len(told.drawn)), np.float32)
        self._cells[work.key] = CellEvidence(
            setting=self.view,
            seed=ended.seed,
            world=work.world,
            predictions=found.predictions.values,
            weak_test=self.bench.of(Teacher(ref, ended.seed)).holdout.values,
            drawn=told.drawn,
            weak=told.weak,
            changed=told.changed,
            region=told.region,
            bait=told.bait,
            ceiling=None if train is None else train.values[told.drawn],
            compute=msgspec.to_builtins(found.compute),
            seen=Seen(
                requests=found.seen.requests,
                refused=found.seen.refused,
                notices=tuple(found.seen.notices),
                targets=no_fits if found.targets is None else found.targets.values,
                weights=no_fits if found.weights is None else found.weights.values,
                output=found.output,
                level=found.isolation.level,
            ),
        )
        return self._cells[work.key]

    def method(self, case: Case) -> MethodEvidence:
        """All that a method did on the setting."""
        honest = {
            name: {e.seed: self.cell(e) for e in others}
            for name, others in case.beside.items()
            if name != case.method.id
            and others[0].work.method.source.is_shipped
            and all(e.is_well for e in others)
        }
        return MethodEvidence(
            setting=self.view,
            cells={e.seed: self.cell(e) for e in case.cells},
            worlds=tuple(self.cell(e) for e in case.worlds if e.is_well),
            failed=tuple(
                Failed(world=e.work.world, seed=e.seed, error=e.error)
                for e in case.worlds
                if e.work.world is not None and e.error is not None
            ),
            honest=honest,
            attempts=case.attempts,
            source_now=case.source_now,
            published=tuple(case.published),
            seeds=tuple(case.seeds),
        )
