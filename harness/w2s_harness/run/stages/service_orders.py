"""What a student service is asked: model, splits and training settings of a role, from what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.contract.types import Model, Split
from w2s_harness.contract.worker.wire.messages import Array, pack
from w2s_harness.run.stages.features import Features, Role
from w2s_harness.run.work.setting.setting import Setting
from w2s_harness.run.work.setting.setting_ref import SettingRef
from w2s_harness.run.work.work import Lookup
from w2s_harness.students import control


def model_of(setting: Setting, role: Role) -> Model:
    """The model that plays a role."""
    return setting.pair.weak if role == "weak" else setting.pair.strong


def split_ref(
    at: Lookup, ref: SettingRef, role: Role, split: Split, *, texts: bool = True
) -> control.SplitRef:
    """A split as a service reads it: its texts, and in probe mode its features.

    Without `texts` those are left out where the features do.
    """
    rows = at.setting(ref).data.texts[split].rows
    if ref.mode != "probe":
        return control.SplitRef(rows=rows)
    found = at.of(Features(ref, role, split))
    return control.SplitRef(
        rows=rows if texts else (),
        features=str(found.features.path()),
        likelihoods=str(found.likelihoods.path()),
        tokens=pack(found.tokens.values, "i8"),
    )


def finetune_settings(setting: Setting, role: Role) -> control.FinetuneSettings:
    """The pair's own settings, the teacher's where they differ."""
    own = dict(setting.pair.finetune)
    if role == "weak":
        own |= dict(setting.pair.weak_finetune)
    return msgspec.convert(own, control.FinetuneSettings)


def training(
    at: Lookup,
    ref: SettingRef,
    role: Role,
    split: Split,
    index: npt.ArrayLike,
    targets: npt.ArrayLike,
    predict: Sequence[Split],
    *,
    probe: control.ProbeSettings,
    seed: int = 0,
) -> control.FitPredict:
    """Train on rows `index` (m,) of a split with `targets` (m,) in [0, 1], and predict whole splits."""
    setting = at.setting(ref)
    return control.FitPredict(
        model_of(setting, role),
        setting.pair.mode,
        setting.data.kind,
        split_ref(at, ref, role, split),
        pack(np.asarray(index), "i8"),
        pack(np.asarray(targets)),
        tuple((split_ref(at, ref, role, name), all_rows(len(setting.data.texts[name]))) for name in predict),
        probe=probe,
        finetune=finetune_settings(setting, role),
        seed=seed,
    )


def opening(
    at: Lookup,
    ref: SettingRef,
    train: npt.ArrayLike,
    test: npt.ArrayLike,
    *,
    probe: control.ProbeSettings,
    seed: int,
    texts: bool = False,
    **more: Any,
) -> control.OpenCell:
    """A cell of the strong student: the rows `train` (m,) of train_unlabel and `test` (k,) of the holdout.

    :param texts: whether the service is sent the texts where features do. :param more: further fields of the
    message.
    """
    setting = at.setting(ref)
    is_probe = ref.mode == "probe"
    return control.OpenCell(
        model=model_of(setting, "strong"),
        mode=setting.pair.mode,
        kind=setting.data.kind,
        train=split_ref(at, ref, "strong", "train_unlabel", texts=texts),
        train_order=pack(np.asarray(train), "i8"),
        test=split_ref(at, ref, "strong", "test", texts=texts),
        test_order=pack(np.asarray(test), "i8"),
        seed=seed,
        probe=probe,
        finetune=finetune_settings(setting, "strong"),
        shape=at.of(Features(ref, "strong", "train_unlabel")).shape if is_probe else None,
        **more,
    )


def all_rows(n: int) -> Array:
    """The index of every row of a split."""
    return pack(np.arange(n), "i8")
