"""How long agents have worked, over all sessions of a run."""

from __future__ import annotations

import time
from collections.abc import Callable

from w2s_harness.agent.journal import Journal


class Clock:
    """Counts the seconds in which agents may work; what a killed session had used is kept.

    :param journal: where a line stands for each span of work. :param hours: what may be used in all.
    """

    def __init__(self, journal: Journal, hours: float, now: Callable[[], float] = time.monotonic) -> None:
        self._journal, self._now = journal, now
        self.limit_s = hours * 3600
        self._before = sum(float(line["seconds"]) for line in journal.read())
        self._since = now()
        self._written = self._since

    def used_s(self) -> float:
        """Seconds of work so far."""
        return self._before + self._now() - self._since

    def left_s(self) -> float:
        """Seconds of work left, 0 at least."""
        return max(0.0, self.limit_s - self.used_s())

    def tick(self) -> None:
        """Write down what was worked since the last tick."""
        now = self._now()
        self._journal.append({"seconds": now - self._written})
        self._written = now
