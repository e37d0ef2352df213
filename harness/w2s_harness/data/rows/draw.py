"""What a seed means: a random share of a split's questions."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import DataError
from w2s_harness.contract.types import Split
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.data.rows.texts import TaskData

_ATTEMPTS = 1000


def draw(
    data: TaskData, split: Split, *, root: int, seed: int, name: str, fraction: float = 0.8
) -> npt.NDArray[np.int64]:
    """(m,) sorted row numbers of a random `fraction` of the split's questions, whole questions only.

    The draw is named by (root, seed, name) and the same wherever it is asked for. A draw without both
    classes is drawn again, since nothing can be trained on it. Raises `DataError` where no draw of a
    thousand holds both; `ValueError` for a fraction outside (0, 1].
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"a fraction of {fraction} is not in (0, 1]")
    rng = np.random.default_rng(_entropy(root, seed, name))
    groups, gold = data.texts[split].groups, gold_of(data, split).labels
    n_groups = int(groups.max()) + 1
    count = max(1, round(fraction * n_groups))
    for _ in range(_ATTEMPTS):
        # sorted uniforms, not Generator.permutation, whose stream may change between numpy versions
        taken = np.zeros(n_groups, dtype=np.bool_)
        taken[np.argsort(rng.random(n_groups), kind="stable")[:count]] = True
        index = np.flatnonzero(taken[groups]).astype(np.int64)
        labels = gold[index]
        if labels.any() and not labels.all():
            return index
    what = f"no draw of {count} of the {n_groups} questions holds both classes"
    raise DataError(f"split {name}: {what}. Add rows of the rarer class, or raise --limit.")


def _entropy(root: int, seed: int, name: str) -> int:
    names = json.dumps(["w2s-harness/draw/1", root, seed, name])
    return int.from_bytes(hashlib.sha256(names.encode()).digest(), "little")
