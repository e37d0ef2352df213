"""Orders on their way to the zygote: as a sealed file in memory, since a packet holds 64 KiB and no more."""

from __future__ import annotations

import fcntl
import os
from typing import Any, TypeVar

import msgspec

from w2s_harness.contract.errors import WorkerError

MOST = 64 * 2**20
"""Bytes of an order; it names every file that is open to a worker."""
PACKET = b"order"
"""What is sent beside the descriptor."""
_SEALS = 0b1111
"""No more seals, no shrinking, growing or writing."""
T = TypeVar("T")


def sealed(message: msgspec.Struct) -> int:
    """A descriptor of a file in memory that holds `message` as JSON and can be changed no more.

    Raises `WorkerError` for paths that UTF-8 cannot hold.
    """
    try:
        body = memoryview(msgspec.json.encode(message))
    except UnicodeEncodeError as bad:
        raise WorkerError(f"a path of the worker's is not UTF-8: {bad.object[:100]!r}. Rename it.") from None
    fd = os.memfd_create("w2s-order", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        while body:
            body = body[os.write(fd, body) :]
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(fd)
        raise
    return fd


def opened(fd: int, kind: type[T] | Any) -> T:
    """What `sealed` wrote. Raises `ValueError` or `msgspec.DecodeError` for anything else."""
    size = os.fstat(fd).st_size
    if size > MOST:
        raise ValueError(f"an order of {size} bytes")
    message: T = msgspec.json.decode(os.pread(fd, size, 0), type=kind)
    return message
