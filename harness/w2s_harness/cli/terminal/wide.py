"""How wide the terminal is, and text that fits it."""

from __future__ import annotations

import os
import sys

import click

from w2s_harness.report.tables.fitting import fitted


def columns() -> int | None:
    """How wide the terminal is that standard output goes to; None for a file or a pipe.

    `COLUMNS` in the environment has the last word.
    """
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked):
        return int(asked)
    try:
        return (os.get_terminal_size(sys.stdout.fileno()).columns or None) if sys.stdout.isatty() else None
    except (OSError, ValueError):
        return None


def echo(text: str) -> None:
    """Print lines that end between words where the terminal is narrower than they are."""
    click.echo(fitted(text, columns()))
