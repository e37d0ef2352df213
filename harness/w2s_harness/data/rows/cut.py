"""The holdout cut in two by question: what agents get feedback on, and what nobody is asked about."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import DataError
from w2s_harness.contract.types import SPLITS, HoldoutPart
from w2s_harness.data.rows.gold import Gold, gold_of
from w2s_harness.data.rows.texts import TaskData, Texts, fixed


def cut(data: TaskData, part: HoldoutPart, *, root: int, name: str) -> TaskData:
    """The data with only a part of its holdout; the whole questions of `feedback` and `final` are disjoint.

    The cut is named by the root seed and the data alone, so every plan on them makes the same one. Training
    splits and `digest` stay as they are: a seed trains on the same rows whatever part is scored. Raises
    `DataError` where a part would lack a class or have under two questions.
    """
    if part == "whole":
        return data
    test, gold = data.texts["test"], {split: gold_of(data, split) for split in SPLITS}
    kept = _feedback(test, root, data.digest)[test.groups] == (part == "feedback")
    labels = gold["test"].labels[kept]
    if len(np.unique(test.groups[kept])) < 2 or labels.all() or not labels.any():
        raise DataError(
            f"task {name}: the {part} half of its holdout lacks a class or has under two questions. "
            "Give it a larger holdout, or raise --limit."
        )
    texts = {**data.texts, "test": _texts(test, kept)}
    gold["test"] = _gold(gold["test"], kept)
    return TaskData(data.kind, texts, gold, data.digest, data.answers_digest, part)


def _feedback(test: Texts, root: int, digest: str) -> npt.NDArray[np.bool_]:
    """(questions,) which of them are in the feedback half."""
    names = json.dumps(["w2s-harness/holdout/1", root, digest])
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(names.encode()).digest(), "little"))
    count = int(test.groups.max()) + 1
    out = np.zeros(count, dtype=np.bool_)
    out[np.argsort(rng.random(count), kind="stable")[: count // 2]] = True
    return out


def _texts(whole: Texts, kept: npt.NDArray[np.bool_]) -> Texts:
    """The kept rows; questions are numbered anew by first appearance."""
    index = np.flatnonzero(kept)
    _, first, codes = np.unique(whole.groups[index], return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first, kind="stable"), kind="stable")
    return Texts(
        rows=tuple(whole.rows[i] for i in index),
        groups=fixed(order[codes].astype(np.int64)),
        subsets=tuple(whole.subsets[i] for i in index),
        answers=tuple(whole.answers[i] for i in index),
    )


def _gold(whole: Gold, kept: npt.NDArray[np.bool_]) -> Gold:
    votes = None if whole.votes is None else whole.votes.only(np.flatnonzero(kept))
    return Gold(fixed(whole.labels[kept]), votes)
