"""The order and the names under which rows leave the host: they tell nothing but the texts."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from w2s_harness.data.rows.texts import Texts

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
