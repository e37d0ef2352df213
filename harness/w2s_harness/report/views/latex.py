"""The leaderboard as LaTeX tables, for a paper that loads `booktabs`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from w2s_harness.report.document.document import Leaderboard, Row, label
from w2s_harness.report.notation import MISSING, printable, share, span
from w2s_harness.report.tables.column import Placed, placed
from w2s_harness.report.tables.legend import basis, corrected, explained_columns, stars
from w2s_harness.report.tables.method_columns import COLUMNS, SettingTable, setting_tables

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
}
"""`\\textquotedbl` needs T1 and `\\textquotesingle` textcomp, as the head of the file says."""
_HEAD = "% needs \\usepackage{booktabs} and \\usepackage[T1]{fontenc}; made by w2s-harness, do not edit"


def render(document: Leaderboard, width: int | None = None, asked: Sequence[str] = ()) -> str:
    """A `table` for each setting, ending in a newline; text of others is escaped, controls included.

    Rows are in the order of the terminal's table. Notes under each explain its columns and say of every row
    without a claim why; a failed control stands in its caption, the sentences for all settings in comments.
    """
    failed = [c for c in document.controls if not c.ok]
    parts = [_HEAD]
    for table in setting_tables(document, asked):
        mine = [c.name for c in failed if (c.task, c.pair) == (table.setting.task, table.setting.pair)]
        parts.append("\n".join(_table(table, mine)))
    if document.claims:
        parts.append("\n".join(f"% {printable(claim.sentence)}" for claim in document.claims))
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Text of others in which LaTeX sees no command and no dash: one line, no control characters."""
    return "".join(_ESCAPES.get(c, c) for c in printable(text)).replace("--", "-{}-")


def _table(table: SettingTable, failed: Sequence[str]) -> list[str]:
    columns = placed(COLUMNS, table)
    # LaTeX reads what is neither letter, digit nor - as marks
    key = re.sub(r"[^A-Za-z0-9]+", "-", f"{table.setting.task}-{table.setting.pair}").strip("-")
    found = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_caption(table, failed)}}}",
        rf"\label{{tab:{key}}}",
        rf"\begin{{tabular}}{{{''.join('r' if one.column.is_number else 'l' for one in columns)}}}",
        r"\toprule",
        _line([escaped(one.head) for one in columns]),
        r"\midrule",
        *(_line([_placed(one, row) for one in columns]) for row in table.above),
    ]
    if table.below:
        found += [r"\midrule", *(_under(row, len(columns)) for row in table.below)]
    return [*found, r"\bottomrule", r"\end{tabular}", *_notes(table), r"\end{table}"]


def _notes(table: SettingTable) -> list[str]:
    """Below a table: its columns explained, and of each row what is claimed or why nothing is."""
    said = explained_columns([table], table.rows)
    for row in table.rows:
        if row.claim is not None:
            said.append(f"{'Claim' if row.claim.holds else 'No claim'}: {label(row)}: {row.claim.because}.")
    lines = [_cell(text).replace(r"\textquotesingle{}", "'") + r"\par" for text in said]
    return [
        r"\par\medskip",
        r"\begin{minipage}{\linewidth}\footnotesize\raggedright",
        *lines,
        r"\end{minipage}",
    ]


def _caption(table: SettingTable, failed: Sequence[str]) -> str:
    setting = table.setting
    where = escaped(f"{setting.task} on {setting.pair}")
    weak, ceiling = _cell(share(setting.weak.mean, 3)), _cell(share(setting.ceiling.mean, 3))
    text = f"{where}: weak {weak}, ceiling {ceiling}"
    if table.gap:
        text += f"; no gap to recover ({escaped(table.gap)}), so transfer accuracy instead of PGR"
    else:
        text += f", gap {_cell(share(setting.gap, 3))} ({_cell(span(setting.gap_ci, 3))})"
    best = "".join(f" {escaped(f'{label(r)}: {corrected(r.best_of)}')}." for r in table.above if r.best_of)
    text += f"; {escaped(basis(table))}"
    if known := ", ".join(stars(table)):
        text += f"; {escaped(known)}"
    alarm = f" \\textbf{{Failed controls: {escaped(', '.join(failed))}.}}" if failed else ""
    return f"{text}.{best}{alarm}"


def _placed(one: Placed[SettingTable], row: Row) -> str:
    text = one.cell(row)
    return text.replace("-", "--") if one.column.is_range else _cell(text)


def _cell(text: str) -> str:
    """A cell with real minus signs, and a dash for a missing number."""
    if text == MISSING:
        return "--"
    return re.sub(r"(?<![\w.\]])-(?=\.?\d)", "$-$", escaped(text))


def _line(cells: Sequence[str]) -> str:
    # a row that begins with [ would be read as the length that the \\ before it may take
    return " & ".join(f"{{}}{cell}" if cell.startswith("[") else cell for cell in cells) + r" \\"


def _under(row: Row, width: int) -> str:
    what = f"{escaped(label(row))}: {escaped(f'{row.status}: {row.reason}')}"
    return rf"\multicolumn{{{width}}}{{p{{.9\linewidth}}}}{{{what}}} \\"
