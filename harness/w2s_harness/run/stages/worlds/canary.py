"""The counterfactual teacher `canary`: wrong where only somebody who knows the gold could be right."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from w2s_harness.data.rows.gold import gold_of
from w2s_harness.run.stages.teachers import Ceiling
from w2s_harness.run.work.setting.setting_ref import SettingRef
from w2s_harness.run.work.work import Lookup


def canary(
    at: Lookup, ref: SettingRef, seed: int, drawn: npt.NDArray[np.int64], own: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """The weak labels (m,), wrong on every row that the ceiling gets wrong though trained on it, and where.

    :param drawn: (m,) rows of train_unlabel. :param own: (m,) the teacher's own labels.
    """
    gold = gold_of(at.setting(ref).data, "train_unlabel").labels[drawn]
    top = at.of(Ceiling(ref, seed, with_train=True)).train
    missed = np.zeros(len(gold), bool) if top is None else (top.floats[drawn] > 0.5) != gold
    return np.where(missed & ((own > 0.5) == gold), 1 - own, own), missed
