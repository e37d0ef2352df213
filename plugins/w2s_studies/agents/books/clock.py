"""When agents work: how long they have, over all sessions of a run, and whose turn it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from w2s_studies.agents.books.journal import Journal


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


class Turns:
    """A round of agents that are programs, so that a run is the same every time.

    `with turns.of(name)` waits until it is that name's turn and passes it on.

    :param names: in the order of the round. :param stop: ends all waiting.
    """

    def __init__(self, names: Sequence[str], stop: threading.Event) -> None:
        self._names = list(names)
        self._at = 0
        self._stop = stop
        self._changed = threading.Condition()

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """A context in which it is the turn of `name`, or all is to stop."""
        with self._changed:
            while not self._stop.is_set() and self._names[self._at] != name:
                self._changed.wait(timeout=0.2)
        try:
            yield
        finally:
            with self._changed:
                if self._names:
                    self._at = (self._at + 1) % len(self._names)
                self._changed.notify_all()

    def leave(self, name: str) -> None:
        """Take a name out of the round."""
        with self._changed:
            index = self._names.index(name)
            self._names.remove(name)
            if index < self._at:
                self._at -= 1
            self._at = self._at % len(self._names) if self._names else 0
            self._changed.notify_all()
