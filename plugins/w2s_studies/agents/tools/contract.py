"""What the parts of an agent run say to each other: tools, evaluations, and scripts that the jail runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from w2s_harness.contract.plan import Value


FAMILIES = (
    "self-training",
    "ensemble",
    "distillation",
    "data filtering",
    "confidence weighting",
    "loss function",
    "unsupervised elicitation",
    "curriculum",
    "model internals",
    "evolutionary",
    "other",
)
"""The kinds of ideas by which a search's breadth is measured: the eleven of the published agent runs."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered."""

    text: str
    is_error: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The same as data, for an agent that is a program; holds nothing that the text does not say."""


class Toolbox(Protocol):
    """One agent's tools. Whatever an agent is, it calls the same ones."""

    @property
    def schemas(self) -> Sequence[Mapping[str, Any]]:
        """`{"name", "description", "input_schema"}` of every tool, as the Messages format has them."""
        ...

    def call(self, name: str, arguments: Any, call_id: str) -> ToolResult:
        """Run a tool. Whatever an agent does wrong is a result with `is_error`, never an exception.

        A `call_id` that was answered before is answered the same again, at no cost.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Evaluation:
    """A guarded run of one method on one part of the holdout: what the host knows, not what agents see."""

    label: str
    """The method with its changed parameters: `confident[margin=0.3]`."""
    sha256: str
    """Of its source."""
    parameters: Mapping[str, Value]
    """Those that differ from their defaults."""
    error: str = ""
    """Why it has no score: a failed or skipped cell, or a disqualification. One sentence, from fit alone."""
    pgr: float | None = None
    accuracy: float | None = None
    outcomes: npt.NDArray[np.float64] | None = None
    """(seeds, n) right 1, tie .5, wrong 0; None where it has no score."""
    groups: npt.NDArray[np.int64] | None = None
    """(n,) the question of each row."""
    predictions: str = ""
    """SHA-256 of the outcomes."""
    verdicts: Sequence[Mapping[str, Any]] = ()
    """`guard, level, because, numbers, label_free` of each."""
    teacher: float | None = None
    """T: share of decisions that change with a flipped teacher; label-free."""
    output: str = ""
    """What its workers printed during fit."""
    flops: float = 0.0
    seconds: float = 0.0
    """Wall-clock seconds that the host worked on it."""


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """What a script of an agent's printed, in the jail."""

    output: str
    error: str = ""
    seconds: float = 0.0


class Referee(Protocol):
    """Runs agents' code, one request at a time."""

    def evaluate(self, file: Path, parameters: Mapping[str, Value]) -> Evaluation:
        """A full guarded run on the feedback part of the holdout."""
        ...

    def label(self, file: Path, parameters: Mapping[str, Value]) -> str:
        """The method that a file offers, with its changed parameters. Raises `HarnessError`, one line."""
        ...

    def script(self, text: str, workspace: Path) -> ScriptResult:
        """Run Python in the jail of methods, with `problem`, `student` and `rng` of the training phase."""
        ...


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
