"""The board of an agent run as a table: feedback, final and held-out PGR side by side."""

from __future__ import annotations

from msgspec import UNSET

from w2s_harness.report import fitting
from w2s_harness.report.document import Leaderboard, Row, label
from w2s_harness.report.notation import guards, printable, ranks

NOTE = (
    "feedback: what agents got answers about. final: questions of the same task that nobody was asked about. "
    "optimism: feedback less final; what vanilla has of it is the luck of the cut. Ranked is a row that has "
    "a PGR on each held-out task and is shown to be weak supervision on the final part and on one of those "
    "tasks. Below the line: what is not shown to come from the teacher."
)
_PROSE = 110
_REST = ("optimism", "attempts", "USD", "lines", "family", "by")


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
    head = ["rank", "method", "feedback", "final", *tasks, *_REST]
    rows.sort(key=lambda r: (r.track == "elicitation", r.final is None, -(r.final or 0.0), label(r)))
    shown = fitting.table([head, *(_cells(row, tasks) for row in rows)], width)
    above = 1 + sum(row.track != "elicitation" for row in rows)
    lines = [line for found in shown[:above] for line in found]
    if above < len(shown):
        lines.append(" " + "-" * (max(len(line) for found in shown for line in found) - 1))
        lines += [line for found in shown[above:] for line in found]
    note = fitting.wrapped(f" {NOTE}", min(width or _PROSE, _PROSE), " ")
    return "".join(f"{line}\n" for line in (*lines, "", *note))


def _cells(row: Row, tasks: list[str]) -> list[str]:
    held_out = row.held_out or {}
    flags = guards(row)
    return [
        ranks(row.rank),
        printable(label(row)),
        _pgr(row.feedback),
        _pgr(row.final),
        *(_pgr(held_out.get(task)) for task in tasks),
        _pgr(row.optimism),
        str(row.attempts),
        f"{row.cost.usd:.2f}" if row.cost else "-",
        str(row.author.lines) if row.author and row.author.lines is not None else "-",
        printable(row.author.family if row.author else "") or "-",
        f"{printable(row.author.who)}{'' if flags.startswith('ok') else f' ({flags})'}"
        if row.author
        else "-",
    ]


def _pgr(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else "-"
