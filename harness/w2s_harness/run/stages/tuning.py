"""The choice of C, epochs and learning rate: by 5-fold log loss, once per setting and solver.

The student's are chosen against weak labels of a teacher on all of train_label, so they depend on no seed of
the plan, and no method gets gold for selection; by the one-standard-error rule. Teacher and ceiling are
chosen against their own gold labels, each at its best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.types import Split
from w2s_harness.contract.worker.wire.messages import pack, unpack
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.run.stages.service_orders import READS, Role, all_rows, model_of, reads, split_ref, training
from w2s_harness.run.work.results import Result
from w2s_harness.run.work.setting.setting import SettingRef
from w2s_harness.run.work.work import At, Lookup, SettingWork, Work
from w2s_harness.students import control

Fits = Literal["weak", "strong", "ceiling"]
"""Whose settings a fit has: the ceiling is the strong student with a C of its own."""


@dataclass(frozen=True, eq=False)
class Chosen(Result):
    """The settings of teacher, student and ceiling, and how the student's was chosen."""

    weak: dict[str, float]
    strong: dict[str, float]
    ceiling: dict[str, float]
    grid: dict[str, list[float]]
    log_loss: list[float]

    def c(self, fits: Fits) -> float:
        """The chosen C."""
        found: dict[str, float] = getattr(self, fits)
        return found["c"]


@dataclass(frozen=True, eq=False)
class ChosenPath(Result):
    """How long and how fast the student trains by steps."""

    epochs: float
    lr: float


@dataclass(frozen=True)
class Tune(SettingWork[Chosen], kind="tune", place="gold", gives=Chosen):
    """The choice of C."""

    setting: SettingRef

    def name(self) -> str:
        """`math/tiny C`."""
        return f"{self.setting.id} C"

    def needs(self) -> tuple[Work[Result], ...]:
        """The features of what is trained on."""
        return reads(self.setting, *(read for read in READS if read[1] != "test"))

    def run(self, at: At) -> Chosen:
        """C of teacher and ceiling against gold, of the student against weak labels."""
        ref, data = self.setting, at.setting(self.setting).data
        teacher = _tuned(at, ref, "weak", "train_label", gold_of(data, "train_label").targets)
        weak = _weak_labels_of_all(at, ref, teacher.settings["c"])
        student = _tuned(at, ref, "strong", "train_unlabel", weak, rule="one-se")
        top = _tuned(at, ref, "strong", "train_unlabel", gold_of(data, "train_unlabel").targets)
        return Chosen(
            weak=teacher.settings,
            strong=student.settings,
            ceiling=top.settings,
            grid={"C": [point["c"] for point, _ in student.grid]},
            log_loss=[loss for _, loss in student.grid],
        )


@dataclass(frozen=True)
class TunePath(SettingWork[ChosenPath], kind="tune", place="gold", gives=ChosenPath):
    """The choice of the student's epochs and learning rate under the solver `path`."""

    setting: SettingRef

    def name(self) -> str:
        """`math/tiny path`."""
        return f"{self.setting.id} path"

    def needs(self) -> tuple[Work[Result], ...]:
        """The choice of C too."""
        return (Tune(self.setting), *Tune(self.setting).needs())

    def run(self, at: At) -> ChosenPath:
        """Against the same weak labels, at the C that was chosen."""
        ref, chosen = self.setting, at.of(Tune(self.setting))
        weak = _weak_labels_of_all(at, ref, chosen.c("weak"))
        how: dict[str, Any] = {"solver": "path", "c": chosen.c("strong"), "rule": "one-se"}
        return ChosenPath(**_tuned(at, ref, "strong", "train_unlabel", weak, **how).settings)


def _tuned(
    at: At, ref: SettingRef, role: Role, split: Split, targets: npt.NDArray[np.float64], **how: Any
) -> control.Tuned:
    """What a service chooses for a whole split with targets (n,); `how`: further fields of the order."""
    setting = at.setting(ref)
    order = control.TuneProbe(
        model=model_of(setting, role),
        kind=setting.data.kind,
        split=split_ref(at, ref, role, split),
        index=all_rows(len(targets)),
        targets=pack(targets),
        groups=pack(setting.data.texts[split].groups, "i8"),
        **how,
    )
    return at.client.tune(order)


def _weak_labels_of_all(at: At, ref: SettingRef, c: float) -> npt.NDArray[np.float64]:
    """(n_train_unlabel,) P(label = 1) by a teacher on all of train_label."""
    label = gold_of(at.setting(ref).data, "train_label").targets
    asked = training(
        at, ref, "weak", "train_label", np.arange(len(label)), label, ["train_unlabel"],
        probe=control.ProbeSettings(c=c),
    )  # fmt: skip
    return np.asarray(unpack(at.client.fit_predict(asked).values[0]), np.float64)


def probe_settings(
    at: Lookup, ref: SettingRef, fits: Fits, *, by_steps: bool = False
) -> control.ProbeSettings:
    """The probe's settings that cross-validation chose; `by_steps`: those of the solver `path` too."""
    if ref.mode != "probe":
        return control.ProbeSettings()
    c = at.of(Tune(ref)).c(fits)
    if not by_steps:
        return control.ProbeSettings(c=c)
    path = at.of(TunePath(ref))
    return control.ProbeSettings(c=c, epochs=path.epochs, lr=path.lr)


def tuned(ref: SettingRef, *, by_steps: bool = False) -> tuple[Work[Result], ...]:
    """What `probe_settings` needs; nothing where models are fine-tuned."""
    if ref.mode != "probe":
        return ()
    return (Tune(ref), TunePath(ref)) if by_steps else (Tune(ref),)
