"""A script of an agent's as a method, so that the jail of methods holds it."""

from __future__ import annotations

NAME = "script"
FAILED = "the script failed"
"""Why a script's cell has no score where the script raised; its traceback stands in the output."""
OUTPUT_CHARACTERS = 16 * 1024
"""Of output that an agent is shown: the first and the last half of them."""
_TEMPLATE = '''\
"""Runs one script where a method would be fitted."""

import linecache
import sys
import traceback
from pathlib import Path

from w2s_harness import Method, Skip, hookimpl

SOURCE = {source!r}
FILE = "<script>"
FRAMES = 10


class Script(Method):
    """A script; it hands in no student."""

    name = "{name}"

    def fit(self, problem, student, rng):
        # A script that is stopped keeps what it printed until then.
        sys.stdout.reconfigure(line_buffering=True)
        linecache.cache[FILE] = (len(SOURCE), None, SOURCE.splitlines(keepends=True), FILE)
        names = {{
            "__name__": "__main__", "problem": problem, "student": student, "rng": rng,
            "workspace": Path({workspace!r}),
        }}
        why = "the script has ended"
        try:
            exec(compile(SOURCE, FILE, "exec"), names)
        except SystemExit as bad:
            if bad.code not in (None, 0):
                why = "{failed}"
                print(f"SystemExit: {{bad.code}}", file=sys.stderr)
        except BaseException as bad:
            why = "{failed}"
            own = [f for f in traceback.extract_tb(bad.__traceback__) if f.filename == FILE]
            print("".join(traceback.format_list(own[-FRAMES:])), end="", file=sys.stderr)
            print("".join(traceback.format_exception_only(bad)), end="", file=sys.stderr)
        raise Skip(why)


@hookimpl
def w2s_methods():
    return [Script]
'''


def wrapped(text: str, workspace: str = ".") -> bytes:
    """A module that offers one method, `NAME`, whose fit runs `text` and then skips.

    The script finds `problem`, `student` and `rng` of the training phase and the path `workspace`; its
    traceback shows its own lines alone. A script that raised skips with the reason `FAILED`.
    """
    return _TEMPLATE.format(source=text, name=NAME, failed=FAILED, workspace=workspace).encode()


def capped(output: str, room: int = OUTPUT_CHARACTERS) -> str:
    """`output` with its middle left out where it is longer than `room` characters."""
    if len(output) <= room:
        return output
    half = room // 2
    return f"{output[:half]}\n... {len(output) - 2 * half} characters left out ...\n{output[-half:]}"
