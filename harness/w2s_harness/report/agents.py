"""The board of an agent run as a table: feedback, final and held-out PGR side by side."""

from __future__ import annotations

from msgspec import UNSET

from w2s_harness.report import fitting
from w2s_harness.report.document import Leaderboard, Row, label
from w2s_harness.report.notation import guards, printable, ranks

LEGEND = (
    "rank: among rows with a PGR on each held-out task that are shown to be weak supervision on the final "
    "part and on one of those tasks; below the line: not shown to come from the teacher.",
    "feedback: PGR on the questions that agents got answers about.",
    "final: PGR on questions of the same task that nobody was asked about.",
    "{tasks}: PGR on held-out tasks, which agents never saw.",
    "optimism: feedback less final; what vanilla has of it is the luck of the cut.",
    "attempts: queries charged to the method's line of descent.",
    "USD: what it cost to find. lines: of code. family: the kind of idea.",
    "by: who handed it in, and what a guard found, if anything.",
)
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
    said = (text.format(tasks=", ".join(tasks)) for text in LEGEND if tasks or "{tasks}" not in text)
    below = (part for each in said for part in fitting.wrapped(each, width))
    return "".join(f"{line}\n" for line in (*lines, "", *below))


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
