"""One file of the published per-seed results: its types, and what of it contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from w2s_harness.report.notation import printable
from w2s_studies.elsewhere.imports.leaderboard import SAME

Accuracy = Annotated[float, Meta(ge=0, le=1)]
_MOST = 2**53
Count = Annotated[int, Meta(ge=0, le=_MOST)]
Rows = Annotated[int, Meta(ge=1, le=_MOST)]
_FULL_DIGITS = 12
"""Decimals from which a number counts as written in full."""


class Evaluated(msgspec.Struct, frozen=True, kw_only=True):
    """A prediction of the holdout, or of a marked part of it."""

    accuracy: Accuracy
    correct: Count | None = None
    total: Rows | None = None
    pred_distribution: dict[str, Count] = {}
    per_subset: dict[str, Evaluated] = {}

    def contradictions(self, where: str) -> Iterator[str]:
        """What its numbers say against each other."""
        if self.total is None:
            return
        if self.correct is not None and not agrees(self.accuracy, self.correct / self.total):
            yield f"{where}accuracy {self.accuracy!r} is not {self.correct} of {self.total}"
        shared = sum(self.pred_distribution.values())
        if self.pred_distribution and shared != self.total:
            yield f"{where}predictions of {shared} rows where there are {self.total}"
        for name, part in sorted(self.per_subset.items()):
            yield from part.contradictions(f"{where}{printable(name)}: ")
        counted = [part.correct for part in self.per_subset.values() if part.correct is not None]
        is_whole = bool(counted) and len(counted) == len(self.per_subset)
        if self.correct is not None and is_whole and sum(counted) != self.correct:
            yield f"{where}{self.correct} rows right, but {sum(counted)} over its subsets"


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """What one of weak, ceiling and strong came to."""

    final_eval: Evaluated


class SplitSizes(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes of the splits."""

    test_samples: Rows


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What every file holds. Fields that are not named here are left aside."""

    dataset_name: str
    seed: int
    idea_name: str | None = None
    weak_model: str | None = None
    strong_model: str | None = None
    hyperparam_config_key: str | None = None
    config: dict[str, Any] = {}
    detailed_eval: dict[str, Role] = {}
    step1_data_loading: SplitSizes | None = None
    epochs: float | None = None
    lr: float | None = None

    @property
    def n_rows(self) -> int | None:
        """Holdout rows, where the file says."""
        if self.step1_data_loading is not None:
            return self.step1_data_loading.test_samples
        totals = (role.final_eval.total for role in self.detailed_eval.values())
        return next((total for total in totals if total is not None), None)


class WeakFile(Recorded, frozen=True, kw_only=True):
    """A teacher."""

    weak_acc: Accuracy
    hard_label_acc: Accuracy | None = None


class CeilingFile(Recorded, frozen=True, kw_only=True):
    """A student trained on gold."""

    strong_acc: Accuracy


class RunFile(Recorded, frozen=True, kw_only=True):
    """A method."""

    transfer_acc: Accuracy
    pgr: float | None = None
    weak_acc: Accuracy | None = None
    strong_acc: Accuracy | None = None
    fixed_weak_baseline: Accuracy | None = None
    fixed_strong_baseline: Accuracy | None = None

    @property
    def baselines(self) -> tuple[float, float] | None:
        """(weak, ceiling) as recorded, where both are."""
        if self.fixed_weak_baseline is None or self.fixed_strong_baseline is None:
            return None
        return self.fixed_weak_baseline, self.fixed_strong_baseline

    def contradictions(self) -> Iterator[str]:
        """What its evaluation says against `transfer_acc`, and its parts against each other."""
        role = self.detailed_eval.get("strong")
        if role is None:
            return
        if not agrees(self.transfer_acc, role.final_eval.accuracy):
            yield f"transfer_acc {self.transfer_acc!r}, but evaluated to {role.final_eval.accuracy!r}"
        yield from role.final_eval.contradictions("")


Kind = TypeVar("Kind", bound=Recorded)


def agrees(recorded: float, computed: float) -> bool:
    """Whether a recorded number is the computed one: to `SAME` in full, else to the digits it has."""
    exponent = Decimal(repr(recorded)).as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) else 0
    slack = 0.0 if digits >= _FULL_DIGITS else 0.5 * 10.0**-digits
    return abs(recorded - computed) <= slack + SAME
