"""A seccomp filter: the system calls that a worker may make, and with which arguments.

A classic BPF program over `struct seccomp_data` (`linux/seccomp.h`): number, machine, six arguments. What is
not on the list fails with EPERM; what no method has an honest use for kills the worker.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import struct
from collections.abc import Iterator, Sequence

from w2s_harness.jail.kernel.kernel import LockdownError, prctl
from w2s_harness.jail.kernel.syscall_table import ABSENT, ALLOWED, AUDIT_ARCH, FATAL, NUMBERS

KILL, FAIL, ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
"""`SECCOMP_RET_KILL_PROCESS`, `SECCOMP_RET_ERRNO` (its number in the low half), `SECCOMP_RET_ALLOW`."""
_LOAD, _AND, _JUMP_EQUAL, _JUMP_GREATER, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
"""`LD|W|ABS`, `ALU|AND|K`, `JMP|JEQ|K`, `JMP|JGE|K`, `RET|K` (`linux/bpf_common.h`)."""
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16
_X32 = 0x40000000
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2

_CLONE_THREAD = 0x00010000
_CLONE_NEW = 0x7E020080
"""Every flag that makes a namespace."""
_HARMLESS_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX."""
_HARMLESS_FCNTLS = (0, 1, 2, 3, 4, 1030)
"""F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC: no lock, no owner, no signal."""
_HARMLESS_PRCTLS = (3, 15, 16, 0x53564D41)
"""PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_SET_VMA."""

_SOL_SOCKET = 1
_HARMLESS_OPTIONS = (2, 3, 4, 6, 7, 8, 9, 13, 15, 20, 21, 30, 38, 39)
"""SO_REUSEADDR, TYPE, ERROR, BROADCAST, SNDBUF, RCVBUF, KEEPALIVE, LINGER, REUSEPORT, RCVTIMEO, SNDTIMEO,
ACCEPTCONN, PROTOCOL, DOMAIN (`asm-generic/socket.h`)."""
_NOREPLACE, _EXCHANGE = 1, 2

Instruction = tuple[int, int, int, int]
"""code, jump if true, jump if false, constant."""
Test = tuple[int, int, tuple[int, ...]]
"""An argument's 32-bit word (2 * position, + 1 for the high half), a mask, and the values that pass."""
_ALL = 0xFFFFFFFF


def machine() -> str:
    """The name of this machine. Raises `LockdownError` where no table of system calls is shipped for it."""
    name = os.uname().machine
    if name not in NUMBERS or struct.calcsize("P") != 8:
        raise LockdownError(
            f"seccomp: no table of system calls for {name}; there is one for {', '.join(NUMBERS)}"
        )
    return name


def install(pid: int) -> None:
    """Filter this process's system calls from now on; cannot be undone. Needs `no_new_privs`.

    :param pid: this process, the only one that it may signal or set limits of. Raises `LockdownError`.
    """
    name = machine()
    code = fixed(name) + _packed(_ruled(name, pid))
    body = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(code) // 8, ctypes.addressof(body))
    prctl(_PR_SET_SECCOMP, _MODE_FILTER, header)


def program(name: str, pid: int) -> list[Instruction]:
    """The filter for the machine `name` and the process `pid`."""
    return [*_unruled(name), *_ruled(name, pid)]


@functools.cache
def fixed(name: str) -> bytes:
    """The part of the filter that is the same for every process; made once, in the zygote."""
    return _packed(_unruled(name))


def _packed(steps: Sequence[Instruction]) -> bytes:
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _unruled(name: str) -> list[Instruction]:
    numbers = NUMBERS[name]
    steps: list[Instruction] = [
        (_LOAD, 0, 0, _MACHINE),
        (_JUMP_EQUAL, 1, 0, AUDIT_ARCH[name]),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if name == "x86_64":
        steps += [(_JUMP_GREATER, 0, 1, _X32), (_RETURN, 0, 0, KILL)]
    for names, answer in ((ALLOWED, ALLOW), (ABSENT, FAIL | errno.ENOSYS), (FATAL, KILL)):
        for number in _known(names, numbers):
            steps += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, answer)]
    return steps


def _ruled(name: str, pid: int) -> list[Instruction]:
    numbers, steps = NUMBERS[name], []
    for call, tests in rules(pid).items():
        if call in numbers:
            block = [s for test in tests for s in _tested(test)] + [(_RETURN, 0, 0, ALLOW)]
            steps += [(_JUMP_EQUAL, 0, len(block), numbers[call]), *block]
    return [*steps, (_RETURN, 0, 0, FAIL | errno.EPERM)]


def rules(pid: int) -> dict[str, Sequence[Test]]:
    """The calls that are allowed for some arguments only: every test must pass."""
    own = (0, _ALL, (pid,))
    own_or_zero = (0, _ALL, (0, pid))
    access_mode = os.O_ACCMODE | os.O_TRUNC
    # A file opened to be read is not to be emptied: Landlock sees that from ABI 3 only.
    modes = (os.O_RDONLY, *(m | t for m in (os.O_WRONLY, os.O_RDWR) for t in (0, os.O_TRUNC)))
    return {
        "clone": [(0, _CLONE_THREAD | _CLONE_NEW, (_CLONE_THREAD,))],
        "kill": [own],
        "tgkill": [own],
        "prlimit64": [own_or_zero],
        "sched_setaffinity": [own_or_zero],
        # Of any other, the answer tells which processes there are.
        "getpgid": [own_or_zero],
        "getsid": [own_or_zero],
        "sched_getparam": [own_or_zero],
        "sched_getscheduler": [own_or_zero],
        "get_robust_list": [own_or_zero],
        "fcntl": [(2, _ALL, _HARMLESS_FCNTLS)],
        "ioctl": [(2, _ALL, _HARMLESS_IOCTLS)],
        "prctl": [(0, _ALL, _HARMLESS_PRCTLS)],
        # AF_UNIX, SOCK_STREAM: a datagram socket could send to any path.
        "socketpair": [(0, _ALL, (1,)), (2, 0xF, (1,))],
        # Not who is at the other end: that is the host.
        "getsockopt": [(2, _ALL, (_SOL_SOCKET,)), (4, _ALL, _HARMLESS_OPTIONS)],
        # A whiteout is a device.
        "renameat2": [(8, _ALL, (0, _NOREPLACE, _EXCHANGE))],
        # Without an address, so along what is connected already.
        "sendto": [(8, _ALL, (0,)), (9, _ALL, (0,))],
        "open": [(2, access_mode, modes)],
        "openat": [(4, access_mode, modes)],
    }


def _known(names: Sequence[str], numbers: dict[str, int]) -> Iterator[int]:
    # Old calls are missing on newer machines.
    return (numbers[n] for n in names if n in numbers)


def _tested(test: Test) -> list[Instruction]:
    """Go on past the end where the word has one of the values, else fail with EPERM."""
    word, mask, values = test
    steps: list[Instruction] = [(_LOAD, 0, 0, _ARGUMENTS + 4 * word)]
    if mask != _ALL:
        steps.append((_AND, 0, 0, mask))
    for i, value in enumerate(values):
        steps.append((_JUMP_EQUAL, len(values) - i, 0, value))
    return [*steps, (_RETURN, 0, 0, FAIL | errno.EPERM)]
