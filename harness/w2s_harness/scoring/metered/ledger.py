"""A file of lines that can be added to and not be changed unseen, and whether those of an oracle add up."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from w2s_harness.contract.errors import DataError, StoreError
from w2s_harness.data.disk import append, open_regular, write_errors
from w2s_harness.data.reading.strict_json import row_of
from w2s_harness.scoring.metered.oracle import accounts, grid, rounded
from w2s_harness.scoring.points import recovered, unpack_all

FIRST = "0" * 64
"""What the first line names as the digest before it."""
_OWN = frozenset({"n", "previous", "sha256"})
_NEAR = 1e-9


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
    for number, text in enumerate(body.split(b"\n")[:-1], start=1):
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


# -- what an oracle wrote ---------------------------------------------------------------------------------


def audit(path: Path, entries: Sequence[Mapping[str, Any]]) -> int:
    """Check lines whose chain holds; returns how many queries were paid for.

    Raises `DataError` that names the first line that the lines before it do not lead to: a cost or a rest
    that does not add up, an accuracy that is not that of its outcomes, a number told that the ladder keeps
    back or rounds otherwise, or kept back that it tells.
    """
    if not entries:
        return 0
    audited = _Audited()
    for line in entries:
        try:
            audited.take(line)
        except (KeyError, TypeError, ValueError, DataError) as bad:
            what = f"lacks {bad}" if isinstance(bad, KeyError) else str(bad)
            raise DataError(
                f"{path}:{line.get('n')}: {what}. The lines before it do not lead to it."
            ) from bad
    return audited.spent["group", ""]


class _Audited:
    """What the lines so far come to."""

    def __init__(self) -> None:
        self.set: Mapping[str, Any] | None = None
        self.spent: Counter[tuple[str, str]] = Counter()
        self.best: dict[str, tuple[float, float]] = {}
        """By agent: (accuracy, PGR told)."""

    def take(self, line: Mapping[str, Any]) -> None:
        """Check a line and count it."""
        if (line["kind"] == "open") != (self.set is None):
            raise ValueError("a ledger begins with one line that says what its oracle was set to")
        if self.set is None:
            self.set = line
            return
        cost, limits = line["cost"], self.set["limits"]
        of = accounts(line["who"], line["lineage"])
        most = (limits["per_agent"], limits["per_lineage"], limits["group"])
        rest = min(n - self.spent[a] for a, n in zip(of, most, strict=True))
        if cost != (1 if rest > 0 else 0) or line["answer"]["left"] != max(0, rest - cost):
            raise ValueError(f"costs {cost} and leaves {line['answer']['left']} where {rest} were left")
        self.spent.update(dict.fromkeys(of, cost))
        if line["kind"] == "query" and cost:
            self._answer(line)
        elif line["answer"]["pgr"] is not None:
            raise ValueError("tells a number that was not asked for")

    def _answer(self, line: Mapping[str, Any]) -> None:
        assert self.set is not None
        weak, ceiling = self.set["weak"], self.set["ceiling"]
        before, told = self.best.get(line["who"], (weak, -np.inf))
        accuracy, step, answer = line["accuracy"], line["step"], line["answer"]
        if step < self.set["min_step"]:
            raise ValueError(f"has the step {step}, under the least of {self.set['min_step']}")
        if answer["improved"] != (answer["pgr"] is not None):
            raise ValueError("is improved without a number, or has one without being improved")
        ahead = accuracy - before - step
        if abs(ahead) > _NEAR and answer["improved"] != (ahead > 0):
            raise ValueError(f"beats the best by {accuracy - before:.4f} at a step of {step:.4f}")
        if not answer["improved"]:
            return
        values = unpack_all([(right, ties) for right, ties in line["outcomes"]], line["rows"])
        if abs(float(values.mean()) - accuracy) > _NEAR:
            raise ValueError(f"says accuracy {accuracy}, and its outcomes have {float(values.mean())}")
        pgr = max(told, rounded(recovered(accuracy, weak, ceiling), grid(step, ceiling - weak)))
        if abs(pgr - answer["pgr"]) > _NEAR:
            raise ValueError(f"tells PGR {answer['pgr']} where it is {pgr}")
        self.best[line["who"]] = (accuracy, pgr)
