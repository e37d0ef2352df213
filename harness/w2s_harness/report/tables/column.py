"""A column, declared once: its heading, its cells, what is said of it below, and what CSV has of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from w2s_harness.report.document.document import Row
from w2s_harness.report.notation import printable

Of = TypeVar("Of")
"""What a table is of, such as a setting with its rows."""
Value = str | int | float | None
ONCE = ("",)


def fields(text: str) -> dict[str, str | Callable[[Row], Value]]:
    """Columns of CSV: `pgr` is the field of that name, `low=rank.0` one called otherwise."""
    named = (word.partition("=") for word in text.split())
    return {name: path or name for name, _, path in named}


@dataclass(frozen=True, slots=True)
class Column(Generic[Of]):
    """A column of a table, or of CSV alone."""

    head: str = ""
    """Its heading, or how it begins; text, Markdown and LaTeX write it in their own way."""
    place: int = 0
    """Where it stands from the left; 0: it is in CSV alone."""
    cell: Callable[[Row, Of, str], str] = lambda row, of, name: ""
    """The text of a row under the heading that goes on as `name`."""
    legend: str | Callable[[Sequence[Of], Sequence[Row]], Iterable[str]] = ""
    """What is said of it and of the words in it: a sentence about `{heads}`, or those that these tables and
    rows need, '' for none."""
    each: Callable[[Of], Sequence[str]] = lambda of: ONCE
    """How its headings go on in a table: one as it is (`ONCE`), several, or none where it is not shown."""
    usual: str = ""
    """What a cell says where there is nothing to say; on a narrow terminal such a column is left out."""
    is_number: bool = False
    is_range: bool = False
    """Whether the dash in it is that of a range."""
    csv: Mapping[str, str | Callable[[Row], Value]] = field(default_factory=dict)
    """By name of a CSV column, the field of the row (behind `setting.` of its setting) that it holds."""


@dataclass(frozen=True, slots=True)
class Placed(Generic[Of]):
    """A column as it stands in one table."""

    column: Column[Of]
    of: Of
    name: str

    @property
    def head(self) -> str:
        """Its heading."""
        return printable(self.column.head + self.name)

    def cell(self, row: Row) -> str:
        """The text of a row."""
        return self.column.cell(row, self.of, self.name)


def placed(columns: Sequence[Column[Of]], of: Of) -> list[Placed[Of]]:
    """The columns that a table has, from left to right."""
    return [Placed(column, of, name) for column in _sorted(columns) for name in column.each(of)]


def lines(columns: Sequence[Column[Of]], of: Of, rows: Sequence[Row]) -> list[list[str]]:
    """The headings of a table, then the cells of each row."""
    mine = placed(columns, of)
    return [[one.head for one in mine], *([one.cell(row) for one in mine] for row in rows)]


def legend(columns: Sequence[Column[Of]], tables: Sequence[Of], rows: Sequence[Row] = ()) -> list[str]:
    """What is said of the columns below tables, in the order of the columns."""
    found: list[str] = []
    for column in _sorted(columns):
        if callable(column.legend):
            found += column.legend(tables, rows)
        elif names := dict.fromkeys(name for of in tables for name in column.each(of)):
            found.append(column.legend.format(heads=", ".join(column.head + name for name in names)))
    return [text for text in found if text]


def _sorted(columns: Sequence[Column[Of]]) -> list[Column[Of]]:
    return sorted((column for column in columns if column.place), key=lambda column: column.place)
