"""People and agents in one table: what each found, and what finding it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from w2s_harness.contract.errors import UsageError
from w2s_harness.report.document.document import Leaderboard, Row, label
from w2s_harness.report.notation import MISSING, code_lines, guards, printable, ranks, share, span
from w2s_harness.report.tables import fitting
from w2s_harness.report.tables.column import Column, legend, lines
from w2s_harness.report.views.markdown import grid

VIEWS = ("text", "md")
_KINDS = {"human": "people", "both": "people and agents", "agent": "agents"}
_COLUMNS: tuple[Column[None], ...] = (
    Column("rank", 1, lambda row, *_: ranks(row.rank),
           "rank, PGR, guards: as in the table of methods. 95 % CI: for this training pool."),
    Column("method", 2, lambda row, *_: printable(label(row))),
    Column("by", 3, lambda row, *_: printable(row.author.who if row.author else "") or MISSING,
           "by: the author. hours, USD: what authors say of themselves; of agents, what the host counted."),
    Column("PGR", 4, lambda row, *_: row.status if row.pgr is None else share(row.pgr)),
    Column("95 % CI", 5, lambda row, *_: span(row.pgr_ci)),
    Column("hours", 6, lambda row, *_: _number(row.author.hours if row.author else None)),
    Column("USD", 7, lambda row, *_: _number(row.cost.usd if row.cost else None)),
    Column("lines", 8, lambda row, *_: code_lines(row),
           "lines: of code, without blank lines, comments and docstrings. attempts: at least so many "
           "methods or settings were scored on this holdout."),
    Column("attempts", 9, lambda row, *_: str(row.attempts)),
    Column("guards", 10, lambda row, *_: guards(row)),
)  # fmt: skip


def by_author(board: Leaderboard, view: str, width: int | None = None) -> str:
    """A table for each setting, its rows by who wrote them; methods that name no work stand last.

    :param width: columns of the terminal that a text is for; None: lines are as long as they come.

    Raises `UsageError` for a view that it does not have.
    """
    if view not in VIEWS:
        raise UsageError(f"--by author has the formats {' and '.join(VIEWS)}, not {view}")
    out = []
    for setting in board.settings:
        rows = [row for row in board.rows if (row.task, row.pair) == (setting.task, setting.pair)]
        if rows:
            table = _table(rows)
            title = f"{setting.task} on {setting.pair}"
            out.append(_markdown(title, table) if view == "md" else _text(title, table, width))
    if view == "md":
        return "\n".join([*out, "  \n".join(legend(_COLUMNS, [None]))]) + "\n"
    below = (part for each in legend(_COLUMNS, [None]) for part in fitting.wrapped(each, width))
    return "\n".join(out) + "\n" + "".join(f"{part}\n" for part in below)


def _table(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each kind of author, best PGR first."""
    kinds: dict[str, list[Row]] = {title: [] for title in (*_KINDS.values(), "no work named")}
    for row in sorted(rows, key=lambda row: (row.pgr is None, -(row.pgr or 0.0), label(row))):
        kinds[_KINDS[row.author.kind] if row.author else "no work named"].append(row)
    return {title: those for title, those in kinds.items() if those}


def _number(value: float | None) -> str:
    return MISSING if value is None else f"{value:.2f}"


def _text(title: str, kinds: Mapping[str, Sequence[Row]], width: int | None) -> str:
    rows = [row for those in kinds.values() for row in those]
    head, *shown = fitting.table(lines(_COLUMNS, None, rows), width)
    out, rest = [printable(title), *head], iter(shown)
    for kind, those in kinds.items():
        out += [f"{kind}:", *(line for _ in those for line in next(rest))]
    return "".join(f"{one}\n" for one in out)


def _markdown(title: str, kinds: Mapping[str, Sequence[Row]]) -> str:
    rows = [row for those in kinds.values() for row in those]
    head, *cells = lines(_COLUMNS, None, rows)
    named = [kind for kind, those in kinds.items() for _ in those]
    shown = [["author", *head], *([kind, *line] for kind, line in zip(named, cells, strict=True))]
    out = [f"**{title}**", "", *grid(shown, lambda cell: cell.replace("|", "\\|"))]
    return "".join(f"{one}\n" for one in out)
