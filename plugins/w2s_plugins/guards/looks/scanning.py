"""What a file holds, as records: the texts that stand together in a row of a table, whatever the format.

Untrusted bytes are only decoded, never executed or unpickled; what lies beyond the caps is not read.
"""

from __future__ import annotations

import ast
import bz2
import csv
import gzip
import io
import json
import lzma
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

MOST_BYTES = 16 * 2**20
"""Bytes of one file, after decompression, that are read."""
_DEEPEST = 20
"""Levels of nesting in JSON and Python literals."""
_MAGIC: tuple[tuple[bytes, Callable[..., Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\x00", lzma.open),
)
_BROKEN = (OSError, EOFError, ValueError, SyntaxError, RecursionError, MemoryError, zlib.error,
           zipfile.BadZipFile, lzma.LZMAError, NotImplementedError, RuntimeError, csv.Error)  # fmt: skip
"""What decoders raise for files that are not what their first bytes say."""

Record = list[str]
Array = npt.NDArray[Any]


def records(name: str, data: bytes) -> Iterator[Record]:
    """The records of a file called `name`: cells as text, in their order; lines where it is no known table.

    Reads JSON, JSON lines, CSV, Python literals, `.npy` and `.npz`, each also in gzip, bzip2, xz or zip.
    A file that is not what it seems gives its lines, or a binary one's printable runs; nothing is raised.
    """
    for member, body in _unpacked(name, data):
        yield from _of_member(member, body[:MOST_BYTES])


def is_text(data: bytes) -> bool:
    """Whether the bytes are UTF-8 without control characters that no text has."""
    try:
        return "\0" not in data.decode("utf-8")
    except UnicodeDecodeError:
        return False


def is_table(data: bytes) -> bool:
    """Whether `records` knows the format of a file that is no text."""
    return data.startswith((b"\x93NUMPY", b"PK\x03\x04", *(magic for magic, _ in _MAGIC)))


def _unpacked(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    for magic, opened in _MAGIC:
        if data.startswith(magic):
            try:
                with opened(io.BytesIO(data)) as file:
                    yield name.rpartition(".")[0] or name, file.read(MOST_BYTES)
            except _BROKEN:
                yield name, data
            return
    if data.startswith(b"PK\x03\x04"):
        yield from _zipped(name, data)
    else:
        yield name, data


def _zipped(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    left = MOST_BYTES
    arrays: list[Array] = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                with archive.open(member) as file:
                    body = file.read(left)
                left -= len(body)
                array = _array(body) if member.filename.endswith(".npy") else None
                arrays += [] if array is None else [array]
                yield member.filename, body
    except _BROKEN:
        yield name, data
    # The arrays of an npz are the columns of a table; without a text among them they hold no row.
    if any(array.dtype.kind in "US" for array in arrays):
        for row in _zipped_columns([_cells(array) for array in arrays]):
            yield f"{name}.json", json.dumps(row).encode()


def _of_member(name: str, data: bytes) -> Iterator[Record]:
    if data.startswith(b"\x93NUMPY"):
        array = _array(data)
        if array is not None and array.dtype.kind in "US":
            yield from ([cell] for cell in _cells(array))
        return
    text = data.decode("utf-8", "replace")
    if not is_text(data):
        yield from ([run] for run in re.split(r"[\x00-\x08\x0e-\x1f\ufffd]+", text) if run.strip())
        return
    readers = {"py": _python, "csv": _csv, "tsv": _csv}
    try:
        yield from list(readers.get(name.rpartition(".")[2].lower(), _json)(text))
    except _BROKEN:
        yield from ([line] for line in text.splitlines() if line.strip())


def _array(data: bytes) -> Array | None:
    """The array of a `.npy` file. One of objects is never read."""
    try:
        # numpy warns of a header that Python 2 wrote; the user did not write it
        with warnings.catch_warnings(action="ignore"):
            return np.asarray(np.load(io.BytesIO(data), allow_pickle=False))
    except _BROKEN:
        return None


def _cells(array: Array) -> list[str]:
    """The cells of a one-dimensional array; of another, its rows as text."""
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.ndim == 0:
        return [str(array)]
    return [" ".join(map(str, np.ravel(row).tolist())) for row in array]


def _csv(text: str) -> Iterator[Record]:
    lines = text.splitlines(keepends=True)
    mark = "\t" if lines and lines[0].count("\t") > lines[0].count(",") else ","
    yield from csv.reader(lines, delimiter=mark)


def _json(text: str) -> Iterator[Record]:
    try:
        yield from _of_value(json.loads(text))
    except json.JSONDecodeError:
        for line in filter(str.strip, text.splitlines()):
            try:
                yield from _of_value(json.loads(line))
            except json.JSONDecodeError:
                yield [line]


def _python(text: str) -> Iterator[Record]:
    """Every outermost literal of a module; assignments of equal length are the columns of a table."""
    with warnings.catch_warnings(action="ignore", category=SyntaxWarning):
        tree = ast.parse(text)
    columns: list[list[str]] = []
    for value in _literals(tree):
        yield from _of_value(value)
        if isinstance(value, list | tuple) and all(_is_scalar(v) for v in value):
            columns.append(list(map(str, value)))
    yield from _zipped_columns(columns)


def _literals(tree: ast.AST) -> Iterator[Any]:
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.List | ast.Tuple | ast.Dict | ast.Set | ast.Constant):
            try:
                yield ast.literal_eval(node)
                continue
            except (ValueError, TypeError):
                pass  # holds a name or a call: its parts are looked at
        todo += reversed(list(ast.iter_child_nodes(node)))


def _of_value(value: Any, depth: int = 0) -> Iterator[Record]:
    """A nested value as records: a container of scalars is one, as is each item of a mapping to scalars."""
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        columns = [v for v in value.values() if isinstance(v, list | tuple) and len(v) > 1]
        yield [str(v) for v in value.values() if _is_scalar(v)]
        yield from ([str(k), str(v)] for k, v in value.items() if _is_scalar(v))
        yield from _zipped_columns([list(map(str, c)) for c in columns if all(map(_is_scalar, c))])
        for k, v in value.items():
            if isinstance(v, dict | list | tuple):
                inner = v.values() if isinstance(v, dict) else v
                yield [str(k), *(str(item) for item in inner if _is_scalar(item))]
        parts = value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        if all(map(_is_scalar, value)):
            yield list(map(str, value))
        yield from ([str(v)] for v in value if _is_scalar(v))
        parts = value  # type: ignore[assignment]
    else:
        yield [str(value)]
        return
    for part in parts:
        if not _is_scalar(part):
            yield from _of_value(part, depth + 1)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | bytes | bool | int | float)


def _zipped_columns(columns: list[list[str]]) -> Iterator[Record]:
    """Columns of one length as rows."""
    by_length: dict[int, list[list[str]]] = {}
    for column in columns:
        by_length.setdefault(len(column), []).append(column)
    for length, same in by_length.items():
        if length > 1 and len(same) > 1:
            yield from map(list, zip(*same, strict=True))
