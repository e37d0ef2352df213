"""What is printed when a command fails: one line, the mend, an exit code."""

from __future__ import annotations

import errno
import traceback

import click

from w2s_harness.errors import ExitCode, HarnessError


def explain(bad: Exception, *, debug: bool) -> int:
    """Print `bad` on stderr as one line (with `debug`, its traceback too) and return the exit code."""
    if debug:
        click.echo("".join(traceback.format_exception(bad)), err=True, nl=False)
    if isinstance(bad, HarnessError):
        click.echo(f"error: {one_line(str(bad))}", err=True)
        return int(bad.exit_code)
    if isinstance(bad, BrokenPipeError):
        return int(ExitCode.OK)
    if isinstance(bad, OSError) and bad.errno == errno.ENOSPC:
        click.echo(
            f"error: {bad.filename or 'the disk'}: no space left. Free some and run it again.", err=True
        )
        return int(ExitCode.USAGE)
    click.echo(
        f"internal error: {type(bad).__name__}: {one_line(str(bad))}. This is a bug in w2s-harness; "
        "--debug shows where.",
        err=True,
    )
    return int(ExitCode.INTERNAL)


def one_line(text: str) -> str:
    """`text` with line ends and control characters made visible, so that it stays on one line."""
    return "".join(c if c.isprintable() else {"\n": "; ", "\t": " "}.get(c, f"\\x{ord(c):02x}") for c in text)
