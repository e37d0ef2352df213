"""A run's progress as rich draws it: one spinner, and a bar for each stage under way."""

from __future__ import annotations

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from w2s_harness.cli.terminal.listener import Terminal, duration

_REFRESHES_S = 8
_BAR_SHARE = 4
"""A bar takes a quarter of the line."""


class Bars:
    """What stands below the lines of a `Terminal`, redrawn some times a second."""

    def __init__(self, terminal: Terminal, console: Console | None = None) -> None:
        self._terminal = terminal
        # NO_COLOR is rich's to obey; a line of ours is text, never mark-up
        self.console = console or Console(stderr=True, highlight=False, markup=False, emoji=False)
        # rich draws bars of ASCII where it must; its spinners it leaves to us
        self._spinner = Spinner("line" if self.console.options.ascii_only else "dots")
        self._live = Live(
            console=self.console,
            get_renderable=self.frame,
            refresh_per_second=_REFRESHES_S,
            transient=True,
            redirect_stdout=False,
        )

    def start(self) -> None:
        """Draw from here on."""
        self._live.start()

    def stop(self) -> None:
        """Wipe what was drawn."""
        self._live.stop()

    def say(self, text: str) -> None:
        """A line above the bars."""
        style = "red" if text.startswith("FAILED") else ""
        self.console.print(Text(text, style=style))

    def frame(self) -> Group:
        """What stands there now."""
        now = self._terminal.clock()
        bars = Table.grid(padding=(0, 2))
        for stage in list(self._terminal.stages.values()):
            left = stage.left_s(now)
            bars.add_row(
                f"  {stage.name}",
                ProgressBar(stage.total, stage.done, width=max(8, self.console.width // _BAR_SHARE)),
                f"{stage.done}/{stage.total}{f' ({stage.kept} kept)' if stage.kept else ''}",
                "" if left is None else f"about {duration(left)} left",
            )
        self._spinner.update(text=Text(self._status(now)))
        return Group(self._spinner, bars) if bars.row_count else Group(self._spinner)

    def _status(self, now: float) -> str:
        parts = [self._terminal.doing, duration(now - self._terminal.began)]
        if self._terminal.failed:
            parts.append(f"{self._terminal.failed} failed")
        return "   ".join(parts)
