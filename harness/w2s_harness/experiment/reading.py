"""How a student service reads a setting: model, split and training settings of a role."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from w2s_harness.experiment.keys import Keys, Role
from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.store import Store
from w2s_harness.models import control
from w2s_harness.plan import PlannedMethod
from w2s_harness.types import Model, Split
from w2s_harness.wire.messages import Array
from w2s_harness.wire.messages import pack as wire_pack


def model_of(setting: Setting, role: Role) -> Model:
    """The model that plays a role."""
    return setting.pair.weak if role == "weak" else setting.pair.strong


def split_ref(store: Store, setting: Setting, role: Role, split: Split) -> control.SplitRef:
    """A split as a service reads it: texts, and in probe mode the features that were extracted."""
    rows = setting.data.texts[split].rows
    if setting.pair.mode != "probe":
        return control.SplitRef(rows=rows)
    keys = Keys(setting)
    files = {part: store.path(keys.features(role, split, part)) for part in ("features", "likelihoods")}
    tokens = store.array(keys.features(role, split, "tokens"))
    if tokens is None or None in files.values():
        return control.SplitRef(rows=rows)
    return control.SplitRef(
        rows=rows, tokens=wire_pack(tokens, "i8"), **{part: str(path) for part, path in files.items()}
    )


def trains_by_steps(method: PlannedMethod) -> bool:
    """Whether a method may use the solver `path`; of others' methods it is not known before they run."""
    return not method.source.is_shipped or method.by_steps


def probe_settings(
    store: Store, setting: Setting, role: Role | Literal["ceiling"], *, by_steps: bool = False
) -> control.ProbeSettings:
    """The probe's settings that cross-validation chose; `by_steps`: those of the solver `path` too.

    The ceiling is the strong student with a C of its own.

    Without it they are left at their defaults, whatever another plan has left in the store.
    """
    chosen = store.get(Keys(setting).tune()) if setting.pair.mode == "probe" else None
    if chosen is None:
        return control.ProbeSettings()
    path = store.get(Keys(setting).path()) if by_steps else None
    return control.ProbeSettings(c=chosen[role]["c"], **(path or {}))


def finetune_settings(setting: Setting, role: Role) -> control.FinetuneSettings:
    """The pair's own settings, the teacher's where they differ."""
    own = dict(setting.pair.finetune)
    if role == "weak":
        own |= dict(setting.pair.weak_finetune)
    return msgspec.convert(own, control.FinetuneSettings)


def all_rows(n: int) -> Array:
    """The index of every row of a split."""
    return wire_pack(np.arange(n), "i8")
