"""What a run's folder is called: the moment of its start, which sorts, and a draw beside it."""

from __future__ import annotations

import datetime
import secrets
from contextlib import suppress


def drawn(now: datetime.datetime) -> str:
    """A new name, such as `20261123-141205-017-7f3a`; names sort by their milliseconds."""
    return f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03d}-{secrets.token_hex(2)}"


def started(name: str) -> datetime.datetime | None:
    """When a run of that name began; None where the name is none of ours."""
    with suppress(ValueError):
        return datetime.datetime.strptime("-".join(name.split("-")[:2]), "%Y%m%d-%H%M%S")
    return None
