"""What a worker is sent of a task's rows: rebuilt, column by column, from what is allowed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.access import columns_of
from w2s_harness.contract.errors import WorkerError
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.data.rows.texts import Texts

TEXTS = frozenset(TextRow.__struct_fields__)
MAX_CONFLICTS = 2**21
"""Pairs; half of what a message holds."""

Codes = npt.NDArray[np.int64]


def released(split: Texts, order: Codes, access: tuple[str, ...], columns: frozenset[str]) -> wire.Released:
    """What a worker is sent of the rows `order` (n,) of `split`, in that order.

    :param access: what the method was granted; without one that opens columns it is sent their number alone.
    :param columns: what guards let through.

    Raises `WorkerError` where more than `MAX_CONFLICTS` pairs of rows exclude each other.
    """
    opened = columns_of(access) & columns
    codes = _by_appearance(split.groups[order])
    groups, conflicts, texts = None, None, None
    if "group" in opened:
        groups = wire.pack(codes, "i8")
    if "conflicts" in opened:
        conflicts = wire.pack(_conflicts(codes, _answers(split, order)), "i8")
    if opened & TEXTS:
        texts = tuple(split.rows[i].showing(opened) for i in order)
    return wire.Released(len(order), groups=groups, conflicts=conflicts, texts=texts)


def _by_appearance(groups: Codes) -> Codes:
    """`groups` (n,) recoded 0, 1, ... by first appearance, so that codes tell nothing of the task's order."""
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[inverse]


def _answers(split: Texts, order: Codes) -> Codes:
    """(n,) code of each row's answer, -1 where it has none."""
    codes: dict[str, int] = {}
    found = (split.answers[i] for i in order)
    return np.array([codes.setdefault(a, len(codes)) if a else -1 for a in found], np.int64)


def _conflicts(groups: Codes, answers: Codes) -> Codes:
    """(k, 2) positions a < b of one question whose answers are known and differ, sorted."""
    known = np.flatnonzero(answers >= 0)
    known = known[np.argsort(groups[known], kind="stable")]
    question, answer = groups[known], answers[known]
    _check_count(question, answer)
    pairs, left, ahead = [np.empty((0, 2), np.int64)], np.arange(len(known)), 0
    while len(left):
        ahead += 1
        left = left[left + ahead < len(known)]
        left = left[question[left] == question[left + ahead]]
        here = left[answer[left] != answer[left + ahead]]
        pairs.append(np.column_stack([known[here], known[here + ahead]]))
    found = np.concatenate(pairs)
    return found[np.lexsort((found[:, 1], found[:, 0]))]


def _check_count(question: Codes, answer: Codes) -> None:
    of_question = np.unique(question, return_counts=True)[1]
    alike = np.unique(np.column_stack([question, answer]), axis=0, return_counts=True)[1]
    count = (int((of_question**2).sum()) - int((alike**2).sum())) // 2
    if count > MAX_CONFLICTS:
        raise WorkerError(
            f"{count} pairs of rows have answers that exclude each other; at most {MAX_CONFLICTS} can be "
            "released. Use --limit, or a method without the access groups."
        )
