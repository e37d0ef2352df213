"""The text of a row, as tasks hold it and models read it: never a label."""

from __future__ import annotations

from collections.abc import Collection

import msgspec


class TextRow(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """All that is ever released of a row: `candidate` (verify), or `first` and `second` (preference)."""

    prompt: str
    candidate: str | None = None
    first: str | None = None
    second: str | None = None

    def texts(self) -> dict[str, str]:
        """The texts that it has, by column, in their order: the prompt and the responses."""
        return {name: text for name, text in msgspec.structs.asdict(self).items() if text is not None}

    def showing(self, columns: Collection[str]) -> TextRow:
        """The row with the texts of these columns alone."""
        return TextRow(**{"prompt": "", **{n: text for n, text in self.texts().items() if n in columns}})

    def swapped(self) -> TextRow:
        """A preference with its responses exchanged."""
        return msgspec.structs.replace(self, first=self.second, second=self.first)
