"""An append-only file of JSON objects, one a line: what an agent run has done, in order."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from w2s_harness.data.disk import append, shown, write_errors
from w2s_harness.data.reading.strict_json import row_of


class Journal:
    """Appends lines and reads them back; each is on the disk before `append` returns. Thread-safe.

    A torn last line, of a process that was killed while it wrote, is dropped.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def append(self, line: Mapping[str, Any]) -> None:
        """Write one object. Raises `StoreError` naming the file, such as for a full disk."""
        body = msgspec.json.encode(dict(line)) + b"\n"
        mend = ". Make room, then resume."
        with self._lock, write_errors(f"{self.path}: cannot be written: ", mend):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            append(self.path, body, cut=True, mode=0o666)

    def read(self) -> list[dict[str, Any]]:
        """Every whole line. Raises `DataError` naming file and line for one that is no JSON object."""
        if not self.path.is_file():
            return []
        *lines, _ = self.path.read_bytes().split(b"\n")
        return [row_of(line, shown(self.path), n) for n, line in enumerate(lines, 1)]
