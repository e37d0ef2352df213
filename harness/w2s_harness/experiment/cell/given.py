"""A cell whose predictions were computed elsewhere: scored as a method's are, and nothing of it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from w2s_harness.data.release import row_ids
from w2s_harness.experiment.cell.result import CellCompute, CellFailure, CellIsolation, CellResult
from w2s_harness.experiment.cell.run import CELLS
from w2s_harness.experiment.predictions import PREDICTIONS_ONLY, parse
from w2s_harness.experiment.setting_ref import SettingRef
from w2s_harness.experiment.work.result import Result, ResultArray
from w2s_harness.experiment.work.work import At, Place, Work, address
from w2s_harness.plan import Cell, PlannedMethod

_ISOLATION = CellIsolation(PREDICTIONS_ONLY, PREDICTIONS_ONLY)


@dataclass(frozen=True, eq=False)
class GivenCell(Work[CellResult]):
    """A file of predictions on one setting and seed."""

    kind: ClassVar[str] = CELLS
    place: ClassVar[Place] = "host"
    gives: ClassVar[type[Result]] = CellResult
    world: ClassVar[None] = None
    access: ClassVar[tuple[str, ...]] = ()
    secret: ClassVar[str] = ""
    stage: ClassVar[str] = CELLS

    cell: Cell
    setting: SettingRef
    method: PlannedMethod
    _key: list[str] = field(default_factory=list, repr=False)

    @property
    def key(self) -> str:
        """The content address of its result, made once."""
        if not self._key:
            self._key.append(address(self))
        return self._key[0]

    @property
    def row(self) -> tuple[str, str]:
        """Which row of the leaderboard it belongs to."""
        return self.setting.id, self.method.id

    def name(self) -> str:
        """The cell's id."""
        return self.cell.id

    def inputs(self) -> Any:
        """The setting, the seed and the file's bytes."""
        return [self.setting.identity, self.cell.id, self.method.source.sha256, self.method.source.filename]

    def run(self, at: At) -> CellResult | CellFailure:
        """Score them; of a holdout that the file says nothing of it is skipped."""
        source, setting = self.method.source, at.setting(self.setting)
        given = parse(source.code or b"", source.filename).of(self.cell.seed)
        ids = row_ids(setting.test)
        if not any(name in given for name in ids):
            why = f"{source.filename} holds no prediction for this holdout"
            return CellFailure(why, skipped=True, isolation=_ISOLATION)
        values = np.array([given[name] for name in ids])
        return CellResult(setting.scored(values), CellCompute(), _ISOLATION, predictions=ResultArray(values))
