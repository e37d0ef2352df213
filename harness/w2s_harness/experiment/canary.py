"""The labels of a canary's teacher, the one world that is made from gold."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from w2s_harness.data.gold import gold_of
from w2s_harness.experiment.keys import Keys
from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.store import Store

Floats = npt.NDArray[np.float64]


def canary(
    store: Store, setting: Setting, seed: int, drawn: npt.NDArray[np.int64], own: Floats
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """(m,) labels that are wrong on every row that the ceiling gets wrong, though trained on its gold; where.

    :param drawn: (m,) rows of train_unlabel. :param own: (m,) the real weak labels.
    """
    gold = gold_of(setting.data, "train_unlabel").labels[drawn]
    top = store.array(Keys(setting).ceiling_train(seed))
    missed = np.zeros(len(gold), bool) if top is None else (top[drawn] > 0.5) != gold
    return np.where(missed & ((own > 0.5) == gold), 1 - own, own), missed
