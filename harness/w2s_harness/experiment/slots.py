"""Job slots: threads of the host, each with a student service of its own."""

from __future__ import annotations

import os
import queue
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from w2s_harness.errors import UsageError
from w2s_harness.models.client import ServiceClient

U = TypeVar("U")
R = TypeVar("R")

_POLL_S = 0.1
_SLOT_MIB = 1000
_MOST_SLOTS = 256


class Slots:
    """Work units off on `n` services of one role; the services start when first needed and end together."""

    def __init__(self, n: int, start: Callable[[], ServiceClient], cancel: threading.Event) -> None:
        self.n = n
        self.cancel = cancel
        self.busy_s = 0.0
        """Seconds that the services computed, summed over slots."""
        self._start = start
        self._clients: list[ServiceClient] = []
        self._idle: queue.SimpleQueue[ServiceClient] = queue.SimpleQueue()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, bad: BaseException | None, tb: TracebackType | None
    ) -> None:
        for client in self._clients:
            self.busy_s += client.busy_s
            client.kill() if kind else client.close()

    def map(
        self, units: Sequence[U], work: Callable[[ServiceClient, U], R], done: Callable[[U, R], bool | None]
    ) -> None:
        """Call `work` for every unit and `done` (in the calling thread) for every result.

        `done` may return True to stop early. The first exception of any unit stops the rest and is raised.
        """
        _Batch(self, list(units), work, done).run()

    def take(self) -> ServiceClient:
        """A service that lives; a dead one is replaced."""
        while True:
            try:
                client = self._idle.get_nowait()
            except queue.Empty:
                break
            if client.alive:
                return client
            self._forget(client)
        client = self._start()
        with self._lock:
            self._clients.append(client)
        return client

    def give(self, client: ServiceClient) -> None:
        """Hand a service back for the next unit."""
        self._idle.put(client)

    def kill(self) -> None:
        """End every service now."""
        with self._lock:
            for client in self._clients:
                client.kill()

    def _forget(self, client: ServiceClient) -> None:
        client.kill()
        with self._lock:
            self.busy_s += client.busy_s
            self._clients.remove(client)


class _Batch(Generic[U, R]):
    """One `Slots.map`."""

    def __init__(
        self,
        slots: Slots,
        units: list[U],
        work: Callable[[ServiceClient, U], R],
        done: Callable[[U, R], bool | None],
    ) -> None:
        self.slots, self.work, self.done = slots, work, done
        self.total = len(units)
        self.todo: queue.SimpleQueue[U] = queue.SimpleQueue()
        for unit in units:
            self.todo.put(unit)
        self.results: queue.SimpleQueue[tuple[U, R | None, BaseException | None]] = queue.SimpleQueue()
        self.stop = threading.Event()

    def run(self) -> None:
        count = min(self.slots.n, self.total)
        threads = [threading.Thread(target=self._worker, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        try:
            self._collect()
        except BaseException:
            self.slots.cancel.set()
            self.slots.kill()
            raise
        finally:
            self.stop.set()
            for thread in threads:
                thread.join(timeout=2.0)

    def _collect(self) -> None:
        for _ in range(self.total):
            unit, result, bad = self._next()
            if bad is not None:
                raise bad
            if self.done(unit, result):  # type: ignore[arg-type]
                self.stop.set()
                return

    def _next(self) -> tuple[U, R | None, BaseException | None]:
        while True:
            try:
                return self.results.get(timeout=_POLL_S)
            except queue.Empty:
                if self.slots.cancel.is_set():
                    raise KeyboardInterrupt from None

    def _worker(self) -> None:
        while not (self.stop.is_set() or self.slots.cancel.is_set()):
            try:
                unit = self.todo.get_nowait()
            except queue.Empty:
                return
            try:
                client = self.slots.take()
                try:
                    result = self.work(client, unit)
                finally:
                    self.slots.give(client)
            except BaseException as bad:  # noqa: BLE001 (boundary: a unit; raised again in the calling thread)
                self.results.put((unit, None, bad))
                return
            self.results.put((unit, result, None))


def slot_count(text: str) -> int:
    """`-n`: a number, or `auto` for cores capped by memory (and by GPUs where there are any).

    Raises `UsageError` for anything else.
    """
    if text != "auto":
        if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
            raise UsageError(f"-n {text[:40]}: give a number of job slots from 1 up, or auto")
        if int(text) > _MOST_SLOTS:
            raise UsageError(f"-n {text}: each slot is a process with a model in it; at most {_MOST_SLOTS}")
        return int(text)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    gpus = len(list(Path("/dev").glob("nvidia[0-9]*")))
    return max(1, min(cores, _available_mib() // _SLOT_MIB, gpus or cores))


def _available_mib() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 4 * _SLOT_MIB
    return next(
        (int(line.split()[1]) // 1024 for line in lines if line.startswith("MemAvailable")), 4 * _SLOT_MIB
    )
