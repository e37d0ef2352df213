"""A script of an agent's as a method, so that the jail of methods holds it."""

from __future__ import annotations

NAME = "script"
OUTPUT_BYTES = 16 * 1024
"""Characters of output that an agent is shown: the first and the last half of them."""
_TEMPLATE = '''\
"""Runs one script where a method would be fitted."""

import linecache
import sys
import traceback

from w2s_harness import Method, Skip, hookimpl

SOURCE = {source!r}
FILE = "script.py"


class Script(Method):
    """A script; it hands in no student."""

    name = "{name}"
    access = {access!r}

    def fit(self, problem, student, rng):
        lines = SOURCE.splitlines(keepends=True)
        linecache.cache[FILE] = (len(SOURCE), None, lines, FILE)
        names = {{"__name__": "__main__", "problem": problem, "student": student, "rng": rng}}
        try:
            exec(compile(SOURCE, FILE, "exec"), names)
        except SystemExit:
            pass
        except Exception as bad:
            own = [f for f in traceback.extract_tb(bad.__traceback__) if f.filename == FILE]
            print("".join(traceback.format_list(own)), end="", file=sys.stderr)
            print("".join(traceback.format_exception_only(bad)), end="", file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        raise Skip("the script has ended")


@hookimpl
def w2s_methods():
    return [Script]
'''


def wrapped(text: str, access: tuple[str, ...] = ()) -> bytes:
    """A module that offers one method, `NAME`, whose fit runs `text` and then skips.

    The script finds `problem`, `student` and `rng` of the training phase; its traceback shows its own lines.
    """
    return _TEMPLATE.format(source=text, name=NAME, access=access).encode()


def capped(output: str, room: int = OUTPUT_BYTES) -> str:
    """`output` with its middle left out where it is longer than `room` characters."""
    if len(output) <= room:
        return output
    half = room // 2
    return f"{output[:half]}\n... {len(output) - 2 * half} characters left out ...\n{output[-half:]}"
