"""The order in which rows are released to a worker: it tells nothing but the texts."""

from __future__ import annotations

import hashlib
import json

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.data.prepared import SplitData

KEY_BYTES = 32


def order_key(root_seed: int, cell_id: str, world: str, secret: str = "") -> bytes:
    """The 32-byte key that orders the rows of one cell in one world (`actual`, or a counterfactual).

    With a `secret`, nobody else can work it out.
    """
    hidden = [secret] if secret else []
    names = json.dumps(["w2s-harness/release/1", root_seed, cell_id, world, *hidden])
    return hashlib.sha256(names.encode()).digest()


def release_order(data: SplitData, *, key: bytes) -> npt.NDArray[np.int64]:
    """(n,) permutation: position i of what is released is row `order[i]` of `data`.

    Rows are sorted by keyed BLAKE2b of their texts alone, never of label, question, subset or id, so that
    file order does not show. Rows of equal texts are ordered by a second keyed hash of their positions, an
    arbitrary order that is not the file's. Raises `ValueError` for a key that is not `KEY_BYTES` long.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"a release key has {KEY_BYTES} bytes, not {len(key)}")
    tie_key = hashlib.blake2b(b"ties", key=key, digest_size=KEY_BYTES).digest()
    encode = msgspec.msgpack.Encoder().encode
    by_text = [_hash(encode(row), key) for row in data.rows]
    by_tie = [_hash(i.to_bytes(8, "little"), tie_key) for i in range(len(data))]
    order = sorted(range(len(data)), key=lambda i: (by_text[i], by_tie[i]))
    return np.array(order, dtype=np.int64)


def _hash(content: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(content, key=key, digest_size=16).digest()
