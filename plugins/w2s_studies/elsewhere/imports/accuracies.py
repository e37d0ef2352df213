"""What every reader of foreign results hands on: accuracies by seed, and nothing of any holdout row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SAME = 1e-12
"""Two numbers of full precision that are closer are the same."""
BySeed = Mapping[int, float]
"""Accuracy on the whole holdout, by seed; at least one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRow:
    """One method on one setting."""

    method: str
    transfer: BySeed
    baselines: tuple[float, float] | None = None
    """(weak, ceiling) that its files record; None where they record none."""
    subsets: Mapping[str, float] = field(default_factory=dict)
    """Mean accuracy on marked parts of the holdout, as far as every seed has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedSetting:
    """One data set with one teacher and one student: what all its rows share."""

    task: str
    pair: str
    weak: BySeed
    """The weak floor by baseline seed; empty where only the rows record it."""
    ceiling: BySeed
    n_rows: int | None
    """Holdout rows; None where nobody says."""
    rows: Sequence[ImportedRow]
    reference: str
    """The row that is vanilla, by method."""
    weak_model: str = "unknown"
    strong_model: str = "unknown"
    weak_label_acc: float | None = None
    """The teacher on train_unlabel, mean over the baseline seeds."""
    epochs: float | None = None
    lr: float | None = None
    solver: str = "unknown"
    subset_rows: Mapping[str, int] = field(default_factory=dict)
    """Rows of the marked parts."""
    subset_ceilings: Mapping[str, float] = field(default_factory=dict)
    """Mean ceiling on them."""

    @property
    def id(self) -> str:
        """`task/pair`."""
        return f"{self.task}/{self.pair}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """All that was read from a folder."""

    form: str
    """The name of its format."""
    settings: Sequence[ImportedSetting]
    files: Mapping[str, str]
    """SHA-256 of every file that was read, by its path in the folder."""
    mismatches: Sequence[str] = ()
    """A line for each file that contradicts itself or another one."""


def differs(a: float, b: float) -> bool:
    """Whether two numbers of full precision are not the same."""
    return abs(a - b) > SAME
