"""What of a task's data is no secret of the host's: its texts. A release is built from nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.contract.kinds import KindName
from w2s_harness.contract.types import HoldoutPart, Split
from w2s_harness.contract.worker.wire.row_text import TextRow

_Item = TypeVar("_Item", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Texts:
    """The n rows of one split, in file order, without what is right of them."""

    rows: tuple[TextRow, ...]
    groups: npt.NDArray[np.int64]
    """(n,) code of the question, 0 to the number of questions - 1 by first appearance; read-only."""
    subsets: tuple[str, ...]
    """The mark of each row, empty where it has none."""
    answers: tuple[str, ...]
    """What each candidate comes to, empty where the task does not say."""

    @cached_property
    def encoded(self) -> tuple[bytes, ...]:
        """Every row as bytes: what is hashed to order and to name it."""
        encode = msgspec.msgpack.Encoder().encode
        return tuple(encode(row) for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True, eq=False)
class TaskData:
    """Three disjoint splits of a task."""

    kind: KindName
    """Of the rows' texts; those of a judged task are of either kind."""
    texts: dict[Split, Texts]
    _gold: Mapping[Split, Any]
    """What is right of each split's rows; `data.gold.gold_of` is the way to it."""
    digest: str
    """SHA-256 (hex) of texts, labels or votes, questions and subsets: what a model is trained and scored on.
    Answers are left out, since they reach only methods with the access `groups`."""
    answers_digest: str
    """SHA-256 (hex) of the answers of all splits."""
    part: HoldoutPart = "whole"
    """Which part of the holdout `texts["test"]` is; the digests are those of the whole data."""


def fixed(array: npt.NDArray[_Item]) -> npt.NDArray[_Item]:
    """`array`, read-only from now on."""
    array.flags.writeable = False
    return array
