"""Raw calls into the Linux kernel that Python has no function for."""

from __future__ import annotations

import ctypes
import functools
import os
from typing import TypeAlias

Argument: TypeAlias = int | bytes | None


class LockdownError(RuntimeError):
    """A step of the lock-down was refused; the message names the call and the kernel's reason."""


def call(name: str, *arguments: Argument) -> int:
    """Call the libc function `name`; return its result. Raises `LockdownError` where that is negative."""
    done: int = getattr(_libc(), name)(*map(_typed, arguments))
    return _checked(name, done)


def system_call(name: str, number: int, *arguments: Argument) -> int:
    """Make the system call `number`, called `name` in errors. Raises `LockdownError` where it fails."""
    done: int = _libc().syscall(ctypes.c_long(number), *map(_typed, arguments))
    return _checked(name, done)


def prctl(option: int, value: int, more: Argument = 0) -> None:
    """Linux `prctl(2)`. Raises `LockdownError` where the kernel refuses."""
    call("prctl", option, value, more, 0, 0)


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _typed(argument: Argument) -> object:
    # An int would be passed as a C int; these calls take longs.
    return ctypes.c_long(argument) if isinstance(argument, int) else argument


def _checked(name: str, done: int) -> int:
    if done < 0:
        raise LockdownError(f"{name}: {os.strerror(ctypes.get_errno())}")
    return done
