"""The real command line: in a fork of a warm process where that is the same, else in a subprocess."""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from warm import CLI, Warm

WORDS = [f"{a}{b}{c}" for a in "bdkm" for b in "aeiou" for c in "nst"]
GOOD = set(WORDS[::3]) | set(WORDS[1::6])
METHODS = "vanilla,confident:margin=.3,zero-shot,./mine.py"
MINE = '''"""Two methods in one file."""

from dataclasses import dataclass

from w2s_harness import Method, hookimpl


@dataclass(frozen=True)
class Shrunk(Method):
    """Weak labels pulled towards 1/2."""

    name = "shrunk"
    authors = ("Ada",)
    authored_hours = 2.0
    authored_usd = 40.0
    by: float = 0.5

    def fit(self, problem, student, rng):
        return student.fit(problem.rows, 0.5 + (problem.weak - 0.5) * self.by)


class Pair(Method):
    """Two halves, averaged."""

    name = "halves"

    def fit(self, problem, student, rng):
        half = rng.random(len(problem.weak)) < 0.5
        parts = [student.fit(problem.rows[h], problem.weak[h]) for h in (half, ~half)]
        return student.ensemble(parts)


@hookimpl
def w2s_methods():
    return [Shrunk, Pair]
'''


@dataclass(frozen=True)
class Done:
    """What a command did."""

    code: int
    out: str
    err: str
    seconds: float


@functools.cache
def warm_cli() -> Warm:
    """The warm command line of the running environment; kept to the end of this process."""
    running = Warm(Place(Path()).environment())
    atexit.register(running.close)
    return running


@dataclass(frozen=True)
class Place:
    """A folder in which `w2s-harness run` is called, with the flags that all calls share."""

    folder: Path
    flags: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)

    def words(self, *arguments: str) -> list[str]:
        """What the program is given."""
        shared = self.flags if arguments[:1] == ("run",) else ()
        return [*arguments[:1], *shared, *arguments[1:]]

    def command(self, *arguments: str) -> list[str]:
        return [str(CLI), *self.words(*arguments)]

    def warm(self) -> Warm | None:
        """What stands for a new process of `command`."""
        return warm_cli()

    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("W2S_") and k != "PYTHONPATH"}
        # Guards judge every run here; what they ask to be run again and the controls have tests of their own.
        left_out = {"W2S_COUNTERFACTUALS": "none", "W2S_CONTROLS": "false"}
        # What a method file is given is the same in every store then.
        known = {"W2S_SECRET": "5a" * 32}
        ours = {"HF_HUB_OFFLINE": "1", "COLUMNS": "200", **left_out, **known}
        return kept | ours | self.env

    def __call__(self, *arguments: str, timeout: float = 300.0) -> Done:
        began = time.monotonic()
        running, environment = self.warm(), self.environment()
        if running is None or not running.takes(environment):
            return self.cold(*arguments, timeout=timeout)
        told = running.call(self.words(*arguments), self.folder, environment, timeout)
        return Done(*told, time.monotonic() - began)

    def cold(self, *arguments: str, timeout: float = 300.0) -> Done:
        """The command as a user starts it: in a new process, whose services are new ones too."""
        began = time.monotonic()
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        return Done(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The command in a process group of its own."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A shell that runs the tests in the background has them ignore Ctrl-C, and so their children.
            preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )

    def board(self, run: str | None = None) -> dict:
        """The leaderboard of a run, by default the last."""
        folder = self.folder / ".w2s" / "runs"
        name = run or max(p.name for p in folder.iterdir())
        return json.loads((folder / name / "leaderboard.json").read_text("utf-8"))


def numbers(board: dict) -> str:
    """A board without what may differ between two runs of one plan."""
    return json.dumps({k: v for k, v in board.items() if k not in ("timing", "machine")})
