"""The one way a document is written: the same document, the same bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from w2s_harness.contract.errors import DataError
from w2s_harness.data import destination
from w2s_harness.data.disk import write_errors
from w2s_harness.report.document.document import Leaderboard

UNSTABLE = ("machine", "timing")
"""Top-level fields that differ between two runs of one plan."""
_UNTYPED = ("plan", *UNSTABLE)
"""Top-level fields that the schema leaves open; it holds all other keys to be strings."""


def encode(value: Any) -> bytes:
    """Canonical JSON of plain values: sorted keys, no spaces, UTF-8, one trailing newline.

    Floats are the shortest text that reads back to the same double. Raises `DataError` with the JSON path
    for NaN, an infinity, a key that is no string, or text that UTF-8 cannot carry.
    """
    return _written(value, untyped=value)


def _written(value: Any, untyped: Any) -> bytes:
    """`encode`, where only keys inside `untyped` may be no strings."""
    try:
        if _has_odd_key(untyped):
            raise TypeError("a key is no string")
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8") + b"\n"
    except (TypeError, ValueError):
        _refuse(value, "$")  # finds where, which the encoder does not tell
        raise


def document_bytes(document: Leaderboard) -> bytes:
    """The canonical bytes of a document that was checked against the schema.

    Raises `DataError` with the JSON path where it breaks it.
    """
    plain = _checked(document)
    return _written(plain, untyped=[plain[name] for name in _UNTYPED])


def render(document: Leaderboard, width: int | None = None, asked: Sequence[str] = ()) -> str:
    """The canonical document as a report shows it."""
    return document_bytes(document).decode("utf-8")


def stable_bytes(document: Leaderboard) -> bytes:
    """The canonical bytes without `timing` and `machine`: equal for two runs of one plan."""
    return encode({name: value for name, value in _checked(document).items() if name not in UNSTABLE})


def write(document: Leaderboard, path: Path) -> None:
    """Check a document and write it whole or not at all, as `destination.write`.

    Raises `DataError` where it breaks the schema, `StoreError` where the file cannot be written.
    """
    data = document_bytes(document)
    mend = ". Mend that and run it again; finished work is kept."
    with write_errors(f"{path}: the leaderboard cannot be written: ", mend):
        path.parent.mkdir(parents=True, exist_ok=True)
        destination.write(path, data)


def _checked(document: Leaderboard) -> dict[str, Any]:
    """The document as plain values, after a round through its own types (1 becomes 1.0 in a float field)."""
    plain = msgspec.to_builtins(document)
    try:
        again = msgspec.convert(plain, Leaderboard)
    except msgspec.ValidationError as bad:
        _refuse(plain, "$")
        raise DataError(f"leaderboard: {bad}") from bad
    checked: dict[str, Any] = msgspec.to_builtins(again)
    return checked


def _has_odd_key(value: Any) -> bool:
    """Whether some key is no string: the encoder would write a number as one."""
    left = [[value]]
    while left:
        for one in left.pop():
            if isinstance(one, dict):
                if not all(isinstance(key, str) for key in one):
                    return True
                left.append(list(one.values()))
            elif isinstance(one, list | tuple):
                left.append(list(one))
    return False


def _refuse(value: Any, path: str) -> None:
    """Raise for what canonical JSON cannot hold."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise DataError(f"the key {key!r} is no string - at `{path}`")
            _refuse_text(key, path)
            _refuse(inner, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            _refuse(inner, f"{path}[{i}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise DataError(f"{value} is no number; write null and a reason - at `{path}`")
    elif isinstance(value, str):
        _refuse_text(value, path)


def _refuse_text(text: str, path: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as bad:
        raise DataError(f"text that UTF-8 cannot carry: {text!r} - at `{path}`") from bad
