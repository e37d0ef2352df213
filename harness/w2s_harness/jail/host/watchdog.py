"""The host's eye on living workers: one that uses more than it may is killed, and its cell says why.

The kernel's own limits leave gaps: root may start any number of threads, a folder on disk has no size.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from pathlib import Path
from typing import Protocol

from w2s_harness.jail.policy import ProcessLimits

TICK_S = 0.1
MAX_DEPTH = 64
"""Folders inside one another in a scratch folder."""
_MIB = 2**20


class Watched(Protocol):
    """What the watchdog needs of a worker."""

    pid: int
    scratch: Path
    limits: ProcessLimits

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


def overrun(pid: int, scratch: Path, limits: ProcessLimits) -> str | None:
    """What a process uses beyond its limits, or None. A process or folder that is gone uses nothing."""
    held, threads = _held(pid)
    if held > limits.memory_bytes:
        return f"held {held // _MIB} MiB of memory, over the {limits.memory_bytes // _MIB} MiB allowed"
    if threads > limits.threads:
        return f"ran {threads} threads, over the {limits.threads} allowed"
    return _ScratchUsage(limits, nameless(pid, scratch)).of(scratch)


def _held(pid: int) -> tuple[int, int]:
    """Resident bytes and number of threads."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0, 0
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    return 1024 * int(facts.get("VmRSS", "0").split()[0]), int(facts.get("Threads", "0"))


def nameless(pid: int, scratch: Path) -> int:
    """Bytes on disk of deleted files that a process holds open, or has mapped from its scratch folder.

    0 where the process is gone, or hides them, as one does whose scratch folder has a size of its own.
    """
    held = {}
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    status = entry.stat()
                    if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                        held[status.st_ino] = 512 * status.st_blocks
        lines = Path(f"/proc/{pid}/maps").read_bytes().splitlines()
    except OSError:
        return sum(held.values())
    inside = os.fsencode(scratch) + b"/"
    for line in lines:
        parts = line.split(None, 5)
        # "address perms offset device inode path (deleted)"; a private one takes memory, not disk
        if line.endswith(b" (deleted)") and b"s" in parts[1] and parts[5].startswith(inside):
            start, _, end = parts[0].partition(b"-")
            inode, size = int(parts[4]), int(end, 16) - int(start, 16)
            held[inode] = max(held.get(inode, 0), size)
    return sum(held.values())


class _ScratchUsage:
    """Adds up a folder, following no link, until something is too much."""

    def __init__(self, limits: ProcessLimits, used: int = 0) -> None:
        self._limits = limits
        self._bytes, self._files = used, 0

    def of(self, folder: Path | str, parent: int | None = None, depth: int = MAX_DEPTH) -> str | None:
        """What is too much, or None; a folder that is gone holds nothing."""
        try:
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        except OSError:
            return None
        try:
            with contextlib.suppress(OSError), os.scandir(fd) as entries:
                for entry in entries:
                    why = self._entry(fd, entry.name, depth)
                    if why is not None:
                        return why
        finally:
            os.close(fd)
        return self._room()

    def _room(self) -> str | None:
        if self._bytes > self._limits.scratch_bytes:
            return f"wrote over the {self._limits.scratch_bytes // _MIB} MiB that its scratch folder may hold"
        return None

    def _entry(self, parent: int, name: str, depth: int) -> str | None:
        try:
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except OSError:
            return None
        self._files += 1
        self._bytes += 512 * status.st_blocks
        why = self._room()
        if why is not None:
            return why
        if self._files > self._limits.scratch_files:
            return f"made over the {self._limits.scratch_files} files that its scratch folder may hold"
        if not stat.S_ISDIR(status.st_mode):
            return None
        if depth == 0:
            return f"made folders inside one another deeper than the {MAX_DEPTH} allowed"
        return self.of(name, parent, depth - 1)
