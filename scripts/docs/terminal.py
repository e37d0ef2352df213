"""Write `docs/terminal.md`: what a run looks like at 80 and 120 columns, as its own renderers draw it.

    python scripts/docs/terminal.py [--check] [PAGE]

A short story of a run is told to the listener that draws progress, with a clock of its own, and the table
is that of README's leaderboard. `--check` only compares, and ends with 1 where the page is out of date.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
from rich.console import Console

from w2s_harness.cli.terminal.bars import Bars
from w2s_harness.cli.terminal.listener import WORKING, Terminal
from w2s_harness.report import formats
from w2s_harness.report.document import document

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "terminal.md"
BOARD = DOCS / "readme-leaderboard.json"
TASK = "kinds"
WIDTHS = (80, 120)
_RUN = ".w2s/runs/20261201-101500-000-5c0e"
_ERROR = "ValueError: mine.py:21: zero-size array to reduction operation maximum"
_HEAD = """\
# What a run looks like

<!-- Written by scripts/docs/terminal.py from the renderers themselves; change those. -->

`w2s-harness run --tasks kinds --methods ...,./mine.py` at 80 and at 120 columns. The events are scripted
(`mine` fails on one seed) and the numbers are README's; all of it is drawn by the code that draws a run.
Progress goes to standard error and is wiped when the result comes, which goes to standard output. See
[the command line](cli.md) for the flags and [statistics](statistics.md) for what the numbers mean.
"""


class _Story:
    """A run as its listeners hear of it, told up to a moment."""

    def __init__(self, width: int) -> None:
        self.now, self.screen = 0.0, io.StringIO()
        console = Console(file=self.screen, width=width, force_terminal=True, color_system=None, markup=False)
        self.terminal = Terminal(0, lambda: self.now)
        self.bars = _Still(self.terminal, console)
        self.terminal.draw_with(self.bars)

    def shown(self) -> str:
        """The lines so far and what is drawn below them."""
        above = self.screen.getvalue()
        self.bars.console.print(self.bars.frame())
        whole = self.screen.getvalue()
        self.screen.seek(len(above))
        self.screen.truncate()
        return "\n".join(line.rstrip() for line in whole.splitlines())

    def starts(self) -> None:
        task: Any = SimpleNamespace(runs_on=lambda pair: True)
        plan: Any = SimpleNamespace(
            tasks=[task], pairs=[SimpleNamespace(name="tiny-kinds")], methods=range(7), seeds=range(5),
            cells=lambda: range(35),
        )  # fmt: skip
        self.terminal.w2s_run_start(plan=plan, run_dir=_RUN)

    def stage(self, name: str, total: int, seconds: float) -> None:
        """A whole stage."""
        self.terminal.w2s_stage_start(stage=name, total=total)
        self.some(name, total, seconds)

    def some(self, name: str, units: int, seconds: float) -> None:
        """Some units of a stage."""
        self.now += seconds
        for _ in range(units):
            self.terminal.w2s_stage_progress(stage=name, unit="", cached=False)

    def fails(self) -> None:
        cell: Any = SimpleNamespace(id="kinds/tiny-kinds/mine/s3")
        self.terminal.w2s_cell_finish(cell=cell, record={"error": _ERROR})


class _Still(Bars):
    """Bars that are drawn when they are asked for, not by the clock."""

    def start(self) -> None:
        """Wait to be asked."""

    def stop(self) -> None:
        """Nothing is to be wiped."""


def moments(width: int) -> list[tuple[str, str]]:
    """What the terminal shows at some moments of the run, each with a title."""
    story = _Story(width)
    story.now = 0.8
    found = [("In the first second", story.shown())]
    story.now = 2.0
    story.starts()
    story.stage("features", 3, 6.0)
    story.stage("tune", 5, 3.0)
    story.terminal.w2s_stage_start(stage="weak", total=5)
    story.some("weak", 2, 1.0)
    found.append(("A stage under way", story.shown()))
    story.some("weak", 3, 1.0)
    story.stage("ceiling", 5, 2.0)
    story.stage("controls", 48, 9.0)
    story.terminal.w2s_stage_start(stage="cells", total=35)
    story.terminal.w2s_stage_start(stage="re-runs", total=210)
    story.some("cells", 9, 8.0)
    story.some("re-runs", 61, 2.0)
    story.fails()
    story.some("cells", 1, 1.0)
    found.append(("Cells and the guards' re-runs of them, one cell failed", story.shown()))
    story.some("re-runs", 149, 30.0)
    story.some("cells", 25, 1.0)
    return [*found, ("The result", _result(width))]


def plain() -> str:
    """What the same run writes into a file."""
    with contextlib.redirect_stderr(io.StringIO()) as written:
        terminal = Terminal(0)
        story = _Story(120)
        story.terminal = terminal
        terminal.doing = WORKING
        story.starts()
        for name, total in (("features", 3), ("tune", 5), ("weak", 5), ("ceiling", 5), ("controls", 48)):
            story.stage(name, total, 1.0)
    return written.getvalue()


def _result(width: int) -> str:
    board = document.read(BOARD)
    rows = [r for r in board.rows if r.task == TASK]
    mine = msgspec.structs.replace(
        rows[0], method="mine", status="failed", pgr=None, pgr_ci=None, pgr_ci_pool=None, rank=None,
        reason=f"seed 3: {_ERROR}", claim=None,
    )  # fmt: skip
    only = msgspec.structs.replace(
        board,
        settings=[s for s in board.settings if s.task == TASK],
        rows=[*rows, mine],
        controls=[c for c in board.controls if c.task == TASK],
    )
    return formats.render(only, "text", width).rstrip()


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for width in WIDTHS:
        parts.append(f"## {width} columns\n")
        for title, screen in moments(width):
            parts.append(f"{title}:\n\n```text\n{screen}\n```\n")
    parts.append("## Where standard error is no terminal\n")
    parts.append(f"One line for each stage, when it ends:\n\n```text\n{plain()}```\n")
    return "\n".join(parts)


def main() -> int:
    """Write or compare the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("page", nargs="?", type=Path, default=PAGE)
    asked = parser.parse_args()
    made = page()
    if asked.check:
        return int(made != asked.page.read_text(encoding="utf-8"))
    asked.page.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
