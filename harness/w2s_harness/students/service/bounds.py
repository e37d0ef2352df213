"""What a student service may use up for a cell, in seconds and memory: the host looks at it as it waits."""

from __future__ import annotations

import select
import socket
import time
from pathlib import Path

from w2s_harness.contract.errors import WorkerError

TICK_S = 0.1
"""How often a waiting host looks at the service."""
_MIB = 2**20
_SHARE = 0.8
_LEAST_BYTES = 2 * 2**30


class OverrunError(WorkerError):
    """The service used more than a cell may have it use, and is to be ended."""


class Bounds:
    """The bounds of one service; without any nothing is looked at.

    :param memory_bytes: what it may hold of its own, beside files that it maps.
    """

    def __init__(self, pid: int, memory_bytes: int | None = None) -> None:
        self._pid, self._memory_bytes = pid, memory_bytes
        self._whole_s: float | None = None
        self._left_s: float | None = None
        self._looked = 0.0

    def begin(self, clock_s: float | None) -> None:
        """A cell begins for which the service may work `clock_s` seconds in all."""
        self._whole_s = self._left_s = clock_s

    def end(self) -> None:
        """The cell is over; what follows has no clock."""
        self._whole_s = self._left_s = None

    def used(self, seconds: float) -> None:
        """Take off what a request took."""
        if self._left_s is not None:
            self._left_s -= seconds

    @property
    def timeout_s(self) -> float | None:
        """What is left of the clock, for a socket; None without one."""
        return None if self._left_s is None else max(self._left_s, 0.001)

    def wait(self, sock: socket.socket) -> None:
        """Wait until there is something to read. Raises `OverrunError`."""
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        until = None if self._left_s is None else time.monotonic() + self._left_s
        is_ready = False
        while not is_ready:
            is_ready = bool(poll.poll(1000 * TICK_S))
            if until is not None and time.monotonic() >= until:
                raise self.too_long()
            self._look()

    def too_long(self) -> OverrunError:
        """That the clock has run down."""
        return OverrunError(
            f"the student service worked more than {self._whole_s:g} s for this cell. "
            "Ask it for less, or raise --cell-timeout, of which this is a multiple."
        )

    def _look(self) -> None:
        now = time.monotonic()
        if self._memory_bytes is None or now - self._looked < TICK_S:
            return
        self._looked = now
        held = held_bytes(self._pid)
        if held > self._memory_bytes:
            raise OverrunError(
                f"the student service held {held // _MIB} MiB of memory for this cell, over the "
                f"{self._memory_bytes // _MIB} MiB that each job slot may. "
                "Ask it for less at once, or take fewer slots (-n)."
            )


def memory_share(slots: int) -> int:
    """Bytes that each of `slots` services may hold: four fifths of the memory of the machine together.

    The memory is that of the control group where this is less. At least 2 GiB.
    """
    return max(_LEAST_BYTES, int(_SHARE * _memory_bytes() / slots))


def held_bytes(pid: int) -> int:
    """Memory of a process that belongs to no file, in bytes; 0 where that cannot be known."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:")))


def _memory_bytes() -> int:
    found = [2**63]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found += [1024 * int(line.split()[1]) for line in lines if line.startswith("MemTotal:")]
    except OSError:
        pass
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(name).read_text(encoding="ascii").strip()
        except OSError:
            continue
        found += [int(text)] if text.isdigit() else []
    return min(found)
