"""A page of a dossier: how it says numbers, and how it is written as Markdown and as scriptless HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from w2s_harness.contract.plan import Value
from w2s_harness.report.notation import MISSING, printable
from w2s_harness.report.views.markdown import escaped, grid


def percent(share: float | None) -> str:
    """`34 %`; one digit under 10 %, so that a few rows do not read as none."""
    if share is None:
        return MISSING
    value = 100 * share
    return f"{value:.0f} %" if value == 0 or abs(value) >= 10 else f"{value:.1f} %"


def points(difference: float | None) -> str:
    """A difference of accuracies: `+1.2 points`."""
    return MISSING if difference is None else f"{100 * difference:+.1f} points"


def amount(difference: float) -> str:
    """The size of a difference, where a verb says which way it goes: `1.2 points`."""
    return points(abs(difference)).removeprefix("+")


def valued(value: Value) -> str:
    """A parameter's value as it is typed."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    lines: Sequence[str]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Code:
    """Source or a diff, line by line."""

    text: str
    language: str


Element = Text | Items | Table | Code


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: Sequence[Element]


@dataclass(frozen=True, slots=True)
class Page:
    """All of it. What others wrote in it is escaped when it is rendered."""

    title: str
    lead: str
    sections: Sequence[Section]


_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """\
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem;border-bottom:1px solid #ccc}
table{border-collapse:collapse;margin:.5rem 0;display:block;overflow-x:auto}
th,td{padding:.2rem .7rem;border-bottom:1px solid #ddd;text-align:left;vertical-align:top}
pre{background:#f6f6f6;padding:.7rem;overflow-x:auto;font-size:.85rem}
.added{color:#00602a}.removed{color:#a1171c}"""


def markdown(page: Page) -> str:
    """CommonMark with tables, ending in a newline."""
    parts = [f"# {_marked(page.title)}", _marked(page.lead)]
    for section in page.sections:
        parts.append(f"## {_marked(section.title)}")
        parts += [_markdown(block) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def _markdown(block: Element) -> str:
    if isinstance(block, Text):
        return _marked(block.text)
    if isinstance(block, Items):
        return "\n".join(
            f"{f'{i}.' if block.numbered else '-'} {_marked(line)}" for i, line in enumerate(block.lines, 1)
        )
    if isinstance(block, Code):
        longest = max((len(run) for run in re.findall(r"`+", block.text)), default=0)
        fence = "`" * max(3, longest + 1)
        return f"{fence}{block.language}\n{_lines(block.text)}\n{fence}"
    return "\n".join(grid([block.head, *block.rows], _marked))


def _marked(text: str) -> str:
    return escaped(printable(text))


def _lines(text: str) -> str:
    """Source without control characters; its lines and tabs stay."""
    return "\n".join(printable(line.replace("\t", "    ")) for line in text.splitlines())


def to_html(page: Page) -> str:
    """One HTML5 document that loads nothing."""
    parts = [f"<h1>{_safe(page.title)}</h1>", f"<p>{_safe(page.lead)}</p>"]
    for section in page.sections:
        parts.append(f"<h2>{_safe(section.title)}</h2>")
        parts += [_html(block) for block in section.blocks]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_safe(page.title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _html(block: Element) -> str:
    if isinstance(block, Text):
        return f"<p>{_safe(block.text)}</p>"
    if isinstance(block, Items):
        kind = "ol" if block.numbered else "ul"
        items = "".join(f"<li>{_safe(line)}</li>\n" for line in block.lines)
        return f"<{kind}>\n{items}</{kind}>"
    if isinstance(block, Code):
        lines = _lines(block.text).splitlines()
        shown = "\n".join(map(_diff_line if block.language == "diff" else html.escape, lines))
        return f"<pre><code>{shown}</code></pre>"
    head = "".join(f"<th>{_safe(cell)}</th>" for cell in block.head)
    body = "".join("<tr>" + "".join(f"<td>{_safe(c)}</td>" for c in row) + "</tr>\n" for row in block.rows)
    return f"<table>\n<tr>{head}</tr>\n{body}</table>"


def _diff_line(line: str) -> str:
    kind = {"+": "added", "-": "removed"}.get(line[:1])
    return f'<span class="{kind}">{html.escape(line)}</span>' if kind else html.escape(line)


def _safe(text: str) -> str:
    return html.escape(printable(text))
