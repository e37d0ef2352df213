"""The board of an agent run as a table: feedback, final and held-out PGR side by side."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from w2s_harness.report.document.document import Leaderboard, Row, label
from w2s_harness.report.notation import MISSING, code_lines, guards, printable, ranks, worst
from w2s_harness.report.tables import column, fitting
from w2s_harness.report.tables.column import Column

_COLUMNS: tuple[Column[Sequence[str]], ...] = (
    Column("rank", 1, lambda row, *_: ranks(row.rank),
           "rank: among rows with a PGR on each held-out task that are shown to be weak supervision on the "
           "final part and on one of those tasks; below the line: not shown to come from the teacher."),
    Column("method", 2, lambda row, *_: printable(label(row))),
    Column("feedback", 3, lambda row, *_: _pgr(row.feedback),
           "feedback: PGR on the questions that agents got answers about."),
    Column("final", 4, lambda row, *_: _pgr(row.final),
           "final: PGR on questions of the same task that nobody was asked about."),
    Column("", 5, lambda row, _, task: _pgr((row.held_out or {}).get(task)),
           "{heads}: PGR on held-out tasks, which agents never saw.", each=lambda tasks: tasks),
    Column("optimism", 6, lambda row, *_: _pgr(row.optimism),
           "optimism: feedback less final; what vanilla has of it is the luck of the cut."),
    Column("attempts", 7, lambda row, *_: str(row.attempts),
           "attempts: queries charged to the method's line of descent."),
    Column("USD", 8, lambda row, *_: f"{row.cost.usd:.2f}" if row.cost else MISSING,
           "USD: what it cost to find. lines: of code. family: the kind of idea."),
    Column("lines", 9, lambda row, *_: code_lines(row)),
    Column("family", 10, lambda row, *_: printable(row.author.family if row.author else "") or MISSING),
    Column("by", 11, lambda row, *_: _by(row), "by: who handed it in, and what a guard found, if anything."),
)  # fmt: skip


def is_of_agents(board: Leaderboard) -> bool:
    """Whether agents wrote some of its rows."""
    return any(row.feedback is not UNSET for row in board.rows)


def text(board: Leaderboard, width: int | None = None) -> str:
    """The table, best final PGR first; empty for a board of another kind.

    :param width: columns of the terminal that it is for; None: its lines are as long as they come.
    """
    rows = [row for row in board.rows if row.feedback is not UNSET]
    if not rows:
        return ""
    tasks = sorted(rows[0].held_out or {})
    rows.sort(key=lambda r: (r.track == "elicitation", r.final is None, -(r.final or 0.0), label(r)))
    shown = fitting.table(column.lines(_COLUMNS, tasks, rows), width)
    above = 1 + sum(row.track != "elicitation" for row in rows)
    out = [line for found in shown[:above] for line in found]
    if above < len(shown):
        out.append(" " + "-" * (max(len(line) for found in shown for line in found) - 1))
        out += [line for found in shown[above:] for line in found]
    said = column.legend(_COLUMNS, [tasks])
    below = (part for each in said for part in fitting.wrapped(each, width))
    return "".join(f"{line}\n" for line in (*out, "", *below))


def _by(row: Row) -> str:
    if not row.author:
        return MISSING
    said = "" if worst(row) == "ok" else f" ({guards(row)})"
    return f"{printable(row.author.who)}{said}"


def _pgr(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else MISSING
