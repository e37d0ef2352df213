"""The one way a document is written (the same document, the same bytes), and the JSON Schema of it."""

from __future__ import annotations

import ast
import inspect
import json
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from w2s_harness.contract.errors import DataError
from w2s_harness.data import destination
from w2s_harness.data.disk import write_errors
from w2s_harness.report.document import document as types
from w2s_harness.report.document import provenance, records
from w2s_harness.report.document.document import Leaderboard

UNSTABLE = ("machine", "timing")
"""Top-level fields that differ between two runs of one plan."""


def encode(value: Any) -> bytes:
    """Canonical JSON of plain values: sorted keys, no spaces, UTF-8, one trailing newline.

    Floats are the shortest text that reads back to the same double. Raises `DataError` with the JSON path
    for NaN, an infinity, a key that is no string, or text that UTF-8 cannot carry.
    """
    _refuse(value, "$")
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8") + b"\n"


def document_bytes(document: Leaderboard) -> bytes:
    """The canonical bytes of a document that was checked against the schema.

    Raises `DataError` with the JSON path where it breaks it.
    """
    return encode(_checked(document))


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


# -- the schema ------------------------------------------------------------------------------------------


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of `Leaderboard`; each field is described by its docstring."""
    made = msgspec.json.schema(Leaderboard)
    described = descriptions()
    for name, part in made["$defs"].items():
        for field, rule in part.get("properties", {}).items():
            # beside "$ref" is legal since 2019-09
            rule["description"] = described[name][field]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{types.SCHEMA.replace('/', ':')}",
        "title": types.SCHEMA,
        **made,
    }


def schema_text() -> str:
    """The schema as it is printed."""
    return json.dumps(schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def descriptions() -> dict[str, dict[str, str]]:
    """The docstring of every field of every type of the document, by type and field."""
    found: dict[str, dict[str, str]] = {}
    for module in (records, provenance, types):
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.ClassDef):
                found[node.name] = dict(_fields(node))
    return found


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, text in pairwise(node.body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=said)):
                yield name, inspect.cleandoc(str(said))
