"""The host's eye on living workers: one that uses more than it may is killed, and its cell says why.

The kernel's own limits leave gaps: root may start any number of threads, a folder on disk has no size.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Protocol

from w2s_harness.isolation.policy import Limits

TICK_S = 0.1
MAX_DEPTH = 64
"""Folders inside one another in a scratch folder."""
_MIB = 2**20


class Watched(Protocol):
    """What the watchdog needs of a worker."""

    pid: int
    scratch: Path

    @property
    def limits(self) -> Limits:
        """What it may use."""

    def end(self, why: str) -> None:
        """Kill it; `why` completes the sentence 'the worker ...'."""


class Watchdog:
    """A thread that looks at every worker that it was given, ten times a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._workers: dict[int, Watched] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; returns when the thread has ended."""
        self._over.set()
        self._thread.join()

    def watch(self, worker: Watched) -> None:
        """Look at `worker` from now on."""
        with self._lock:
            self._workers[id(worker)] = worker

    def forget(self, worker: Watched) -> None:
        """Look at `worker` no more; it is about to be closed."""
        with self._lock:
            self._workers.pop(id(worker), None)

    def _run(self) -> None:
        while not self._over.wait(TICK_S):
            with self._lock:
                workers = list(self._workers.values())
            for worker in workers:
                why = overrun(worker.pid, worker.scratch, worker.limits)
                if why is not None:
                    self.forget(worker)
                    worker.end(why)


def overrun(pid: int, scratch: Path, limits: Limits) -> str | None:
    """What a process uses beyond its limits, or None. A process or folder that is gone uses nothing."""
    held, threads = _held(pid)
    if held > limits.memory_bytes:
        return f"held {held // _MIB} MiB of memory, over the {limits.memory_bytes // _MIB} MiB allowed"
    if threads > limits.threads:
        return f"ran {threads} threads, over the {limits.threads} allowed"
    return _Usage(limits).of(scratch)


def _held(pid: int) -> tuple[int, int]:
    """Resident bytes and number of threads."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0, 0
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    return 1024 * int(facts.get("VmRSS", "0").split()[0]), int(facts.get("Threads", "0"))


class _Usage:
    """Adds up a folder, following no link, until something is too much."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bytes = self._files = 0

    def of(self, folder: Path) -> str | None:
        """What is too much, or None."""
        try:
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        return self._open(fd, MAX_DEPTH)

    def _open(self, fd: int, depth: int) -> str | None:
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    why = self._entry(fd, entry.name, depth)
                    if why is not None:
                        return why
        except OSError:
            return None
        finally:
            os.close(fd)
        return None

    def _entry(self, parent: int, name: str, depth: int) -> str | None:
        try:
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except OSError:
            return None
        self._files += 1
        self._bytes += 512 * status.st_blocks
        limits = self._limits
        if self._bytes > limits.scratch_bytes:
            return f"wrote over the {limits.scratch_bytes // _MIB} MiB that its scratch folder may hold"
        if self._files > limits.scratch_files:
            return f"made over the {limits.scratch_files} files that its scratch folder may hold"
        if (status.st_mode & 0o170000) != 0o040000:
            return None
        if depth == 0:
            return f"made folders inside one another deeper than the {MAX_DEPTH} allowed"
        try:
            fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        except OSError:
            return None
        return self._open(fd, depth - 1)
