"""Weak floor, weak labels and ceiling: what every method of a setting shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.types import Split
from w2s_harness.contract.worker.wire.messages import unpack
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.run.stages.service_orders import STUDENT, Role, reads, training
from w2s_harness.run.stages.tuning import Fits, probe_settings, tuned
from w2s_harness.run.work.results import Result, ResultArray
from w2s_harness.run.work.setting.setting import OnHoldout, SettingRef
from w2s_harness.run.work.work import At, Lookup, SettingWork, Work, named_seed
from w2s_harness.scoring.points import accuracy, agreement, outcomes
from w2s_harness.students import control

Floats = npt.NDArray[np.float64]

OTHER_TEACHER = 2**31 - 1
"""The seed whose teacher stands in for another one; no plan's default seeds reach it."""


@dataclass(frozen=True, eq=False)
class WeakFloor(Result):
    """A seed's teacher."""

    scored: OnHoldout
    """On the holdout."""
    n_cut: int
    weak_label_acc: float
    flops: float
    labels: ResultArray
    """(n_train_unlabel,) P(label = 1): the weak labels."""
    holdout: ResultArray
    """(n_test,) P(label = 1)."""


@dataclass(frozen=True, eq=False)
class Top(Result):
    """A seed's ceiling."""

    scored: OnHoldout
    n_cut: int
    flops: float
    train: ResultArray | None
    """(n_train_unlabel,) P(label = 1) on the rows that it was trained on."""


@dataclass(frozen=True)
class Teacher(SettingWork[WeakFloor], kind="weak", place="gold", gives=WeakFloor):
    """The weak model, trained on a seed's draw of gold."""

    setting: SettingRef
    seed: int

    def needs(self) -> tuple[Work[Result], ...]:
        """The weak model's features and settings."""
        weak: list[tuple[Role, Split]] = [("weak", s) for s in ("train_label", "train_unlabel", "test")]
        return (*reads(self.setting, *weak), *tuned(self.setting))

    def run(self, at: At) -> WeakFloor:
        """Train, label train_unlabel and predict the holdout."""
        (labels, holdout), found = _on_gold(
            at, self.setting, "weak", "train_label", self.seed, ["train_unlabel", "test"]
        )
        setting = at.setting(self.setting)
        gold = gold_of(setting.data, "train_unlabel")
        return WeakFloor(
            scored=setting.scored(holdout),
            n_cut=found.n_cut,
            weak_label_acc=accuracy(agreement(outcomes(labels, gold.labels), gold.largest)),
            flops=found.meter.flops,
            labels=ResultArray(labels),
            holdout=ResultArray(holdout),
        )


@dataclass(frozen=True)
class Ceiling(SettingWork[Top], kind="ceiling", place="gold", gives=Top):
    """The strong model, trained on a seed's draw of gold."""

    setting: SettingRef
    seed: int
    with_train: bool = False
    """Whether counterfactual cells may ask where it errs on train_unlabel."""

    def needs(self) -> tuple[Work[Result], ...]:
        """The strong model's features and settings."""
        return (*reads(self.setting, *STUDENT), *tuned(self.setting))

    def run(self, at: At) -> Top:
        """Train and predict."""
        predict: list[Split] = ["test", "train_unlabel"] if self.with_train else ["test"]
        (top, *own), found = _on_gold(at, self.setting, "ceiling", "train_unlabel", self.seed, predict)
        return Top(
            scored=at.setting(self.setting).scored(top),
            n_cut=found.n_cut,
            flops=found.meter.flops,
            train=ResultArray(own[0]) if own else None,
        )


def _on_gold(
    at: At, ref: SettingRef, fits: Fits, split: Split, seed: int, predict: list[Split]
) -> tuple[list[Floats], control.PredictedRows]:
    """Train on a seed's draw of gold, soft in a judged task, and predict whole splits."""
    setting = at.setting(ref)
    index = setting.draw(split, seed)
    role: Role = "weak" if fits == "weak" else "strong"
    asked = training(
        at, ref, role, split, index, gold_of(setting.data, split).targets[index], predict,
        probe=probe_settings(at, ref, fits), seed=named_seed(ref.root_seed, ref.data, role, seed),
    )  # fmt: skip
    found = at.client.fit_predict(asked)
    return [np.asarray(unpack(values), np.float64) for values in found.values], found


def weak_labels(at: Lookup, ref: SettingRef, seed: int) -> Floats:
    """(m,) the teacher's own labels of the rows that the seed trains on."""
    drawn = at.setting(ref).draw("train_unlabel", seed)
    return at.of(Teacher(ref, seed)).labels.floats[drawn]


def canary(
    at: Lookup, ref: SettingRef, seed: int, drawn: npt.NDArray[np.int64], own: Floats
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """The counterfactual teacher `canary`: wrong where only somebody who knows the gold could be right.

    The weak labels (m,), wrong on every row that the ceiling gets wrong though trained on it, and where.

    :param drawn: (m,) rows of train_unlabel. :param own: (m,) the teacher's own labels.
    """
    gold = gold_of(at.setting(ref).data, "train_unlabel").labels[drawn]
    top = at.of(Ceiling(ref, seed, with_train=True)).train
    missed = np.zeros(len(gold), bool) if top is None else (top.floats[drawn] > 0.5) != gold
    return np.where(missed & ((own > 0.5) == gold), 1 - own, own), missed
