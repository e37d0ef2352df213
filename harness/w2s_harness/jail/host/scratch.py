"""Folders that workers may write in, made by the host and removed by the host."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import tempfile
from pathlib import Path

PREFIX = "w2s-scratch-"
_LOCK = "lock"


class Scratch:
    """One folder per zygote, with a folder per worker inside.

    The host holds a lock on it as long as it lives, so that the next host can tell what a dead one left.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = Path(tempfile.gettempdir()) if root is None else root
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._root))
        # Locked before it has its name: a sweep never finds it free.
        unnamed = self.path / f"{_LOCK}.new"
        self._lock = os.open(unnamed, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        unnamed.rename(self.path / _LOCK)

    def new(self) -> Path:
        """An empty folder for one worker."""
        return Path(tempfile.mkdtemp(prefix="cell-", dir=self.path))

    def close(self) -> None:
        """Remove everything."""
        remove(self.path)
        os.close(self._lock)


def sweep(root: Path | None = None) -> None:
    """Remove the folders of hosts that have died."""
    for path in (Path(tempfile.gettempdir()) if root is None else root).glob(f"{PREFIX}*"):
        is_ours = not path.is_symlink() and path.is_dir() and path.stat().st_uid == os.getuid()
        if is_ours and _is_free(path / _LOCK):
            remove(path)


def remove(path: Path) -> None:
    """Remove a folder and what is in it, whatever permissions the worker gave it; follows no link.

    Folders inside folders are moved to the top first, so their depth does not matter.
    """
    token, count, todo = secrets.token_hex(8), 0, [path]
    while todo:
        folder = todo.pop()
        for name in _emptied(folder):
            inner = folder / name
            if folder != path:
                count += 1
                moved = path / f"{token}-{count}"
                with contextlib.suppress(OSError):
                    # Moving a folder writes into it.
                    inner.chmod(0o700)
                    inner.rename(moved)
                inner = moved
            todo.append(inner)
        if folder != path:
            with contextlib.suppress(OSError):
                folder.rmdir()
    with contextlib.suppress(OSError):
        path.rmdir()


def _emptied(folder: Path) -> list[str]:
    """Remove the files of a folder; return the names of its folders."""
    try:
        folder.chmod(0o700)
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError:
        return []
    for entry in found:
        if not entry.is_dir(follow_symlinks=False):
            with contextlib.suppress(OSError):
                os.unlink(entry.path)  # noqa: PTH108 (a Path each is slow)
    return [entry.name for entry in found if entry.is_dir(follow_symlinks=False)]


def _is_free(lock: Path) -> bool:
    """Whether no living host holds the lock."""
    with contextlib.suppress(OSError):
        fd = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        finally:
            os.close(fd)
    return False
