"""The choice of C, epochs and learning rate: by 5-fold log loss, once per setting and solver.

The student's are chosen against weak labels of a teacher on all of train_label, so they depend on no seed of
the plan, and no method gets gold for selection; by the one-standard-error rule. Teacher and ceiling are
chosen against their own gold labels, each at its best.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from w2s_harness.data.gold import gold_of
from w2s_harness.experiment.keys import Keys, Role
from w2s_harness.experiment.reading import all_rows, model_of, split_ref
from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.store import Store
from w2s_harness.models import control
from w2s_harness.models.client import ServiceClient
from w2s_harness.models.selection import Rule
from w2s_harness.types import Split
from w2s_harness.wire.messages import pack, unpack


def tune(client: ServiceClient, setting: Setting, store: Store) -> dict[str, Any]:
    """Choose C of teacher and ceiling (against gold) and of the student (against weak labels); keep them."""
    label, unlabel = (gold_of(setting.data, split).targets for split in ("train_label", "train_unlabel"))
    teacher = client.tune(_order(store, setting, "weak", "train_label", label))
    weak = _weak_labels(client, setting, store, teacher.settings["c"])
    student = client.tune(_order(store, setting, "strong", "train_unlabel", weak, rule="one-se"))
    top = client.tune(_order(store, setting, "strong", "train_unlabel", unlabel))
    chosen = {
        "weak": teacher.settings,
        "strong": student.settings,
        "ceiling": top.settings,
        "grid": {"C": [point["c"] for point, _ in student.grid]},
        "log_loss": [loss for _, loss in student.grid],
    }
    store.put(Keys(setting).tune(), chosen)
    return chosen


def tune_path(client: ServiceClient, setting: Setting, store: Store) -> None:
    """Choose the student's epochs and learning rate under the solver `path`, and keep them."""
    # Units of one stage run side by side; this one needs its neighbour's answer.
    chosen = store.get(Keys(setting).tune()) or tune(client, setting, store)
    weak = _weak_labels(client, setting, store, chosen["weak"]["c"])
    found = client.tune(
        _order(
            store,
            setting,
            "strong",
            "train_unlabel",
            weak,
            solver="path",
            c=chosen["strong"]["c"],
            rule="one-se",
        )
    )
    store.put(Keys(setting).path(), found.settings)


def _order(
    store: Store,
    setting: Setting,
    role: Role,
    split: Split,
    targets: npt.NDArray[np.float64],
    *,
    solver: control.Solver = "exact",
    c: float = 0.1,
    rule: Rule = "least",
) -> control.Tune:
    groups = setting.data.texts[split].groups
    return control.Tune(
        model=model_of(setting, role),
        kind=setting.data.kind,
        split=split_ref(store, setting, role, split),
        index=all_rows(len(targets)),
        targets=pack(targets),
        groups=pack(groups, "i8"),
        solver=solver,
        c=c,
        rule=rule,
    )


def _weak_labels(client: ServiceClient, setting: Setting, store: Store, c: float) -> npt.NDArray[np.float64]:
    """(n_train_unlabel,) P(label = 1) by a teacher on all of train_label."""
    targets = gold_of(setting.data, "train_label").targets
    found = client.fit_predict(
        control.FitPredict(
            model=model_of(setting, "weak"),
            mode="probe",
            kind=setting.data.kind,
            train=split_ref(store, setting, "weak", "train_label"),
            index=all_rows(len(targets)),
            targets=pack(targets),
            predict=(
                (
                    split_ref(store, setting, "weak", "train_unlabel"),
                    all_rows(len(setting.data.texts["train_unlabel"])),
                ),
            ),
            probe=control.ProbeSettings(c=c),
        )
    )
    return np.asarray(unpack(found.values[0]), np.float64)
