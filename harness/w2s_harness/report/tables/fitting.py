"""Tables and sentences that fit a terminal: lines end between words."""

from __future__ import annotations

import re
from collections.abc import Sequence

GAP = 2
"""Spaces between two columns."""
_COLUMN = re.compile(r"(?<=\S) {2,}(?=\S)")
_COMMAND = re.compile(r"\bw2s-harness [a-z][^\s()]* [^\s()]+")
_SPACES = re.compile(r"( +)")
_TOGETHER = re.compile(r"\([^()]*\)|(?<=\d) to (?=[-.\d])|p [<=] (?=\.\d)|(?<=\S), (?=\d+ off)")
"""What a cell is broken inside only where it must be: a bracket, a range, a p-value."""
_HELD = "\u00a0"
_IN_WORD = re.compile(r"(?<=[\[,/])(?=[^\s\[,/])")
"""Where a name with parameters, or a path, may go on in the next line if there is no other way."""

PHRASES, NAMES, WORDS, SENTENCE, PLAIN = range(5)
"""How finely a text is broken: between phrases; inside long names too; between all words too; and, of a
sentence, between words but inside no command, or between all."""
Piece = tuple[str, str]
"""Text that is not broken, and what stands before it where it does not begin a line."""


def table(rows: Sequence[Sequence[str]], width: int | None = None) -> list[list[str]]:
    """The aligned lines of each row, a space before each; no longer than `width`, where that can be.

    A cell that is too wide goes on in the next line: broken between phrases, else a name with parameters
    behind `[`, `,` and `/`, else between any two words; never inside a word. Where even that is too wide,
    rows become sentences that name the heads, and the first row, which holds these, has no line.
    """
    split: list[list[list[Piece]]] = []
    for level in (PHRASES, NAMES, WORDS):
        split = [[_pieces(cell, level) for cell in row] for row in rows]
        least = _widths([[max((len(t) for t, _ in cell), default=0) for cell in row] for row in split])
        if width is None or _total(least) <= width:
            break
    else:
        return [[], *(_sentence(rows[0], row, width) for row in rows[1:])]
    natural = _widths([[len(cell) for cell in row] for row in rows])
    widths = natural if width is None else _shrunk(natural, least, width)
    return [_lines([_filled(cell, w) for cell, w in zip(row, widths, strict=True)], widths) for row in split]


def _sentence(heads: Sequence[str], row: Sequence[str], width: int | None) -> list[str]:
    """A row as `rank 1; method mine; PGR .52`, without what is missing."""
    told = (f"{head} {cell}" for head, cell in zip(heads, row, strict=True) if cell not in ("", "-"))
    return wrapped(f" {'; '.join(told)}", width, "   ")


def _lines(cells: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    """The lines of one row, from those of its cells."""
    found = []
    for k in range(max(map(len, cells))):
        parts = [(c[k] if k < len(c) else "").ljust(w) for c, w in zip(cells, widths, strict=True)]
        found.append((" " + (" " * GAP).join(parts)).rstrip())
    return found


def wrapped(text: str, width: int | None = None, hanging: str = "  ") -> list[str]:
    """Lines of a sentence, broken at spaces; those after the first begin with `hanging`."""
    if width is None:
        return [text]
    pieces = _pieces(text, SENTENCE)
    if max(len(piece) for piece, _ in pieces) > width - len(hanging):
        pieces = _pieces(text, PLAIN)
    first, *rest = _filled(pieces, width, len(hanging))
    return [first, *(f"{hanging}{line}" for line in rest)]


def fitted(text: str, width: int | None = None) -> str:
    """Text whose lines are no longer than `width`, where that can be.

    What goes on in the next line begins below the last column of its line, or a little to the right. A line
    that holds a command of several words is left to the terminal to break, so that it can be copied.
    """
    if width is None:
        return text
    found: list[str] = []
    for line in text.split("\n"):
        found += [line] if _COMMAND.search(line) else wrapped(line, width, _below(line, width))
    return "\n".join(found)


def _below(line: str, width: int) -> str:
    """The indent of what goes on: where the last of its columns begins, if that is in the left two thirds."""
    starts = [found.end() for found in _COLUMN.finditer(line) if found.end() <= width * 2 // 3]
    return " " * (starts[-1] if starts else len(line) - len(line.lstrip()) + 2)


def phrases(parts: Sequence[str], width: int | None = None) -> list[str]:
    """Parts three spaces apart, each line with a space before it; a part is broken only if it is too long."""
    if not parts:
        return []
    lines = ["   ".join(parts)] if width is None else _filled([(p, "   ") for p in parts], width - 1)
    return [line for each in lines for line in wrapped(f" {each}", width, "   ")]


def is_wide(rows: Sequence[Sequence[str]], width: int | None) -> bool:
    """Whether some cell of the table would have to be broken."""
    return width is not None and _total(_widths([[len(cell) for cell in row] for row in rows])) > width


def _widths(lengths: Sequence[Sequence[int]]) -> list[int]:
    return [max(column) for column in zip(*lengths, strict=True)]


def _total(widths: Sequence[int]) -> int:
    return 1 + sum(widths) + GAP * (len(widths) - 1)


def _shrunk(natural: Sequence[int], least: Sequence[int], width: int) -> list[int]:
    """The widest column that may lose a place does so until the line fits."""
    widths = list(natural)
    while _total(widths) > width:
        loose = [i for i, w in enumerate(widths) if w > least[i]]
        if not loose:
            break
        widths[max(loose, key=lambda i: widths[i])] -= 1
    return widths


def _pieces(text: str, level: int) -> list[Piece]:
    """The parts of a text that stay in one line."""
    held = _TOGETHER.sub(_holding, text) if level in (PHRASES, NAMES) else text
    held = _COMMAND.sub(_holding, held) if level == SENTENCE else held
    found: list[Piece] = []
    parts = _SPACES.split(held)
    for k in range(0, len(parts), 2):
        before = parts[k - 1] if k else ""
        for i, piece in enumerate(_IN_WORD.split(parts[k]) if level in (NAMES, WORDS) else [parts[k]]):
            found.append((piece.replace(_HELD, " "), "" if i else before))
    return found


def _holding(found: re.Match[str]) -> str:
    return found[0].replace(" ", _HELD)


def _filled(pieces: Sequence[Piece], width: int, indent: int = 0) -> list[str]:
    """As much as goes into each line; lines after the first have `indent` places less."""
    lines: list[str] = []
    for text, before in pieces:
        room = width - (indent if len(lines) > 1 else 0)
        if lines and len(lines[-1]) + len(before) + len(text) <= room:
            lines[-1] += before + text
        else:
            lines.append(text)
    return lines
