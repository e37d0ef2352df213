"""The text of a row, as tasks hold it and models read it: never a label."""

from __future__ import annotations

import msgspec


class TextRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`candidate` of a verify row, or `first` and `second` of a preference row."""

    prompt: str
    candidate: str | None = None
    first: str | None = None
    second: str | None = None
