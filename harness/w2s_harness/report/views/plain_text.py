"""A leaderboard as text for a terminal: aligned tables that fit its width."""

from __future__ import annotations

from collections.abc import Sequence

from w2s_harness.report.document.document import Leaderboard
from w2s_harness.report.notation import printable, share
from w2s_harness.report.tables.column import Placed, lines, placed
from w2s_harness.report.tables.fitting import is_wide, phrases, table, wrapped
from w2s_harness.report.tables.legend import alarms, basis, explained, notes, stars
from w2s_harness.report.tables.method_columns import COLUMNS, SettingTable, outcome, setting_tables

_HEAD_WIDTH, _RULE = 18, 20


def render(document: Leaderboard, width: int | None = None, asked: Sequence[str] = ()) -> str:
    """Aligned text: per setting a head line with weak and ceiling, then a table."""
    tables = setting_tables(document, asked)
    parts = ["\n".join(_setting(each, width)) for each in tables]
    above = [line for alarm in alarms(document) for line in wrapped(alarm, width)]
    below = (explained(tables, document), notes(document))
    said = ["\n".join(line for note in each for line in wrapped(note, width)) for each in below]
    return "\n\n".join(filter(None, ["\n".join(above), *parts, *said])) + "\n"


def _setting(mine: SettingTable, width: int | None) -> list[str]:
    columns = placed(COLUMNS, mine)
    shown, constant, beside = _narrowed(columns, lines(COLUMNS, mine, mine.above), width)
    found = wrapped(_head_line(mine, width), width, "   ")
    found += wrapped(f" {basis(mine)}", width, "   ")
    found += phrases(stars(mine), width)
    if mine.gap:
        no_gap = f" no-gap: {printable(mine.gap)}; transfer accuracy instead of PGR"
        found += wrapped(no_gap, width, "   ")
    found += [f" {constant}"] if constant else []
    rows = table(shown, width)
    for broken, said in zip(rows, beside, strict=True):
        found += [*broken, *(wrapped(f"         {said}", width, " " * 11) if said else ())]
    if mine.below:
        found.append(" " + "-" * (max(len(line) for row in rows for line in row) - 1))
        for (line,) in table([outcome(row) for row in mine.below]):
            found += wrapped(f"       {line.strip()}", width, " " * 9)
    return found


def _narrowed(
    columns: Sequence[Placed[SettingTable]], shown: list[list[str]], width: int | None
) -> tuple[list[list[str]], str, list[str]]:
    """The table for a terminal on which it is too wide: without the columns that vouch for its rows.

    With it what these say of every row, and for each line what they say of this one.
    """
    heads, *rows = shown
    vouching = [i for i, one in enumerate(columns) if one.column.usual]
    if not is_wide(shown, width) or not rows:
        return shown, "", [""] * len(shown)
    moved = [i for i in vouching if len({row[i] for row in rows}) == 1]
    if is_wide(_less(shown, moved), width):
        moved = vouching
    same = [i for i in moved if len({row[i] for row in rows}) == 1]
    usual = {i: rows[0][i] if i in same else columns[i].column.usual for i in moved}
    beside = ["; ".join(f"{heads[i]} {row[i]}" for i in moved if row[i] != usual[i]) for row in rows]
    constant = ", ".join(f"{heads[i]} {usual[i]}" for i in moved)
    where = "every row" if len(same) == len(moved) else "where nothing else is said"
    return _less(shown, moved), f"{where}: {constant}" if constant else "", ["", *beside]


def _less(rows: list[list[str]], columns: Sequence[int]) -> list[list[str]]:
    return [[cell for i, cell in enumerate(row) if i not in columns] for row in rows]


def _head_line(mine: SettingTable, width: int | None) -> str:
    """Task and pair, weak and ceiling with a rule between them that a narrow terminal shortens."""
    setting, hyper = mine.setting, mine.setting.hyper
    chosen = {"C": hyper.C, "epochs": hyper.epochs, "lr": hyper.lr}
    shown = ", ".join(f"{name} {value:g}" for name, value in chosen.items() if value is not None)
    said = f"   {shown}" if shown else ""
    start = f"{mine.title.ljust(_HEAD_WIDTH)}  weak {share(setting.weak.mean, 3)} "
    end = f" ceiling {share(setting.ceiling.mean, 3)}{said}"
    room = _RULE if width is None else min(_RULE, width - len(start) - len(end))
    return f"{start}{'-' * max(4, room)}{end}"
