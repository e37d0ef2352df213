"""A secret that keys the draws of code which w2s-harness does not ship, so that it cannot know them.

Shipped methods are given rows, bait and worlds by names that anybody can work out, and the same plan gives
the same bytes everywhere. Code of others could carry a small table that tells all of these apart. So its
order of rows, its bait, the draws of its worlds and the last digits of its weak labels hang on 256 bits that
the host drew once for the store, and on the code itself: what one version printed tells the next one nothing.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from w2s_harness.contract.errors import StoreError, UsageError
from w2s_harness.data.disk import beside, read_bytes, writing
from w2s_harness.run.kept.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from w2s_harness.contract.plan import Plan, PlannedMethod

FILE = "secret"
VARIABLE = "W2S_SECRET"
"""A secret to use instead of the store's: that of the run that is to be reproduced."""
_HEX = re.compile(r"[0-9a-f]{64}")


def needed(methods: Iterable[PlannedMethod]) -> bool:
    """Whether any of the methods is code that w2s-harness does not ship."""
    return any(not m.source.is_shipped and not m.is_predictions for m in methods)


def of_store(store: Store, *, make: bool = True) -> str:
    """The store's secret, 64 hexadecimal digits; drawn where there is none yet, or empty without `make`.

    Raises `UsageError` for a variable, `StoreError` for a file that holds no such thing.
    """
    given = os.environ.get(VARIABLE, "").strip().lower()
    if given:
        if not _HEX.fullmatch(given):
            raise UsageError(f"{VARIABLE}: a secret has 64 hexadecimal digits, as `plan.secret` of a board")
        return given
    file = store.root / FILE
    with writing(store.root):
        if not file.exists():
            if not make:
                return ""
            # of two hosts at once the first one's stands
            with beside(file, f"{secrets.token_hex(32)}\n".encode(), 0o600) as waiting:
                _put(waiting, file)
        found = read_bytes(file, 2**10, "A secret is short.").decode("utf-8", "replace").strip()
    if not _HEX.fullmatch(found):
        raise StoreError(f"{file}: not 64 hexadecimal digits. Remove it, and a new secret is drawn.")
    return found


def _put(waiting: Path, file: Path) -> None:
    """Give the secret its name unless there is one; some file systems (vfat, network ones) have no links."""
    try:
        with suppress(FileExistsError):
            os.link(waiting, file)
    except OSError as bad:
        if bad.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK) or file.exists():
            raise
        waiting.rename(file)


def of_method(plan: Plan, method: PlannedMethod) -> str:
    """What keys a method's draws beside their public names; empty for code that w2s-harness ships."""
    if not plan.secret or not needed([method]):
        return ""
    names = ["w2s-harness/secret/1", plan.secret, method.source.sha256]
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()


def digest(of_method: str) -> str:
    """What a cell's key holds of it."""
    return hashlib.sha256(f"w2s-harness/secret/1/{of_method}".encode()).hexdigest()
