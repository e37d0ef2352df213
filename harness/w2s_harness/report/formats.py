"""The formats of a report: a new one is a module with a `render` like these, and a line here."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from w2s_harness.errors import UsageError, nearest

if TYPE_CHECKING:
    from w2s_harness.report.document import Leaderboard

FORMATS = {"text": "text", "md": "markdown", "csv": "csv_table", "json": "canonical", "latex": "latex"}
"""By the name of the format, the module beside this one that renders it."""


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
