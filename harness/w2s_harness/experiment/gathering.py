"""What guards are shown, gathered from the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_harness.data.gold import gold_of
from w2s_harness.errors import StoreError
from w2s_harness.evidence import CellEvidence, Failed, MethodEvidence, Part, Published, Seen, SettingView
from w2s_harness.experiment.keys import Keys
from w2s_harness.experiment.one_cell import Job, Record
from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.store import Store
from w2s_harness.experiment.worlds import tell
from w2s_harness.plan import PlannedMethod
from w2s_harness.types import Split


@dataclass(frozen=True, slots=True)
class Ended:
    """A cell and what came of it."""

    job: Job
    record: Record

    @property
    def is_well(self) -> bool:
        """Whether it has predictions."""
        return "accuracy" in self.record


@dataclass(eq=False)
class Gathered:
    """The evidence of one setting."""

    store: Store
    setting: Setting
    null_z: npt.NDArray[np.float64] | None = None
    _cells: dict[str, CellEvidence] = field(default_factory=dict)

    @cached_property
    def view(self) -> SettingView:
        """The setting; its features are there once the baselines are."""
        planned = self.setting.task
        view = SettingView(
            task=planned.task,
            pair=self.setting.pair,
            train=self._part("train_unlabel"),
            test=self._part("test"),
        )
        return view if self.null_z is None else replace(view, null_z=self.null_z)

    def _part(self, split: Split) -> Part:
        data = self.setting.data.texts[split]
        features = None
        if self.setting.pair.mode == "probe":
            features = self.store.array(Keys(self.setting).features("strong", split, "features"))
        return Part(
            rows=data.rows,
            gold=gold_of(self.setting.data, split).labels,
            groups=data.groups,
            answers=data.answers,
            features=features,
        )

    def cell(self, ended: Ended) -> CellEvidence:
        """One cell that ended well."""
        key = ended.job.key
        if key not in self._cells:
            self._cells[key] = self._cell(ended.job, ended.record)
        return self._cells[key]

    def _cell(self, job: Job, record: Record) -> CellEvidence:
        keys, seed = Keys(self.setting), job.cell.seed
        told = tell(self.store, self.setting, seed, job.world, job.secret)
        ceiling = self.store.array(keys.ceiling_train(seed))
        seen: Mapping[str, Any] = record["seen"]
        return CellEvidence(
            setting=self.view,
            seed=seed,
            world=job.world,
            predictions=self._array(keys.predictions(job.key)),
            weak_test=self._array(keys.weak_test(seed)),
            drawn=told.drawn,
            weak=told.weak,
            changed=told.changed,
            region=told.region,
            bait=told.bait,
            ceiling=None if ceiling is None else ceiling[told.drawn],
            compute=record["compute"],
            seen=Seen(
                requests=seen["requests"],
                refused=seen["refused"],
                notices=tuple(seen["notices"]),
                targets=self._array(keys.targets(job.key)),
                weights=self._array(keys.weights(job.key)),
                output=record["output"],
                level=record["isolation"]["level"],
            ),
        )

    def _array(self, key: str) -> npt.NDArray[Any]:
        found = self.store.array(key)
        if found is None:
            raise StoreError("a cell's arrays are gone from the store; run the same command again")
        return found

    def method(
        self,
        method: PlannedMethod,
        cells: Sequence[Ended],
        worlds: Sequence[Ended],
        beside: Mapping[str, Sequence[Ended]],
        *,
        attempts: int,
        source_now: str,
        published: Sequence[Published],
        seeds: Sequence[int],
    ) -> MethodEvidence:
        """All that a method did on the setting; `beside` are the cells of the plan's methods by method id."""
        return MethodEvidence(
            setting=self.view,
            cells={e.job.cell.seed: self.cell(e) for e in cells},
            worlds=tuple(self.cell(e) for e in worlds if e.is_well),
            failed=tuple(
                Failed(world=e.job.world, seed=e.job.cell.seed, error=str(e.record["error"]))
                for e in worlds
                if e.job.world is not None and "error" in e.record
            ),
            honest={
                name: {e.job.cell.seed: self.cell(e) for e in others}
                for name, others in beside.items()
                if name != method.id
                and others[0].job.method.source.is_shipped
                and all(e.is_well for e in others)
            },
            attempts=attempts,
            source_now=source_now,
            published=tuple(published),
            seeds=tuple(seeds),
        )
