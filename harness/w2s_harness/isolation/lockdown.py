"""What a worker gives up before it loads a method.

Called once per worker, after its descriptors are closed and before any of the method's bytes are compiled.
Each layer that is added here must be applied while the process has one thread: the kernel binds most of
them to the calling thread only.
"""

from __future__ import annotations

import ctypes
import os
import resource
from pathlib import Path
from typing import Literal

Level = Literal["L0", "L1", "L2"]

_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
MAX_FILE = 64 * 2**20
"""Bytes of one file that a worker may write."""
MAX_DESCRIPTORS = 256


class LockdownError(RuntimeError):
    """The worker cannot be locked down, so no method may be loaded."""


def lock_down() -> Level:
    """Give up what a method does not need; return the level of isolation that this reached.

    No set-uid program gains rights, no other process of the user may trace this one, no core is dumped,
    files and descriptors are bounded. That is `L0`: it keeps nothing from being read.
    Raises `LockdownError` where a step is refused or where more than one thread runs.
    """
    threads = count_threads()
    if threads != 1:
        raise LockdownError(f"{threads} threads run where one is expected")
    for option, value in ((_PR_SET_NO_NEW_PRIVS, 1), (_PR_SET_DUMPABLE, 0)):
        prctl(option, value)
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, MAX_FILE),
        (resource.RLIMIT_NOFILE, MAX_DESCRIPTORS),
    ):
        hard = resource.getrlimit(limit)[1]
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (bound, bound))
    return "L0"


def count_threads() -> int:
    """How many threads this process runs."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def prctl(option: int, value: int) -> None:
    """Linux `prctl(2)` with one argument. Raises `LockdownError` where the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise LockdownError(f"prctl({option}, {value}): {os.strerror(ctypes.get_errno())}")
