"""An append-only file of JSON objects, one a line: what an agent run has done, in order."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from w2s_harness.data.jsonl import row_of
from w2s_harness.disk import shown
from w2s_harness.errors import StoreError


class Journal:
    """Appends lines and reads them back; each is on the disk before `append` returns. Thread-safe.

    A torn last line, of a process that was killed while it wrote, is dropped.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._mended = False

    def append(self, line: Mapping[str, Any]) -> None:
        """Write one object. Raises `StoreError` naming the file, such as for a full disk."""
        body = msgspec.json.encode(dict(line)) + b"\n"
        with self._lock:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._mend()
                _append(self.path, body)
            except OSError as bad:
                why = bad.strerror or str(bad)
                raise StoreError(f"{self.path}: cannot be written: {why}. Make room, then resume.") from bad

    def read(self) -> list[dict[str, Any]]:
        """Every whole line. Raises `DataError` naming file and line for one that is no JSON object."""
        if not self.path.is_file():
            return []
        *lines, _ = self.path.read_bytes().split(b"\n")
        return [row_of(line, shown(self.path), n) for n, line in enumerate(lines, 1)]

    def _mend(self) -> None:
        """Cut off what a killed process left behind the last line."""
        if self._mended:
            return
        self._mended = True
        if self.path.is_file():
            body = self.path.read_bytes()
            whole = body.rfind(b"\n") + 1
            if whole != len(body):
                os.truncate(self.path, whole)


def _append(path: Path, body: bytes) -> None:
    """Add a line and wait for the disk; what a full disk took of it is cut off again."""
    with path.open("ab", buffering=0) as file:
        before = file.seek(0, os.SEEK_END)
        try:
            if file.write(body) != len(body):
                raise OSError("the disk took only part of a line")
            os.fsync(file.fileno())
        except OSError:
            file.truncate(before)
            raise
