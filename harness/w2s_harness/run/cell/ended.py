"""A cell and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from w2s_harness.run.cell.cell_result import CellFailure, CellIsolation, CellResult
from w2s_harness.run.cell.given import GivenCell
from w2s_harness.run.cell.method_cell import CellRun

AnyCell: TypeAlias = CellRun | GivenCell


@dataclass(frozen=True, slots=True)
class Ended:
    """A cell and what came of it."""

    work: AnyCell
    outcome: CellResult | CellFailure

    @property
    def seed(self) -> int:
        """The cell's."""
        return self.work.cell.seed

    @property
    def result(self) -> CellResult | None:
        """None of a cell without predictions."""
        return self.outcome if isinstance(self.outcome, CellResult) else None

    @property
    def is_well(self) -> bool:
        """Whether it has predictions."""
        return isinstance(self.outcome, CellResult)

    @property
    def well(self) -> CellResult:
        """The result of a cell that ended well."""
        assert isinstance(self.outcome, CellResult)
        return self.outcome

    @property
    def error(self) -> str | None:
        """Why it failed."""
        found = self.outcome
        return found.why if isinstance(found, CellFailure) and not found.skipped else None

    @property
    def skipped(self) -> str | None:
        """Why it was skipped."""
        found = self.outcome
        return found.why if isinstance(found, CellFailure) and found.skipped else None

    @property
    def isolation(self) -> CellIsolation | None:
        """How its worker was locked down; None where none was started."""
        return self.outcome.isolation
