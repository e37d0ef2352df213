"""Bounds on what a worker may use up: memory, processor, files, descriptors, threads."""

from __future__ import annotations

import resource
import struct

from w2s_harness.jail.kernel.kernel import prctl, system_call
from w2s_harness.jail.kernel.seccomp import machine
from w2s_harness.jail.policy import ProcessLimits

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_CAPSET = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION_3 = 0x20080522


def bound(limits: ProcessLimits) -> None:
    """Set the resource limits, soft and hard; one that is already lower stays. Raises `OSError`."""
    for which, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.descriptors),
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_SIGPENDING, 64),
        (resource.RLIMIT_RTPRIO, 0),
    ):
        hard = resource.getrlimit(which)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (value, value))


def bound_threads(threads: int) -> None:
    """Allow this user `threads` threads: in a user namespace of one's own, those of the worker.

    Outside one, all that the user runs would count. The kernel exempts root. Raises `OSError`.
    """
    resource.setrlimit(resource.RLIMIT_NPROC, (threads, threads))


def no_new_privileges() -> None:
    """No set-uid program gains rights; Landlock and seccomp ask for it. Raises `LockdownError`."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def hide() -> None:
    """No other process of the user may trace this one or read its memory. Raises `LockdownError`."""
    prctl(_PR_SET_DUMPABLE, 0)


def drop_capabilities() -> None:
    """Give up every capability, as root and in a user namespace. Raises `LockdownError`."""
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    system_call("capset", _CAPSET[machine()], header, struct.pack("=6I", *[0] * 6))
