"""What of a task's data is no secret of the host's: texts, and the order and names in which rows leave it.

A release is built from nothing else, so order and names tell nothing but the texts.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
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


KEY_BYTES = 32


def order_key(root_seed: int, cell_id: str, world: str, secret: str = "") -> bytes:
    """The 32-byte key that orders the rows of one cell in one world (`actual`, or a counterfactual).

    With a `secret`, nobody else can work it out.
    """
    hidden = [secret] if secret else []
    names = json.dumps(["w2s-harness/release/1", root_seed, cell_id, world, *hidden])
    return hashlib.sha256(names.encode()).digest()


def release_order(
    texts: Texts, shown: npt.NDArray[np.int64] | None = None, *, key: bytes
) -> npt.NDArray[np.int64]:
    """(n,) permutation: position i of what is released is row `order[i]` of `texts`.

    Of the rows `shown` (n,) alone, where they are given: then it is row `shown[order[i]]`.

    Rows are sorted by keyed BLAKE2b of their texts alone, never of question, subset or id, so that file order
    does not show. Rows of equal texts are ordered by a second keyed hash of their positions, an arbitrary
    order that is not the file's. Raises `ValueError` for a key that is not `KEY_BYTES` long.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"a release key has {KEY_BYTES} bytes, not {len(key)}")
    encoded = texts.encoded
    by_text = _hashes(encoded if shown is None else map(encoded.__getitem__, shown), key)
    order = sorted(range(len(by_text)), key=by_text.__getitem__)
    if len(set(by_text)) < len(order):
        tie_key = hashlib.blake2b(b"ties", key=key, digest_size=KEY_BYTES).digest()
        by_tie = _hashes((i.to_bytes(8, "little") for i in range(len(order))), tie_key)
        order.sort(key=lambda i: (by_text[i], by_tie[i]))
    return np.array(order, dtype=np.int64)


def _hashes(contents: Iterable[bytes], key: bytes) -> list[bytes]:
    keyed, found = hashlib.blake2b(key=key, digest_size=16), []
    for content in contents:
        one = keyed.copy()
        one.update(content)
        found.append(one.digest())
    return found


# -- what a row is called outside the host ------------------------------------------------------------------

_ID_KEY = hashlib.sha256(b"w2s-harness/row-id/1").digest()
_ID_BYTES = 10


def row_ids(texts: Texts) -> tuple[str, ...]:
    """(n) an id for each row, in the split's own order: a keyed hash of its texts, 20 hex digits.

    The same texts have the same id wherever they stand, whatever their label, question, subset or place in a
    file. Rows of equal texts are told apart by `-2`, `-3` in an order that is not the file's.
    """
    seen: Counter[str] = Counter()
    ids = [""] * len(texts)
    for i in release_order(texts, key=_ID_KEY):
        plain = hashlib.blake2b(texts.encoded[i], key=_ID_KEY, digest_size=_ID_BYTES).hexdigest()
        seen[plain] += 1
        ids[i] = plain if seen[plain] == 1 else f"{plain}-{seen[plain]}"
    return tuple(ids)
