"""A leaderboard as Markdown, and how tables and foreign text are written in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from w2s_harness.report.document.document import Leaderboard
from w2s_harness.report.notation import printable, share, span
from w2s_harness.report.tables.column import lines
from w2s_harness.report.tables.legend import alarms, basis, explained, notes, stars
from w2s_harness.report.tables.method_columns import COLUMNS, SettingTable, outcome, setting_tables


def render(document: Leaderboard, width: int | None = None, asked: Sequence[str] = ()) -> str:
    """A heading, a line and a table per setting."""
    tables = setting_tables(document, asked)
    above = [f"**{escaped(line)}**" for line in alarms(document)]
    below = (explained(tables, document), notes(document))
    said = ["  \n".join(map(escaped, found)) for found in below]
    return "\n\n".join(filter(None, [*above, *("\n".join(_setting(t)) for t in tables), *said])) + "\n"


def escaped(cell: str) -> str:
    """Text in which Markdown and HTML see no mark-up."""
    for mark in "\\|<>[]*_`":
        cell = cell.replace(mark, f"\\{mark}")
    return cell


def grid(rows: Sequence[Sequence[str]], mark: Callable[[str], str] = escaped) -> list[str]:
    """The lines of a table, its first row the head; `mark` takes the mark-up out of a cell."""
    head, *body = (f"| {' | '.join(map(mark, cells))} |" for cells in rows)
    return [head, f"|{' --- |' * len(rows[0])}", *body]


def _setting(mine: SettingTable) -> list[str]:
    setting = mine.setting
    line = f"weak {share(setting.weak.mean, 3)}, ceiling {share(setting.ceiling.mean, 3)}"
    if mine.gap:
        line += f"; no-gap: {escaped(printable(mine.gap))}; transfer accuracy instead of PGR"
    else:
        line += f", gap {share(setting.gap, 3)} ({span(setting.gap_ci, 3)})"
    line += f"; {basis(mine)}"
    if known := ", ".join(stars(mine)):
        line += f"; {escaped(known)}"
    found = [f"### {escaped(mine.title)}", "", line, "", *grid(lines(COLUMNS, mine, mine.above))]
    if mine.below:
        found += ["", *(f"- {escaped(who)}: {escaped(what)}" for who, what in map(outcome, mine.below))]
    return found
