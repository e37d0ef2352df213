"""A cell whose predictions were computed elsewhere: scored as a method's are, and nothing of it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from w2s_harness.contract.errors import DataError
from w2s_harness.contract.plan import Cell, Plan, PlannedMethod
from w2s_harness.data.rows.texts import row_ids
from w2s_harness.run.cell.cell_result import CellCompute, CellFailure, CellIsolation, CellResult
from w2s_harness.run.cell.method_cell import CELLS
from w2s_harness.run.plan.predictions import PREDICTIONS_ONLY, Predictions, parse
from w2s_harness.run.work.results import ResultArray
from w2s_harness.run.work.setting.setting import Setting, SettingRef
from w2s_harness.run.work.work import At, Work, address

_ISOLATION = CellIsolation(PREDICTIONS_ONLY, PREDICTIONS_ONLY)


@dataclass(frozen=True, eq=False)
class GivenCell(Work[CellResult], kind=CELLS, place="host", gives=CellResult):
    """A file of predictions on one setting and seed."""

    world: ClassVar[None] = None
    access: ClassVar[tuple[str, ...]] = ()
    secret: ClassVar[str] = ""
    stage: ClassVar[str] = CELLS

    cell: Cell
    setting: SettingRef
    method: PlannedMethod

    @cached_property
    def key(self) -> str:
        """The content address of its result, made once."""
        return address(self)

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


def check(plan: Plan, settings: Sequence[Setting]) -> None:
    """Whether every file of predictions fits the plan's holdouts and seeds.

    A task of which a file names no row at all is not its business. Raises `DataError`, one line with the file
    and the line, for unknown ids, a holdout that is covered in part, and seeds that are not the plan's.
    """
    files = [method for method in plan.methods if method.is_predictions]
    holdouts = {s.task.id: frozenset(row_ids(s.test)) for s in settings} if files else {}
    for method in files:
        found = parse(method.source.code or b"", method.source.filename)
        _check_seeds(found, plan.seeds)
        _check_ids(found, holdouts)
        asked = {name for _, name in found.lines}
        for task, ids in holdouts.items():
            for seed in plan.seeds:
                missing = ids - found.of(seed).keys()
                if missing and asked & ids:
                    part = "" if None in found.by_seed else f" for seed {seed}"
                    raise DataError(
                        f"{found.name}: {len(missing)} of the {len(ids)} holdout rows of {task} have no "
                        f"prediction{part}, such as {min(missing)!r}. Add them."
                    )


def _check_seeds(found: Predictions, seeds: Sequence[int]) -> None:
    shown = ", ".join(map(str, seeds))
    for (seed, _), number in found.lines.items():
        if seed is not None and seed not in seeds:
            raise DataError(
                f"{found.name}:{number}: seed {seed} is none of the plan's ({shown}). Give --seeds as it is."
            )
    if None not in found.by_seed:
        missing = [seed for seed in seeds if seed not in found.by_seed]
        if missing:
            raise DataError(
                f"{found.name}: no prediction for seed {missing[0]} of the plan ({shown}). Add it."
            )


def _check_ids(found: Predictions, holdouts: Mapping[str, frozenset[str]]) -> None:
    known = frozenset[str]().union(*holdouts.values())
    for (_, name), number in found.lines.items():
        if name not in known:
            raise DataError(
                f"{found.name}:{number}: no holdout row of the plan has the id {name[:40]!r}. `w2s-harness "
                "export-rows` gives the ids for the same --tasks and --limit."
            )
