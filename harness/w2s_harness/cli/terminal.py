"""What a run says while it works: a listener of the life-cycle hooks, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from w2s_harness.hookspecs import hookimpl
from w2s_harness.plan import Cell, Plan


class Terminal:
    """Plain lines; on a terminal, progress on one line that is rewritten."""

    def __init__(self, verbosity: int) -> None:
        self.verbosity = verbosity
        self.is_tty = sys.stderr.isatty()
        self.done = self.total = self.cached = 0
        self.stage = ""
        self.failed = 0

    @hookimpl
    def w2s_run_start(self, plan: Plan, run_dir: str) -> None:
        """Say what will be run."""
        cells = sum(1 for _ in plan.cells())
        pairs = ", ".join(pair.name for pair in plan.pairs)
        joined = "x" if all(task.runs_on(pair) for task in plan.tasks for pair in plan.pairs) else "on"
        self.say(
            f"{_count(len(plan.tasks), 'task')} {joined} {pairs} x {_count(len(plan.methods), 'method')} x "
            f"{_count(len(plan.seeds), 'seed')} = {_count(cells, 'cell')}   run {run_dir}"
        )

    @hookimpl
    def w2s_stage_start(self, stage: str, total: int) -> None:
        """Begin a stage's count."""
        self.finish_line()
        self.stage, self.total, self.done, self.cached = stage, total, 0, 0

    @hookimpl
    def w2s_stage_progress(self, stage: str, unit: str, cached: bool) -> None:
        """Count one unit."""
        self.done += 1
        self.cached += cached
        if self.verbosity > 0:
            self.say(f"{stage} {self.done}/{self.total}  {unit}{'  (kept)' if cached else ''}")
        elif self.is_tty and self.verbosity == 0:
            click.echo(f"\r{self.line()}", err=True, nl=False)
        if self.done == self.total:
            self.finish_line()

    @hookimpl
    def w2s_cell_finish(self, cell: Cell, record: Mapping[str, Any]) -> None:
        """Show a failed cell at once."""
        if record.get("error"):
            self.failed += 1
            if self.failed <= 10 or self.verbosity > 0:
                first = str(record["error"]).partition("\n")[0]
                self.say(f"FAILED {cell.id}: {first}")

    def line(self) -> str:
        """The current stage's count."""
        kept = f" ({self.cached} kept)" if self.cached else ""
        return f"{self.stage} {self.done}/{self.total}{kept}"

    def finish_line(self) -> None:
        """End the current stage's line."""
        if self.stage and self.verbosity <= 0:
            if self.is_tty and self.verbosity == 0:
                click.echo("\r", err=True, nl=False)
            self.say(self.line())
        self.stage = ""

    def say(self, text: str) -> None:
        """One line on stderr, unless -q."""
        if self.verbosity >= 0:
            click.echo(text, err=True)


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
