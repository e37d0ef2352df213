"""What is printed when a command fails: one line, the mend, an exit code."""

from __future__ import annotations

import errno
import os
import select
import traceback

import click

from w2s_harness.contract.errors import ExitCode, HarnessError

_MENDS = {
    errno.ENOENT: "Check the path.",
    errno.ENOTDIR: "Check the path.",
    errno.EISDIR: "Name a file.",
    errno.ELOOP: "Mend the link.",
    errno.ENAMETOOLONG: "Give it a shorter name.",
    errno.EACCES: "Ask for the permission, or name another place.",
    errno.EPERM: "Ask for the permission, or name another place.",
    errno.EROFS: "Name another place.",
    errno.ENOSPC: "Free some and run it again.",
    errno.EDQUOT: "Free some and run it again.",
    errno.EFBIG: "Raise the limit (ulimit -f), or name another place.",
    errno.EMFILE: "Raise the limit (ulimit -n) and run it again.",
    errno.ENFILE: "Close some programs and run it again.",
    errno.EEXIST: "Move it away, or name another place.",
    errno.ENOTEMPTY: "Empty it, or name another place.",
    errno.EIO: "Check the disk.",
    errno.ESTALE: "Mount it again.",
    errno.ENXIO: "Name a file.",
    errno.ENODEV: "Name a file.",
    errno.EBUSY: "Name another place.",
    errno.ETXTBSY: "Name another place.",
}
"""What the file system says that a user can mend, and how."""


def explain(bad: Exception, *, debug: bool) -> int:
    """Print `bad` on stderr as one line (with `debug`, its traceback too) and return the exit code."""
    if debug:
        click.echo("".join(traceback.format_exception(bad)), err=True, nl=False)
    if isinstance(bad, HarnessError):
        click.echo(f"error: {one_line(str(bad))}", err=True)
        return int(bad.exit_code)
    if isinstance(bad, BrokenPipeError) and _is_unread():
        # what is still buffered has no reader either
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return int(ExitCode.OK)
    if isinstance(bad, OSError) and bad.errno in _MENDS:
        click.echo(f"error: {one_line(_of_the_disk(bad))}", err=True)
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


def _of_the_disk(bad: OSError) -> str:
    """What the file system said, of which file, and the mend."""
    full = bad.errno in (errno.ENOSPC, errno.EDQUOT)
    names = (bad.filename, bad.filename2)
    where = " to ".join(os.fsdecode(n) for n in names if isinstance(n, str | bytes | os.PathLike))
    where = where or ("the disk" if full else "a file")
    what = "no space left" if full else (bad.strerror or type(bad).__name__).lower()
    return f"{where}: {what}. {_MENDS[bad.errno or 0]}"


def _is_unread() -> bool:
    """Whether what reads our output has gone, as `head` does; any other broken pipe is a fault."""
    watched = select.poll()
    for descriptor in (1, 2):
        watched.register(descriptor, 0)
    return any(event & (select.POLLERR | select.POLLNVAL) for _, event in watched.poll(0))
