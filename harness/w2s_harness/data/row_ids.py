"""What a row is called outside the host: an id that tells nothing but which row is meant."""

from __future__ import annotations

import hashlib

import msgspec

from w2s_harness.data.prepared import SplitData
from w2s_harness.data.release import release_order

_KEY = hashlib.sha256(b"w2s-harness/row-id/1").digest()
_ID_BYTES = 10


def row_ids(data: SplitData) -> tuple[str, ...]:
    """(n) an id for each row, in the split's own order: a keyed hash of its texts, 20 hex digits.

    The same texts have the same id wherever they stand, whatever their label, question, subset or place in a
    file. Rows of equal texts are told apart by `-2`, `-3` in an order that is not the file's.
    """
    encode = msgspec.msgpack.Encoder().encode
    seen: dict[str, int] = {}
    ids = [""] * len(data)
    for i in release_order(data, key=_KEY):
        plain = hashlib.blake2b(encode(data.rows[i]), key=_KEY, digest_size=_ID_BYTES).hexdigest()
        seen[plain] = seen.get(plain, 0) + 1
        ids[i] = plain if seen[plain] == 1 else f"{plain}-{seen[plain]}"
    return tuple(ids)
