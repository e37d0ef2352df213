"""The rows of a leaderboard as comma-separated values."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import UNSET

from w2s_harness.report.document.document import Leaderboard, Row, SettingRecord
from w2s_harness.report.notation import printable
from w2s_harness.report.tables.column import Value
from w2s_harness.report.tables.method_columns import COLUMNS, setting_tables

_READERS = {name: reader for column in COLUMNS for name, reader in column.csv.items()}
CSV_COLUMNS = tuple(_READERS)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a field begins that spreadsheets run; the last four are wide ones, which some take for the first."""


def render(document: Leaderboard, width: int | None = None, asked: Sequence[str] = ()) -> str:
    """A line per row, columns `CSV_COLUMNS`: numbers in full, null empty, text as `cell` has it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for table in setting_tables(document):
        for row in table.rows:
            writer.writerow(cell(_value(reader, table.setting, row)) for reader in _READERS.values())
    return out.getvalue()


def cell(value: Value) -> str | int | float:
    """A value as it stands in CSV; a text that a spreadsheet would run as a formula gets a ' before it."""
    if not isinstance(value, str):
        return "" if value is None else value
    text = printable(value)
    # whatever its quotes, a spreadsheet takes a field that starts so for a formula
    return f"'{text}" if value.startswith(_FORMULA) or text.startswith(_FORMULA) else text


def _value(reader: str | Callable[[Row], Value], setting: SettingRecord, row: Row) -> Value:
    """What stands at a path such as `own.echo.accuracy`; None from where it does not go on."""
    if callable(reader):
        return reader(row)
    path = reader.removeprefix("setting.")
    found: Any = row if path == reader else setting
    for name in path.split("."):
        if isinstance(found, dict):
            found = found.get(name)
        else:
            found = found[int(name)] if name.isdigit() else getattr(found, name)
        if found is None or found is UNSET:
            return None
    value: Value = found
    return value
