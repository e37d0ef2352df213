"""The leaderboard as LaTeX tables, for a paper that loads `booktabs`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from w2s_harness.report.document import Leaderboard, Row, Setting, label
from w2s_harness.report.legend import basis, explained
from w2s_harness.report.notation import MISSING, printable, share, span
from w2s_harness.report.tables import Block, blocks, corrected, stars

_RIGHT = frozenset({"PGR", "transfer"})
"""Columns of single numbers."""
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


def latex(document: Leaderboard, asked: Sequence[str] = ()) -> str:
    """A `table` for each setting, ending in a newline; text of others is escaped, controls included.

    Rows are in the order of the terminal's table. Notes under each explain its columns and say of every row
    without a claim why; a failed control stands in its caption, the sentences for all settings in comments.
    """
    failed = [c for c in document.controls if not c.ok]
    parts = [_HEAD]
    for block in blocks(document, asked):
        mine = [c.name for c in failed if (c.task, c.pair) == (block.setting.task, block.setting.pair)]
        parts.append("\n".join(_table(block, mine)))
    if document.claims:
        parts.append("\n".join(f"% {printable(claim.sentence)}" for claim in document.claims))
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Text of others in which LaTeX sees no command and no dash: one line, no control characters."""
    return "".join(_ESCAPES.get(c, c) for c in printable(text)).replace("--", "-{}-")


def _table(block: Block, failed: Sequence[str]) -> list[str]:
    heads = block.columns
    found = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_caption(block, failed)}}}",
        rf"\label{{tab:{_key(block.setting)}}}",
        rf"\begin{{tabular}}{{{''.join('r' if head in _RIGHT else 'l' for head in heads)}}}",
        r"\toprule",
        _line([escaped(head) for head in heads]),
        r"\midrule",
        *(_line(_cells(heads, block.cells(row))) for row in block.above),
    ]
    if block.below:
        found += [r"\midrule", *(_under(row, len(heads)) for row in block.below)]
    return [*found, r"\bottomrule", r"\end{tabular}", *_notes(block), r"\end{table}"]


def _notes(block: Block) -> list[str]:
    """Below a table: its columns explained, and of each row what is claimed or why nothing is."""
    rows = [*block.above, *block.below]
    said = explained([block.setting], rows, block.columns, has_reasons=False)
    for row in rows:
        if row.claim is not None:
            said.append(f"{'Claim' if row.claim.holds else 'No claim'}: {label(row)}: {row.claim.because}.")
    lines = [_cell(text).replace(r"\textquotesingle{}", "'") + r"\par" for text in said]
    return [
        r"\par\medskip",
        r"\begin{minipage}{\linewidth}\footnotesize\raggedright",
        *lines,
        r"\end{minipage}",
    ]


def _caption(block: Block, failed: Sequence[str]) -> str:
    setting = block.setting
    where = escaped(f"{setting.task} on {setting.pair}")
    weak, ceiling = _cell(share(setting.weak.mean, 3)), _cell(share(setting.ceiling.mean, 3))
    text = f"{where}: weak {weak}, ceiling {ceiling}"
    if block.gap:
        text += f"; no gap to recover ({escaped(block.gap)}), so transfer accuracy instead of PGR"
    else:
        text += f", gap {_cell(share(setting.gap, 3))} ({_cell(span(setting.gap_ci, 3))})"
    best = "".join(f" {escaped(f'{label(r)}: {corrected(r.best_of)}')}." for r in block.above if r.best_of)
    text += f"; {escaped(basis(setting, [*block.above, *block.below]))}"
    if known := stars(block):
        text += f"; {escaped(known).replace('   ', ', ')}"
    alarm = f" \\textbf{{Failed controls: {escaped(', '.join(failed))}.}}" if failed else ""
    return f"{text}.{best}{alarm}"


def _key(setting: Setting) -> str:
    """A label of letters, digits and `-`, since LaTeX reads others as marks."""
    return re.sub(r"[^A-Za-z0-9]+", "-", f"{setting.task}-{setting.pair}").strip("-")


def _cells(heads: Sequence[str], texts: Sequence[str]) -> list[str]:
    """A row's cells; the dash of a rank interval is that of a range."""
    return [
        text.replace("-", "--") if head == "rank" else _cell(text)
        for head, text in zip(heads, texts, strict=True)
    ]


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
