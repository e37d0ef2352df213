"""Who uses a store, and what of it: so that what nobody needs can be removed while nothing is broken.

Every process that has a store open holds a shared lock on `STORE/lock`; `w2s-harness clean` takes it alone.
Every run notes the keys that it asked for in its folder's `keys`, one a line, and holds a shared lock on that
file while it works.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

LOCK, KEYS = "lock", "keys"


class Uses:
    """The keys that a process asked a store for. Safe for threads."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._file: IO[str] | None = None
        self._lock = threading.Lock()

    def note(self, key: str) -> None:
        """Note a key, once."""
        if key in self._seen:
            return
        with self._lock:
            self._seen.add(key)
            if self._file is not None:
                self._file.write(f"{key}\n")

    def write_to(self, file: Path) -> None:
        """Add to `file` what was noted so far and what will be. Raises `OSError`."""
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file = file.open("a", encoding="ascii")
            _lock(self._file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
            self._file.writelines(f"{key}\n" for key in sorted(self._seen))

    def flush(self) -> None:
        """Hand what was noted to the system. Raises `OSError`."""
        with self._lock:
            if self._file is not None:
                self._file.flush()

    def close(self) -> None:
        """Write what is left, and let go of the file. Raises `OSError`."""
        with self._lock:
            file, self._file = self._file, None
            if file is not None:
                file.close()


def keys_of(folder: Path) -> set[str] | None:
    """What a run's folder says that it uses; None where it does not say, as one of an older version."""
    try:
        lines = (folder / KEYS).read_bytes().split(b"\n")
    except FileNotFoundError:
        return None
    return {line.decode("ascii", "replace") for line in lines if line}


def is_working(folder: Path) -> bool:
    """Whether a process works on a run now; nobody is seen where a file system has no locks."""
    try:
        with (folder / KEYS).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def in_use(root: Path) -> Iterator[None]:
    """Hold the store as one of its users; while another removes from it, this waits. Raises `OSError`."""
    held = hold(root)
    try:
        yield
    finally:
        os.close(held)


def hold(root: Path) -> int:
    """A descriptor that holds the store's lock, shared, until it is closed. Raises `OSError`."""
    held = _opened(root)
    _lock(held, fcntl.LOCK_SH)
    return held


@contextmanager
def alone(root: Path) -> Iterator[bool]:
    """Hold the store alone; whether that could be had. Raises `OSError`."""
    held = _opened(root)
    try:
        yield _lock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(held)


def _opened(root: Path) -> int:
    return os.open(root / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _lock(file: int, how: int) -> bool:
    """Whether the lock was had. A file system without locks gives none, so nobody is ever alone there."""
    try:
        fcntl.flock(file, how)
    except OSError:
        return False
    return True
