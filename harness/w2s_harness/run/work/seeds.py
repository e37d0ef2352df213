"""Named seeds: every random draw has one."""

from __future__ import annotations

import hashlib
import json


def named_seed(*names: str | int) -> int:
    """A 63-bit seed for the draw that `names` names."""
    digest = hashlib.sha256(json.dumps(["w2s-harness/seed/1", *names]).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
