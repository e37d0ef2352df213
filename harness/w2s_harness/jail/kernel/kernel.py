"""Raw calls into the Linux kernel that Python has no function for."""

from __future__ import annotations

import ctypes
import functools
import os
from typing import TypeAlias

Argument: TypeAlias = int | bytes | None


class LockdownError(RuntimeError):
    """A step of the lock-down was refused; the message names the call and the kernel's reason."""


def call(name: str, *arguments: Argument, shown: str = "") -> int:
    """Call the libc function `name`; return its result.

    Raises `LockdownError`, of `shown` or the name, where that is negative.
    """
    # An int would be passed as a C int; these calls take longs.
    typed = (ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)
    done: int = getattr(_libc(), name)(*typed)
    if done < 0:
        raise LockdownError(f"{shown or name}: {os.strerror(ctypes.get_errno())}")
    return done


def system_call(name: str, number: int, *arguments: Argument) -> int:
    """Make the system call `number`, called `name` in errors. Raises `LockdownError` where it fails."""
    return call("syscall", number, *arguments, shown=name)


def prctl(option: int, value: int, more: Argument = 0) -> None:
    """Linux `prctl(2)`. Raises `LockdownError` where the kernel refuses."""
    call("prctl", option, value, more, 0, 0)


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
