"""The filter, interpreted here as the kernel would, for both machines."""

from __future__ import annotations

import errno
import os
import struct

import pytest

from w2s_harness.jail.kernel import seccomp
from w2s_harness.jail.kernel.seccomp import ABSENT, ALLOWED, AUDIT_ARCH, FATAL, NUMBERS

PID = 4711
EPERM, ENOSYS = (seccomp.FAIL | number for number in (errno.EPERM, errno.ENOSYS))
LEGACY = {
    "access", "alarm", "dup2", "epoll_create", "epoll_wait", "getdents", "getpgrp", "lstat", "mkdir", "open",
    "pause", "pipe", "poll", "readlink", "rename", "rmdir", "select", "stat", "time", "unlink",
}  # fmt: skip


def answer(machine: str, number: int, *arguments: int, arch: int | None = None) -> int:
    """What the program returns for one call."""
    arch = AUDIT_ARCH[machine] if arch is None else arch
    padded = [a % 2**64 for a in (*arguments, *[0] * (6 - len(arguments)))]
    data = struct.pack("=IIQ6Q", number, arch, 0, *padded)
    steps, at, value = seccomp.program(machine, PID), 0, 0
    while True:
        code, yes, no, constant = steps[at]
        at += 1
        if code == 0x20:
            (value,) = struct.unpack_from("=I", data, constant)
        elif code == 0x54:
            value &= constant
        elif code in (0x15, 0x35):
            at += yes if (value == constant if code == 0x15 else value >= constant) else no
        elif code == 0x06:
            return constant
        else:
            raise AssertionError(code)


@pytest.fixture(params=sorted(NUMBERS))
def machine(request) -> str:
    return request.param


def test_calls_are_answered_as_the_lists_say(machine):
    numbers = NUMBERS[machine]
    for names, expected in ((ALLOWED, seccomp.ALLOW), (ABSENT, ENOSYS), (FATAL, seccomp.KILL)):
        for name in names:
            if name in numbers:
                assert answer(machine, numbers[name]) == expected, name


def test_only_calls_that_newer_machines_never_had_are_missing():
    known = {*ALLOWED, *ABSENT, *FATAL, *seccomp.rules(PID)}
    assert known == set(NUMBERS["x86_64"])
    assert known - set(NUMBERS["aarch64"]) == LEGACY
    for numbers in NUMBERS.values():
        assert len(set(numbers.values())) == len(numbers)


def test_everything_else_is_refused(machine):
    listed = set(NUMBERS[machine].values())
    assert {answer(machine, number) for number in range(500) if number not in listed} == {EPERM}


def test_another_architecture_is_killed(machine):
    other = next(a for name, a in AUDIT_ARCH.items() if name != machine)
    assert answer(machine, NUMBERS[machine]["read"], arch=other) == seccomp.KILL
    assert answer(machine, NUMBERS[machine]["read"], arch=0x40000003) == seccomp.KILL
    if machine == "x86_64":
        assert answer(machine, 0x40000000) == answer(machine, 0xFFFFFFFF) == seccomp.KILL


@pytest.mark.parametrize(
    ("call", "arguments", "allowed"),
    [
        ("clone", (0x3D0F00,), True),
        ("clone", (17,), False),
        ("clone", (0x00010000 | 0x10000000,), False),
        ("kill", (PID, 9), True),
        ("kill", (PID + 1, 9), False),
        ("kill", (0, 9), False),
        ("kill", (-1, 9), False),
        ("kill", (-PID, 9), False),
        ("tgkill", (PID, 5, 6), True),
        ("tgkill", (1, 1, 9), False),
        ("prlimit64", (0, 7), True),
        ("prlimit64", (PID, 7), True),
        ("prlimit64", (1, 7), False),
        ("sched_setaffinity", (1,), False),
        ("fcntl", (3, 1030, 0), True),
        ("fcntl", (3, 8, 1), False),
        ("fcntl", (3, 10, 9), False),
        ("ioctl", (1, 0x5401), True),
        ("ioctl", (1, 0x5412), False),
        ("prctl", (15,), True),
        ("prctl", (4, 1), False),
        ("socketpair", (1, 1 | 0o2000000), True),
        ("socketpair", (1, 2), False),
        ("socketpair", (2, 1), False),
        ("sendto", (3, 0, 1, 0, 0, 0), True),
        ("sendto", (3, 0, 1, 0, 2**40, 0), False),
        ("sendto", (3, 0, 1, 0, 64, 0), False),
        ("openat", (-100, 0, os.O_RDONLY | os.O_CLOEXEC), True),
        ("openat", (-100, 0, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), True),
        ("openat", (-100, 0, os.O_RDWR), True),
        ("openat", (-100, 0, os.O_RDONLY | os.O_TRUNC), False),
        ("openat", (-100, 0, 3), False),
        ("renameat2", (-100, 0, -100, 0, 0), True),
        ("renameat2", (-100, 0, -100, 0, 1), True),
        ("renameat2", (-100, 0, -100, 0, 2), True),
        ("renameat2", (-100, 0, -100, 0, 4), False),
        ("renameat2", (-100, 0, -100, 0, 5), False),
        ("getsockopt", (3, 1, 3), True),
        ("getsockopt", (3, 1, 38), True),
        ("getsockopt", (3, 1, 17), False),
        ("getsockopt", (3, 1, 31), False),
        ("getsockopt", (3, 1, 59), False),
        ("getsockopt", (3, 1, 77), False),
        ("getsockopt", (3, 6, 3), False),
        ("getsid", (0,), True),
        ("getsid", (PID,), True),
        ("getsid", (PID - 1,), False),
        ("getpgid", (1,), False),
        ("sched_getparam", (1,), False),
        ("sched_getscheduler", (1,), False),
        ("get_robust_list", (1,), False),
    ],
)
def test_arguments_decide(machine, call, arguments, allowed):
    expected = seccomp.ALLOW if allowed else EPERM
    assert answer(machine, NUMBERS[machine][call], *arguments) == expected


def test_every_path_of_the_program_ends(machine):
    steps = seccomp.program(machine, PID)
    assert len(steps) <= 4096
    for at, (code, yes, no, _) in enumerate(steps):
        assert code == 0x06 or at + 1 + max(yes, no) < len(steps)
        assert max(yes, no) <= 255
