"""Reading small files that others left in an installation: a pipe, a device or a huge file is refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path

MOST = 16 * 2**20
"""Bytes of a file of metadata."""


class Odd(OSError):
    """What lies there is no ordinary file of reasonable size."""


def read(path: str | Path, *, most: int = MOST, follow: bool = True) -> bytes:
    """The bytes of an ordinary file. Raises `OSError` for anything else, and for more than `most` bytes.

    :param follow: whether a symbolic link at the end of the path is followed.
    """
    with os.fdopen(opened(path, most=most, follow=follow), "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise Odd(f"{path}: over {most} bytes")
    return data


def opened(path: str | Path, *, most: int, follow: bool = True) -> int:
    """A descriptor of an ordinary file that is not over `most` bytes. Raises `OSError`."""
    # Opening a pipe would wait for somebody to write to it.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW)
    fd = os.open(path, flags)
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise Odd(f"{path}: not an ordinary file")
    if status.st_size > most:
        os.close(fd)
        raise Odd(f"{path}: {status.st_size} bytes, over {most}")
    return fd


def text(path: str | Path, *, most: int = MOST) -> str:
    """An ordinary file as UTF-8, a byte order mark or none. Raises `OSError`, `UnicodeDecodeError`."""
    return read(path, most=most).decode("utf-8-sig")
