"""Where a command writes what it was asked for: decided before anything runs.

A file is written whole or not at all, a link is followed, a device or a pipe is written to, never replaced.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
import time
from pathlib import Path

from w2s_harness.contract.errors import StoreError, UsageError
from w2s_harness.data.disk import beside, kind_of, shown, sync_folder, write_errors

READER_S = 30.0
"""How long a pipe's reader is waited for."""
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY)
"""Where a file cannot be replaced, but perhaps be written to."""


def file_for(text: str, flag: str) -> Path:
    """The file that a flag names, as far as it can be written.

    Raises `UsageError`, one line with the flag and the mend, for a folder, a socket, a disk, a missing folder
    around it, and whatever may not be written to.
    """
    if not text:
        raise UsageError(f"{flag}: names no file. Give a path, or leave it out.")
    if text.endswith("/"):
        raise UsageError(f"{flag} {shown(text)}: names a folder. Name a file in it.")
    path = Path(text)
    check_file(path, flag)
    return path


def check_file(path: Path, flag: str) -> None:
    """`file_for` of a path. Raises `UsageError` as it."""
    try:
        found = path.stat()
    except FileNotFoundError:
        found = None
    except (OSError, ValueError) as bad:
        why = bad.strerror if isinstance(bad, OSError) else "it holds a NUL"
        raise UsageError(f"{flag} {shown(path)}: cannot be written ({why}). Name another file.") from None
    number = _descriptor(path)
    if number is not None:
        _check_descriptor(number, path, flag)
        return
    kind = None if found is None else kind_of(found.st_mode)
    if kind in ("a folder", "a socket", "a disk"):
        where = f"a file in it, such as {path / 'leaderboard.json'}" if kind == "a folder" else "a file"
        raise UsageError(f"{flag} {shown(path)}: is {kind}. Name {where}.")
    if found is not None and not os.access(path, os.W_OK):
        raise UsageError(f"{flag} {shown(path)}: may not be written to. Name another file.")
    if kind == "a device":
        # a terminal that a process does not have says so only when it is opened
        with write_errors(f"{flag} {shown(path)}: cannot be written (", "). Name another file.", UsageError):
            os.close(_opened(path))
    if kind is None:
        _check_place(path, flag, is_there=found is not None)


def folder_for(text: str, flag: str) -> Path:
    """The folder that a flag names, there or not, as far as files can be made in it.

    Raises `UsageError`, one line with the flag and the mend, for what is no folder, or takes no file.
    """
    if not text:
        raise UsageError(f"{flag}: names no folder. Give a path, or leave it out.")
    path = Path(text)
    place = Path(os.path.realpath(path))
    if path.is_symlink() and not path.exists():
        raise UsageError(f"{flag} {shown(path)}: the link leads nowhere. Mend it, or name another folder.")
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not place.is_dir():
        kind = kind_of(place.stat().st_mode) or "a file"
        name = "" if place == Path(os.path.realpath(path)) else f"{shown(place)} "
        raise UsageError(f"{flag} {shown(path)}: {name}is {kind}. Name a folder.")
    why = _refusal(place)
    if why is not None:
        what = f"no file can be made in {shown(place)} ({why})"
        raise UsageError(f"{flag} {shown(path)}: {what}. Name another folder.")
    return path


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; what a device, a pipe or an open file holds is left in its place.

    Raises `OSError` where that fails, `StoreError` where nobody reads a pipe within `READER_S`.
    """
    number = _descriptor(path)
    if number is not None:
        _fill(os.dup(number), data)
        return
    try:
        found = path.stat()
    except FileNotFoundError:
        found = None
    if found is not None and kind_of(found.st_mode) is not None:
        _fill(_opened(path), data)
        return
    target = Path(os.path.realpath(path))
    try:
        _replace(target, data, found)
    except OSError as bad:
        # a file that is mounted by itself, or stands in a folder that takes no other
        if found is None or bad.errno not in _CLOSED:
            raise
        with target.open("r+b") as file:
            file.truncate()
            file.write(data)


# -- what stands in the way -------------------------------------------------------------------------------


def _check_place(path: Path, flag: str, *, is_there: bool) -> None:
    """Whether a file can be put where a path, or the link that it is, leads."""
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        where = target.parent if path.is_symlink() else path.parent
        raise UsageError(f"{flag} {shown(path)}: there is no folder {shown(where)}. Make it first.")
    why = _refusal(target.parent)
    if why is not None and not is_there:
        what = f"no file can be made in {shown(target.parent)} ({why})"
        raise UsageError(f"{flag} {shown(path)}: {what}. Name another place.")


def _refusal(folder: Path) -> str | None:
    """Why no file can be made in a folder, or None: only trying tells what quotas and mounts allow."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=".w2s-", dir=folder)
        os.close(descriptor)
        Path(name).unlink()
    except OSError as bad:
        return bad.strerror or type(bad).__name__
    return None


def _check_descriptor(number: int, path: Path, flag: str) -> None:
    import fcntl

    try:
        mode = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE
    except OSError:
        mode = os.O_RDONLY
    if mode == os.O_RDONLY:
        raise UsageError(f"{flag} {shown(path)}: is not open for writing. Name a file.")


def _descriptor(path: Path) -> int | None:
    """The number of our own open file that a path stands for, as `/dev/stdout` does; else None.

    Such a file is never replaced: whoever opened it, a shell for example, would not see it.
    """
    ours = f"/proc/{os.getpid()}/fd"
    for _ in range(40):
        if os.path.realpath(path.parent) == ours and path.name.isdecimal():
            return int(path.name)
        if not path.is_symlink():
            return None
        path = path.parent / path.readlink()
    return None


# -- writing ----------------------------------------------------------------------------------------------


def _opened(path: Path) -> int:
    """A device, or a pipe that somebody reads, opened for writing."""
    end = time.monotonic() + READER_S
    while True:
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as bad:
            if bad.errno != errno.ENXIO or not stat.S_ISFIFO(path.stat().st_mode):
                raise
            if time.monotonic() > end:
                what = f"nobody reads from the pipe ({READER_S:g} s)"
                raise StoreError(f"{shown(path)}: {what}. Start its reader, then run again.") from None
        time.sleep(0.05)


def _fill(descriptor: int, data: bytes) -> None:
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        os.set_blocking(file.fileno(), True)
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]


def _replace(path: Path, data: bytes, before: os.stat_result | None) -> None:
    with beside(path, data, 0o600) as waiting:
        if before is not None:
            with contextlib.suppress(OSError):
                os.chown(waiting, before.st_uid, before.st_gid)
        # 0600 would hide a shared leaderboard
        waiting.chmod(0o644 if before is None else stat.S_IMODE(before.st_mode))
        waiting.replace(path)
    sync_folder(path.parent)
