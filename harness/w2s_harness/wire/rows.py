"""The text of a row, as tasks hold it and models read it: never a label."""

from __future__ import annotations

import msgspec


class TextRow(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """All that is ever released of a row: `candidate` (verify), or `first` and `second` (preference)."""

    prompt: str
    candidate: str | None = None
    first: str | None = None
    second: str | None = None
