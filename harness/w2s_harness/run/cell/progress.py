"""What listeners are told of how far a run is, and what is kept in mind of its cells meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from w2s_harness.run.cell.cell_result import AnyCell, CellFailure, CellResult
from w2s_harness.run.cell.given import GivenCell
from w2s_harness.run.cell.method_cell import CELLS, RERUNS, CellRun
from w2s_harness.run.work.engine import AnyWork
from w2s_harness.run.work.results import Result
from w2s_harness.run.work.work import Failure

Log = Callable[[Mapping[str, Any]], None]


class StageProgress:
    """Tells the hooks of stages."""

    def __init__(self, hook: Any) -> None:
        self.hook = hook
        self.flops = 0.0
        """What was computed since this was made, as far as works say."""

    def begins(self, stage: str, total: int) -> None:
        """Tell of a stage."""
        self.hook.w2s_stage_start(stage=stage, total=total)

    def ends(self, work: AnyWork, outcome: Result | Failure, *, kept: bool) -> bool:
        """Tell of one unit."""
        if not kept:
            self.flops += getattr(outcome, "flops", 0.0)
        self.hook.w2s_stage_progress(stage=work.stage, unit=work.name(), cached=kept)
        return False


class CellProgress(StageProgress):
    """Tells of cells too, and stops where it is asked to."""

    def __init__(self, hook: Any, log: Log, *, stop_first: bool = False) -> None:
        super().__init__(hook)
        self.log, self.stop_first = log, stop_first
        self.outcomes: dict[str, CellResult | CellFailure] = {}
        """Of all cells, by key."""
        self.failed_rows: set[tuple[str, str]] = set()
        self._again: list[AnyCell] = []
        self._is_second = False
        self.stopped = False
        """Whether `stop_first` has ended the run."""
        self.stopped_by = ""
        """The cell that ended it, and why it failed."""

    def starts(self, real: int, counterfactual: int) -> None:
        """Tell of the stages of the cells, which go on side by side."""
        self.hook.w2s_stage_start(stage=CELLS, total=real)
        if counterfactual:
            self.hook.w2s_stage_start(stage=RERUNS, total=counterfactual)

    def begins(self, stage: str, total: int) -> None:
        """Tell of a stage of what cells need."""
        if stage not in (CELLS, RERUNS):
            super().begins(stage, total)

    def ends(self, work: AnyWork, outcome: Result | Failure, *, kept: bool) -> bool:
        """Keep and tell what came of a cell; whether to stop."""
        if not isinstance(work, CellRun | GivenCell):
            return super().ends(work, outcome, kept=kept)
        found = outcome
        if not isinstance(found, CellResult | CellFailure):
            assert isinstance(found, Failure)
            found = CellFailure(found.why, found.skipped)
        if (
            work.world is not None
            and not self._is_second
            and isinstance(found, CellFailure)
            and found.was_run
        ):
            self.log({"again": work.name(), "error": found.why})
            self._again.append(work)
            return False
        return self._settle(work, found, kept)

    def once_more(self) -> list[AnyCell]:
        """The counterfactual cells that failed, to be tried a second and last time."""
        again, self._again, self._is_second = self._again, [], True
        return again

    def _settle(self, work: AnyCell, found: CellResult | CellFailure, kept: bool) -> bool:
        told = found.told()
        name = {"cell": work.cell.id} if work.world is None else {"counterfactual": work.name()}
        self.log({**name, "cached": kept, **{k: v for k, v in told.items() if k not in ("outcomes", "seen")}})
        self.outcomes[work.key] = found
        is_failed = isinstance(found, CellFailure)
        if work.world is None:
            self.hook.w2s_cell_finish(cell=work.cell, record=told)
            if is_failed:
                self.failed_rows.add(work.row)
        self.hook.w2s_stage_progress(stage=work.stage, unit=work.name(), cached=kept)
        is_error = isinstance(found, CellFailure) and not found.skipped
        if self.stop_first and work.world is None and is_error and not self.stopped:
            first = told["error"].partition("\n")[0]
            self.stopped, self.stopped_by = True, f"{work.cell.id} failed before it: {first}"
        return self.stopped
