"""What comes of a cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from w2s_harness.jail.levels import Level
from w2s_harness.run.work.results import Result, ResultArray
from w2s_harness.run.work.setting.setting import OnHoldout
from w2s_harness.run.work.work import Failure
from w2s_harness.students.control import FitFacts

if TYPE_CHECKING:
    from w2s_harness.run.cell.given import GivenCell
    from w2s_harness.run.cell.method_cell import CellRun

RowLevel = Level | Literal["predictions-only"]
"""How a worker was locked down; of predictions that were computed elsewhere nothing ran."""


@dataclass(frozen=True, slots=True)
class CellCompute:
    """What a cell was charged, as if nothing were cached."""

    fits: int = 0
    tokens: int = 0
    flops: float = 0.0
    solves: int = 0
    steps: int = 0
    epochs: float = 0.0


@dataclass(frozen=True, slots=True)
class CellIsolation:
    """How a cell's worker was locked down."""

    asked: str
    level: RowLevel
    layers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CellSeen:
    """What the host saw of a cell's worker."""

    requests: dict[str, int] = field(default_factory=dict)
    """How often it asked, by kind of request."""
    refused: int = 0
    notices: list[str] = field(default_factory=list)
    """Events of the worker's audit hook."""
    trained: dict[str, Any] = field(default_factory=dict)
    """As `trained_on.Trained.facts`."""


@dataclass(frozen=True, eq=False)
class CellResult(Result):
    """A cell that ended well."""

    scored: OnHoldout
    compute: CellCompute
    isolation: CellIsolation
    predictions: ResultArray
    """(n_test,) P(label = 1) on the holdout."""
    fits: tuple[FitFacts, ...] = ()
    solvers: tuple[str, ...] = ()
    seen: CellSeen = CellSeen()
    output: str = ""
    """The last lines that the worker printed."""
    seconds: float = 0.0
    service_seconds: float = 0.0
    targets: ResultArray | None = None
    """What the cell's fits were told: (f, m) mean P(label = 1), NaN for rows that did not count."""
    weights: ResultArray | None = None
    """How much each row counted in them: (f, m), as `evidence.Seen.weights`."""
    trained: ResultArray | None = None
    """What the returned student was trained on: (3, m), as `trained_on.Trained.rows`."""

    def told(self) -> dict[str, Any]:
        """What listeners and the log of events are told of it."""
        known = {name: value for name, value in self.facts().items() if value is not None}
        return {**known.pop("scored"), **known, "solvers": list(self.solvers)}


@dataclass(frozen=True, slots=True)
class CellFailure(Failure):
    """A cell without predictions."""

    output: str = ""
    seconds: float | None = None
    isolation: CellIsolation | None = None
    was_run: bool = True
    """False of one that another cell's end kept from running."""

    def told(self) -> dict[str, Any]:
        """What listeners and the log of events are told of it."""
        found: dict[str, Any] = {"skipped" if self.skipped else "error": self.why}
        if self.seconds is not None:
            found |= {"output": self.output, "seconds": self.seconds}
            found["isolation"] = msgspec.to_builtins(self.isolation)
        if not self.was_run:
            found["not_run"] = True
        return found


AnyCell: TypeAlias = "CellRun | GivenCell"


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
