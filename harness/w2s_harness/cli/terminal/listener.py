"""What a run says while it works: a listener of the life-cycle hooks, on stderr."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from w2s_harness.cli.terminal.wide import columns
from w2s_harness.contract.hookspecs import hookimpl
from w2s_harness.contract.plan import Cell, Plan
from w2s_harness.report.tables.fitting import fitted

if TYPE_CHECKING:
    from w2s_harness.cli.terminal.bars import Bars

SHOWN_FAILURES = 10
"""More failed cells are only counted, unless -v is given."""
HEARTBEAT_S = 30.0
"""Seconds after which plain output says how far a long stage is."""
PLANNING, WORKING = "planning and preparing the data", "working"


@dataclass(slots=True)
class Stage:
    """A group of work under way."""

    name: str
    total: int
    began: float
    """Seconds of the terminal's clock."""
    done: int = 0
    kept: int = 0
    """Of those done: what came from the store."""

    def left_s(self, now: float) -> float | None:
        """Seconds that the rest takes at the pace so far; None before anything was computed."""
        computed = self.done - self.kept
        if not computed or self.done >= self.total:
            return None
        return (now - self.began) / computed * (self.total - self.done)

    def line(self) -> str:
        """How far it is: `cells 12/30 (5 kept)`."""
        return f"{self.name} {self.done}/{self.total}{f' ({self.kept} kept)' if self.kept else ''}"


class Terminal:
    """Plain lines; on a terminal a spinner and a bar for each stage under way, with the same lines above.

    As a context manager it draws from the start to the end of the block. `-q` (a verbosity under 0) says
    nothing, `-v` (over 0) every unit of work.

    :param doing: what stands beside the spinner until a run begins.
    """

    def __init__(
        self, verbosity: int, clock: Callable[[], float] = time.monotonic, *, doing: str = PLANNING
    ) -> None:
        self.verbosity, self.clock = verbosity, clock
        self.began = self.spoke = clock()
        self.stages: dict[str, Stage] = {}
        """Those under way."""
        self.doing = doing
        self.failed = 0
        """Cells."""
        self._bars: Bars | None = None

    def __enter__(self) -> Self:
        if self.verbosity >= 0 and is_drawable():
            from w2s_harness.cli.terminal.bars import Bars

            self.draw_with(Bars(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, bad: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def draw_with(self, bars: Bars) -> None:
        """Draw from here on; what is said stands above what is drawn."""
        self._bars = bars
        bars.start()

    def close(self) -> None:
        """Stop drawing; lines are plain from here on."""
        bars, self._bars = self._bars, None
        if bars is not None:
            bars.stop()

    @hookimpl
    def w2s_run_start(self, plan: Plan, run_dir: str) -> None:
        """Say what will be run."""
        self.doing = WORKING
        cells = sum(1 for _ in plan.cells())
        pairs = ", ".join(pair.name for pair in plan.pairs)
        joined = "x" if all(task.runs_on(pair) for task in plan.tasks for pair in plan.pairs) else "on"
        self.say(
            f"{_count(len(plan.tasks), 'task')} {joined} {pairs} x {_count(len(plan.methods), 'method')} x "
            f"{_count(len(plan.seeds), 'seed')} = {_count(cells, 'cell')}   run {run_dir}"
        )

    @hookimpl
    def w2s_stage_start(self, stage: str, total: int) -> None:
        """Begin a stage's count; stages begun with no work between them go on side by side."""
        if any(begun.done or not begun.total for begun in self.stages.values()):
            self._end_all()
        self.stages[stage] = Stage(stage, total, self.clock())

    @hookimpl
    def w2s_stage_progress(self, stage: str, unit: str, cached: bool) -> None:
        """Count one unit."""
        now = self.clock()
        here = self.stages.setdefault(stage, Stage(stage, 0, now))
        here.done += 1
        here.kept += cached
        if self.verbosity > 0:
            self.say(f"{stage} {here.done}/{here.total}  {unit}{'  (kept)' if cached else ''}")
        if here.done >= here.total:
            self._end(stage)
        elif self._bars is None and now - self.spoke >= HEARTBEAT_S:
            left = here.left_s(now)
            self.say(here.line() + (f", about {duration(left)} left" if left is not None else ""))

    @hookimpl
    def w2s_cell_finish(self, cell: Cell, record: Mapping[str, Any]) -> None:
        """Show a failed cell at once."""
        if not record.get("error"):
            return
        self.failed += 1
        first = str(record["error"]).partition("\n")[0]
        if self.failed <= SHOWN_FAILURES or self.verbosity > 0:
            self.say(f"FAILED {cell.id}: {first}")
        elif self.failed == SHOWN_FAILURES + 1:
            self.say("FAILED: more cells, which are only counted from here on; -v names them all")

    @hookimpl
    def w2s_run_finish(self, leaderboard: Mapping[str, Any], run_dir: str) -> None:
        """Stop drawing, for the result comes."""
        self._end_all()
        self.close()

    def say(self, text: str) -> None:
        """One line on stderr, unless -q."""
        if self.verbosity < 0:
            return
        self.spoke = self.clock()
        if self._bars is not None:
            self._bars.say(text)
        else:
            click.echo(text, err=True)

    def show(self, text: str) -> None:
        """The result, on stdout; nothing is drawn any more."""
        self.close()
        click.echo(fitted(text, columns()), nl=False)

    def _end_all(self) -> None:
        for stage in list(self.stages):
            self._end(stage)

    def _end(self, stage: str) -> None:
        ended = self.stages.pop(stage)
        if self.verbosity == 0 and ended.total:
            self.say(ended.line())


def is_drawable() -> bool:
    """Whether stderr is a terminal on which lines can be written over."""
    return sys.stderr.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def duration(seconds: float) -> str:
    """A time for people: `8 s`, `3 min`, `2 h 5 min`."""
    if (whole := round(seconds)) < 60:
        return f"{max(1, whole)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
