"""A file of lines that can be added to and not be changed unseen."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from w2s_harness.contract.errors import DataError, StoreError
from w2s_harness.data.disk import append, open_regular, write_errors
from w2s_harness.data.reading.strict_json import row_of

FIRST = "0" * 64
"""What the first line names as the digest before it."""
_OWN = frozenset({"n", "previous", "sha256"})


@dataclass(frozen=True, slots=True)
class Checked:
    """What a whole ledger came to."""

    entries: tuple[dict[str, Any], ...]
    head: str
    """SHA-256 of the last line, `FIRST` where there is none; noted elsewhere, it shows a cut tail too."""
    is_torn: bool
    """The last line was not written to its end, so nobody acted on it; the next append drops it."""


class Ledger:
    """Lines of JSON, each with the SHA-256 of the one before; thread-safe, one process at a time.

    A line is `{"n": 1, "previous": DIGEST, ..., "sha256": DIGEST}`, where the digest is that of the line's
    other fields as JSON with sorted keys and no spaces. A torn last line is cut off at opening. Raises
    `DataError` for a ledger that was changed, `StoreError` where the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        checked = verify(path) if path.exists() else Checked((), FIRST, False)
        self._entries = list(checked.entries)
        self._head = checked.head
        if checked.is_torn:
            with write_errors(f"{path}: its torn last line cannot be cut off (", ")"):
                append(path, b"", cut=True)

    @property
    def head(self) -> str:
        """SHA-256 of the last line."""
        return self._head

    def entries(self) -> list[dict[str, Any]]:
        """All lines, oldest first."""
        with self._lock:
            return list(self._entries)

    def append(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """Add a line and wait until the disk holds it; returns it with `n`, `previous` and `sha256`.

        Raises `ValueError` for an entry that is not JSON or uses one of those names.
        """
        if _OWN & entry.keys():
            raise ValueError(f"an entry must not hold {', '.join(sorted(_OWN & entry.keys()))}")
        with self._lock:
            new = {"n": len(self._entries) + 1, "previous": self._head, **entry}
            text = _canonical(new | {"sha256": digest(new)})
            with write_errors(f"{self.path}: cannot be written (", "); nothing was answered"):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                append(self.path, text + b"\n", cut=True, mode=0o666)
            line: dict[str, Any] = json.loads(text)
            self._entries.append(line)
            self._head = line["sha256"]
            return line


def digest(line: Mapping[str, Any]) -> str:
    """SHA-256 of a line's fields but for `sha256`."""
    return hashlib.sha256(_canonical({k: v for k, v in line.items() if k != "sha256"})).hexdigest()


def verify(path: Path) -> Checked:
    """Check every line of a ledger.

    Raises `DataError` that names the first line which was changed, dropped, moved or added by another hand,
    `StoreError` where the file cannot be read.
    """
    try:
        with open_regular(path, "Name a ledger.jsonl.") as file:
            body = file.read()
    except DataError as bad:
        raise StoreError(str(bad)) from bad
    except OSError as bad:
        raise StoreError(f"{path}: {bad.strerror or bad}") from bad
    head, entries = FIRST, []
    for number, text in _lines(body):
        line = _decoded(path, number, text)
        if line["n"] != number or line["previous"] != head:
            raise DataError(
                f"{path}:{number}: does not follow the line before it: one was dropped, moved or added. "
                "Go back to a copy of the file from before."
            )
        if line["sha256"] != digest(line) or text != _canonical(line):
            raise DataError(f"{path}:{number}: was changed. Go back to a copy of the file from before.")
        head = line["sha256"]
        entries.append(line)
    return Checked(tuple(entries), head, is_torn=bool(body) and not body.endswith(b"\n"))


def _lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """(line number, text) of the lines that end as they must."""
    return enumerate(body.split(b"\n")[:-1], start=1)


def _decoded(path: Path, number: int, text: bytes) -> dict[str, Any]:
    try:
        line = row_of(text, str(path), number)
    except DataError as bad:
        why = str(bad).removeprefix(f"{path}:{number}: ")
        raise DataError(f"{path}:{number}: no line of a ledger: {why}") from bad
    if _OWN - line.keys():
        raise DataError(f"{path}:{number}: no line of a ledger: it needs n, previous and sha256")
    return line


def _canonical(line: Mapping[str, Any]) -> bytes:
    text = json.dumps(line, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")
