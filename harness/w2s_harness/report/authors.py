"""People and agents in one table: what each found, and what finding it cost."""

from __future__ import annotations

from collections.abc import Sequence

from w2s_harness.errors import UsageError
from w2s_harness.report import fitting
from w2s_harness.report.document import Leaderboard, Row, label
from w2s_harness.report.notation import guards, printable, ranks, share, span

VIEWS = ("text", "md")
_KINDS = {"human": "people", "both": "people and agents", "agent": "agents"}
_HEAD = ("rank", "method", "by", "PGR", "95 % CI", "hours", "USD", "lines", "attempts", "guards")
LEGEND = (
    "rank, PGR, guards: as in the table of methods. 95 % CI: for this training pool.",
    "by: the author. hours, USD: what authors say of themselves; of agents, what the host counted.",
    "lines: of code, without blank lines, comments and docstrings. attempts: at least so many methods or "
    "settings were scored on this holdout.",
)


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
        return "\n".join([*out, "  \n".join(LEGEND)]) + "\n"
    below = (part for each in LEGEND for part in fitting.wrapped(each, width))
    return "\n".join(out) + "\n" + "".join(f"{part}\n" for part in below)


def _table(rows: Sequence[Row]) -> list[tuple[str, list[list[str]]]]:
    """The rows of each kind of author, best PGR first."""
    kinds: dict[str, list[Row]] = {title: [] for title in (*_KINDS.values(), "no work named")}
    for row in sorted(rows, key=lambda row: (row.pgr is None, -(row.pgr or 0.0), label(row))):
        kinds[_KINDS[row.author.kind] if row.author else "no work named"].append(row)
    return [(title, [_cells(row) for row in those]) for title, those in kinds.items() if those]


def _cells(row: Row) -> list[str]:
    author, cost = row.author or None, row.cost or None
    return [
        ranks(row.rank),
        printable(label(row)),
        printable(author.who) if author and author.who else "-",
        share(row.pgr) if row.pgr is not None else row.status,
        span(row.pgr_ci),
        _number(author.hours if author else None),
        _number(cost.usd if cost else None),
        str(author.lines) if author and author.lines is not None else "-",
        str(row.attempts),
        guards(row),
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _text(title: str, table: Sequence[tuple[str, list[list[str]]]], width: int | None) -> str:
    head, *lines = fitting.table([_HEAD, *(cells for _, rows in table for cells in rows)], width)
    out, rest = [printable(title), *head], iter(lines)
    for kind, rows in table:
        out += [f"{kind}:", *(line for _ in rows for line in next(rest))]
    return "".join(f"{one}\n" for one in out)


def _markdown(title: str, table: Sequence[tuple[str, list[list[str]]]]) -> str:
    out = [f"**{title}**", "", f"| author | {' | '.join(_HEAD)} |", f"|{' --- |' * (len(_HEAD) + 1)}"]
    for kind, rows in table:
        out += [
            f"| {kind} | {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows
        ]
    return "".join(f"{one}\n" for one in out)
