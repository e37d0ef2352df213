"""What is known of a method on one task and pair, as a dossier shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from w2s_harness.contract.plan.plan import PlannedMethod, Value
from w2s_harness.report.document.document import Row, Setting
from w2s_studies.review.measured.nearest import Nearest
from w2s_studies.review.measured.standing import Overlap, Subset
from w2s_studies.review.measured.treatment import Treatment


@dataclass(frozen=True, slots=True)
class Ablation:
    """The method with one parameter back at its default."""

    parameter: str
    value: Value
    default: Value
    row: Row


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """One kind of counterfactual cell, over its draws and seeds."""

    name: str
    teacher: str
    inputs: str
    cells: int
    accuracy: float
    """On the holdout, mean over the cells."""
    agreement: float
    """With the real cells of the same seeds, mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A method on one task and pair."""

    setting: Setting
    row: Row
    vanilla: Row | None
    ablations: Sequence[Ablation] = ()
    treatment: Treatment | None = None
    """None where no cell ended well, or no fit was seen."""
    unseen: Sequence[str] = ()
    """What of its training could not be seen, a sentence each."""
    beside: Sequence[Overlap] = ()
    subsets: Sequence[Subset] = ()
    counterfactuals: Sequence[Counterfactual] = ()
    failed_worlds: int = 0
    """Counterfactual cells that did not end well."""
    seconds: float = 0.0
    """Of its real cells, summed."""
    service_seconds: float = 0.0
    """Of these, in the student service."""
    vanilla_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a dossier is made from."""

    method: PlannedMethod
    asked: str
    """The method as the reviewer named it."""
    source: str
    """The text of its module."""
    other_files: Mapping[str, int]
    """Its distribution's other files, and their bytes."""
    lines: int
    """Lines of code."""
    nearest: Nearest | None
    places: Sequence[Place]
    command: str
    """What runs the same again."""
