"""Whose turn it is: agents that are programs take turns, so that a run is the same every time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self


class Turns:
    """A round of names; `with turns.of(name)` waits until it is that name's turn and passes it on.

    :param names: in the order of the round. :param stop: ends all waiting.
    """

    def __init__(self, names: Sequence[str], stop: threading.Event) -> None:
        self._names = list(names)
        self._at = 0
        self._stop = stop
        self._changed = threading.Condition()

    def of(self, name: str) -> _Turn:
        """A context in which it is the turn of `name`."""
        return _Turn(self, name)

    def leave(self, name: str) -> None:
        """Take a name out of the round."""
        with self._changed:
            index = self._names.index(name)
            self._names.remove(name)
            if index < self._at:
                self._at -= 1
            self._at = self._at % len(self._names) if self._names else 0
            self._changed.notify_all()

    def wait(self, name: str) -> None:
        """Return when it is the name's turn, or when all is to stop."""
        with self._changed:
            while not self._stop.is_set() and self._names[self._at] != name:
                self._changed.wait(timeout=0.2)

    def pass_on(self) -> None:
        """The next name's turn."""
        with self._changed:
            if self._names:
                self._at = (self._at + 1) % len(self._names)
            self._changed.notify_all()


class _Turn:
    def __init__(self, turns: Turns, name: str) -> None:
        self._turns, self._name = turns, name

    def __enter__(self) -> Self:
        self._turns.wait(self._name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, bad: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._turns.pass_on()
