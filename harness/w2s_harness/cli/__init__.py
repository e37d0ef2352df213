"""The command line: a group whose commands load when they are called."""

from __future__ import annotations

import io
import os
import re
import sys
import warnings
from difflib import get_close_matches
from pathlib import Path

import click
from click.core import ParameterSource

from w2s_harness.cli.group import LazyGroup, is_debugged
from w2s_harness.contract.errors import UsageError

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="w2s-harness", prog_name="w2s-harness")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def command(debug: bool) -> None:
    """Weak-to-strong supervision experiments whose numbers can be trusted."""
    try:
        Path.cwd()
    except OSError:
        gone = "the working folder is gone: no relative path leads anywhere. Change to one that is there."
        raise UsageError(gone) from None


def _open_streams() -> None:
    """Standard streams that take whatever is written, closed ones and narrow encodings included."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # else the next file that is opened gets its number, and with it what libraries print
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _near(bad: click.ClickException) -> str:
    """The choice that is nearest to what was given."""
    kind = bad.param.type if isinstance(bad, click.BadParameter) and bad.param is not None else None
    given = re.match(r"'([^']*)' is not ", bad.message)
    if not isinstance(kind, click.Choice) or given is None:
        return ""
    close = get_close_matches(given[1], [str(choice) for choice in kind.choices], n=1)
    return f" Did you mean '{close[0]}'?" if close else ""


def _origin(bad: click.ClickException) -> str:
    """Where the value of a flag that was refused comes from, if not from the command line."""
    if not isinstance(bad, click.BadParameter) or bad.ctx is None or bad.param is None:
        return ""
    source = bad.ctx.get_parameter_source(bad.param.name or "")
    if source is ParameterSource.ENVIRONMENT:
        return f" It comes from the variable {bad.param.envvar}."
    return (
        f" It comes from {bad.ctx.meta.get('w2s.config')}." if source is ParameterSource.DEFAULT_MAP else ""
    )


def main() -> None:
    """Entry point of `w2s-harness`: run a command, turn what it says into an exit code."""
    # Before numpy loads: the host's own linear algebra must give the same bits on any number of cores, and
    # its threads would spin beside the services, which have threads of their own.
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    _open_streams()
    debug = is_debugged()
    if not debug and not sys.warnoptions:
        # What a library warns of, we have to mend and not the user.
        warnings.simplefilter("ignore")
    arguments = [a for a in sys.argv[1:] if a != "--debug"]
    try:
        code = command.main(args=arguments, prog_name="w2s-harness", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as bad:
        click.echo(bad.ctx.get_help() if bad.ctx else bad.format_message())
        code = 0
    except click.Abort:
        click.echo("interrupted: run the same command again to resume", err=True)
        code = 2
    except click.ClickException as bad:
        where = bad.ctx.command_path if isinstance(bad, click.UsageError) and bad.ctx else "w2s-harness"
        said = " ".join(bad.format_message().split())
        click.echo(f"error: {said}{_near(bad)}{_origin(bad)} (`{where} --help` shows the flags)", err=True)
        code = 4
    except Exception as bad:  # noqa: BLE001 (boundary: the process's outermost frame)
        code = _explained(bad, debug=debug)
    sys.exit(_flushed(code if isinstance(code, int) else 0, debug=debug))


def _flushed(code: int, *, debug: bool) -> int:
    """The exit code once all output is out: the interpreter's own flush would end with a traceback."""
    try:
        sys.stdout.flush()
    except OSError as bad:
        if code == 0:
            code = _explained(bad, debug=debug)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return code


def _explained(bad: Exception, *, debug: bool) -> int:
    from w2s_harness.cli import failure

    return failure.explain(bad, debug=debug)
