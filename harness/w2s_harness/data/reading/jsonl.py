"""Strict reading of JSON lines: one object per line, or one error that names file and line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from w2s_harness.contract.errors import DataError
from w2s_harness.data.disk import HEAD, check_head, decoded, open_regular, shown
from w2s_harness.data.reading.strict_json import value_of

MAX_LINE = 16 * 2**20
"""Bytes; a longer line is refused before it is parsed."""

_BLANK = b" \t\r\n"
_MEND = "Write one JSON object per line."


def read_numbered(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) for every line of a JSON-lines file.

    Blank lines are allowed at the end only. Raises `DataError`, as `file:line: what is wrong. Mend.`, for
    a file that cannot be read or is none, is compressed, or is not UTF-8, text that is not strict JSON
    (`strict_json.value_of`), a line that is no object, is over `MAX_LINE` bytes or is nested too deeply.
    """
    path = Path(path)
    blank = 0
    for number, line in _lines(path):
        if not line.strip(_BLANK):
            blank = blank or number
            continue
        if blank:
            raise DataError(f"{shown(path)}:{blank}: a blank line stands between rows. Remove it.")
        yield number, row_of(line, shown(path), number)


def first_row(path: Path) -> tuple[str, dict[str, Any]]:
    """`file:line` and object of the first row. Raises `DataError` as `read_numbered`, and without a row."""
    for number, row in read_numbered(path):
        return f"{shown(path)}:{number}", row
    raise no_row(path)


def no_row(path: Path) -> DataError:
    """The error that a file is empty."""
    return DataError(f"{shown(path)}:1: holds no row. {_MEND}")


def read_jsonl(path: str | Path) -> Iterator[dict[str, Any]]:
    """Yield the object on every line of a JSON-lines file; blank lines are allowed at the end only.

    Raises `DataError`, one line with file and line number, for what is not strict JSON in UTF-8, as
    `read_numbered` says.
    """
    for _, row in read_numbered(path):
        yield row


def row_of(line: bytes, name: str, number: int) -> dict[str, Any]:
    """The object on one line. Raises `DataError` as `read_numbered`."""
    at = f"{name}:{number}"
    row = value_of(decoded(line.rstrip(_BLANK), at), name, line=number, mend=_MEND)
    if not isinstance(row, dict):
        raise DataError(f"{at}: the line holds no object. Write {{...}} on every line.")
    return row


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    number = 0
    with open_regular(path) as file:
        while True:
            number += 1
            try:
                if number == 1:
                    check_head(file.peek(HEAD)[:HEAD], shown(path))
                line = file.readline(MAX_LINE + 1)
            except OSError as bad:
                raise DataError(f"{shown(path)}:{number}: cannot be read ({bad.strerror}).") from None
            if not line:
                return
            if len(line) > MAX_LINE:
                what = f"the line is over {MAX_LINE // 2**20} MiB"
                raise DataError(f"{shown(path)}:{number}: {what}. {_MEND}")
            yield number, line
