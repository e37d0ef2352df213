"""Agents side by side, each in a thread of its own, until the last has ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from w2s_harness.contract.errors import HarnessError, ModelError, UsageError
from w2s_studies.agents.books.money import Clock
from w2s_studies.agents.host.referee import InterruptedRunError

_TICK_S = 2.0
LAST_S = 20.0
"""So long the requests at hand may go on when the time is over or after an interrupt."""


class Agent(Protocol):
    """Anything that works until it has done what it can."""

    def run(self) -> object:
        """Until it ends by itself; what ended it, where it says so."""
        ...


class Crew:
    """The agents of a run at work.

    :param make: an agent by its name, which goes on from where its transcript ends. :param over: told the
        name of each that has ended. :param tick: called every few seconds. :param stop: ends them between two
        requests. :param cancel: ends the request at hand, after an interrupt and `LAST_S` seconds after the
        time is over; it is taken back when all have ended.
    """

    def __init__(
        self,
        names: Sequence[str],
        make: Callable[[str], Agent],
        over: Callable[[str], None],
        tick: Callable[[], None],
        *,
        clock: Clock,
        stop: threading.Event,
        cancel: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        self._names, self._make, self._over, self._tick = names, make, over, tick
        self._clock, self._stop, self._cancel, self._say = clock, stop, cancel, say
        self.ended: dict[str, str] = {}
        """Why each that says so has ended, by name."""
        self.failures: dict[str, HarnessError | Exception] = {}
        """What broke an agent off for good, by name."""
        self._over_since: float | None = None
        self.paused: dict[str, ModelError] = {}
        """Those whose model did not answer; they go on when the run is resumed."""

    def work(self) -> None:
        """Until all have ended or the time is over. Raises `KeyboardInterrupt` after they were stopped."""
        threads = [
            threading.Thread(target=self._one, args=(name,), name=name, daemon=True) for name in self._names
        ]
        for thread in threads:
            thread.start()
        try:
            self._wait(threads)
            # the board is still to be made
            self._cancel.clear()
        finally:
            self._stop.set()

    def unusable(self) -> UsageError | None:
        """What no agent could begin with; None where one could."""
        found = [bad for bad in self.failures.values() if isinstance(bad, UsageError)]
        return found[0] if len(found) == len(self._names) else None

    def _wait(self, threads: list[threading.Thread]) -> None:
        try:
            while any(thread.is_alive() for thread in threads):
                for thread in threads:
                    thread.join(timeout=_TICK_S / len(threads))
                self._clock.tick()
                self._end_in_time()
                self._tick()
        except KeyboardInterrupt:
            self._stop.set()
            self._cancel.set()
            for thread in threads:
                thread.join(timeout=LAST_S)
            raise

    def _end_in_time(self) -> None:
        """Let agents begin nothing more when the time is over, and soon end what they began."""
        if self._clock.left_s() > 0:
            return
        now = time.monotonic()
        if not self._stop.is_set():
            self._say("the time is over")
            self._stop.set()
        self._over_since = now if self._over_since is None else self._over_since
        if now - self._over_since >= LAST_S and not self._cancel.is_set():
            self._cancel.set()

    def _one(self, name: str) -> None:
        """An agent's life; what goes wrong ends this agent alone."""
        try:
            because = self._make(name).run()
            if isinstance(because, str):
                self.ended[name] = because
        except InterruptedRunError:
            pass
        except ModelError as bad:
            self.paused[name] = bad
        except Exception as bad:  # noqa: BLE001 (boundary: an agent's thread)
            self.failures[name] = bad
        finally:
            self._over(name)


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
