"""The formats of a report: a new one is a module with a `render` like these, and a line here."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from w2s_harness.contract.errors import UsageError, nearest

if TYPE_CHECKING:
    from w2s_harness.report.document.document import Leaderboard

FORMATS = {
    "text": "views.plain_text",
    "md": "views.markdown",
    "csv": "views.csv_table",
    "json": "document.canonical",
    "latex": "views.latex",
}
"""By the name of the format, the module in `report` that renders it."""


def render(document: Leaderboard, name: str, width: int | None = None, asked: Sequence[str] = ()) -> str:
    """The document in one of `FORMATS`, ending in a newline. Raises `UsageError` for another name.

    :param width: columns of the terminal that a text is for; None: lines are as long as they come.
    :param asked: references that a column was asked for; zero-shot has none else, since claims speak of it.
    """
    if name not in FORMATS:
        known = ", ".join(FORMATS)
        raise UsageError(f"--format {name}: no such view{nearest(name, list(FORMATS))}; there are {known}")
    module = import_module(f"w2s_harness.report.{FORMATS[name]}")
    rendered: str = module.render(document, width, asked)
    return rendered
