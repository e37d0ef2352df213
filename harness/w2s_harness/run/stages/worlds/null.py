"""The empirical null: what honest fits score where nothing can be learned.

With permuted labels and scrambled inputs in both phases, the z of an honest method should be a standard
normal. How far it is from one on this task and pair is measured, not assumed: the student service fits the
kinds of targets that honest methods send, and its predictions are scored as a method's would be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import WorkerError
from w2s_harness.contract.guards.measures import balanced_z
from w2s_harness.contract.types import World
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.run.stages.service_orders import STUDENT, OneArray, opening, reads
from w2s_harness.run.stages.teachers import Teacher
from w2s_harness.run.stages.tuning import probe_settings, tuned
from w2s_harness.run.stages.worlds.worlds import rows_of, tell
from w2s_harness.run.work.results import Result, ResultArray
from w2s_harness.run.work.setting.setting import SettingRef
from w2s_harness.run.work.work import At, SettingWork, Work, named_seed
from w2s_harness.students import control

DRAWS = 200
PARTS = 4
_CONFIDENT = 0.25
_FEW = 20


@dataclass(frozen=True)
class Null(SettingWork[OneArray], kind="null", place="student", gives=OneArray):
    """(DRAWS / PARTS,) z scores: a part of the empirical null of a setting, in the mode `probe`."""

    setting: SettingRef
    seeds: tuple[int, ...]
    """Of the plan; draws go round them."""
    part: int

    def name(self) -> str:
        """`math/tiny 1/4`."""
        return f"{self.setting.id} {self.part + 1}/{PARTS}"

    def needs(self) -> tuple[Work[Result], ...]:
        """The teachers and what the student reads."""
        teachers = [Teacher(self.setting, seed) for seed in self.seeds]
        return (*teachers, *reads(self.setting, *STUDENT), *tuned(self.setting))

    def run(self, at: At) -> OneArray:
        """Fit and score every draw."""
        count = DRAWS // PARTS
        order = opening(at, self.setting, [], [], probe=probe_settings(at, self.setting, "strong"), seed=0)
        draws = range(self.part * count, (self.part + 1) * count)
        return OneArray(ResultArray(np.array([self._draw(at, order, draw) for draw in draws])))

    def _draw(self, at: At, order: control.OpenCell, draw: int) -> float:
        ref = self.setting
        seed, setting = self.seeds[draw % len(self.seeds)], at.setting(ref)
        world = World(name="null", teacher="permuted", inputs="scrambled", draw=draw)
        told = tell(at, ref, seed, world)
        train, _ = rows_of(at, ref, "train_unlabel", told.drawn, seed, world)
        test, _ = rows_of(at, ref, "test", np.arange(len(setting.test)), seed, world)
        rows = {"train_order": wire.pack(train, "i8"), "test_order": wire.pack(test, "i8")}
        named = named_seed(ref.root_seed, ref.data, "null", draw)
        at.client.open_cell(msgspec.structs.replace(order, **rows, seed=named))
        try:
            reply = at.client.serve(_fit(told.weak, draw))
            if not isinstance(reply, wire.Handled):
                raise WorkerError(f"the student service refused a fit of the empirical null: {reply}")
            (packed,) = at.client.predict_test(reply.handle).values
        finally:
            at.client.close_cell()
        return balanced_z(wire.unpack(packed), gold_of(setting.data, "test").labels, setting.test.groups)


def _fit(weak: npt.NDArray[np.float64], draw: int) -> wire.Fit:
    """What vanilla, vanilla-hard, confident and logconf would ask for, in turn."""
    rows, targets, kind, more = np.arange(len(weak)), weak, draw % 4, dict[str, Any]()
    if kind == 1:
        targets = (weak > 0.5).astype(float)
    elif kind == 2:
        sure = np.flatnonzero(np.abs(weak - 0.5) > _CONFIDENT)
        rows = sure if len(sure) >= _FEW else rows
        targets = weak[rows]
    elif kind == 3:
        more = {"loss": "logconf", "options": {"a": 0.75}}
    return wire.Fit(wire.RowsRef("train", wire.pack(rows, "i8")), wire.pack(targets), **more)
