"""Run a command on a kernel that lacks something: `python without.py landlock,namespaces COMMAND...`.

A seccomp filter, inherited over exec, answers the calls as an old kernel or a container does.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

from w2s_harness.jail.kernel.kernel import prctl
from w2s_harness.jail.kernel.seccomp import AUDIT_ARCH, NUMBERS

NAME = os.uname().machine
UNSHARE = {"x86_64": 272, "aarch64": 97}[NAME]
CALLS = {
    "landlock": [(444, errno.ENOSYS), (445, errno.ENOSYS), (446, errno.ENOSYS)],
    "namespaces": [(UNSHARE, errno.EPERM)],
}
FAIL, ALLOW = 0x00050000, 0x7FFF0000


def deny(calls: list[tuple[int, int]]) -> None:
    steps = [(0x20, 0, 0, 4), (0x15, 1, 0, AUDIT_ARCH[NAME]), (0x06, 0, 0, ALLOW), (0x20, 0, 0, 0)]
    for number, answer in calls:
        steps += [(0x15, 0, 1, number), (0x06, 0, 0, FAIL | answer)]
    code = b"".join(struct.pack("=HBBI", *s) for s in [*steps, (0x06, 0, 0, ALLOW)])
    body = ctypes.create_string_buffer(code, len(code))
    prctl(38, 1)
    prctl(22, 2, struct.pack("@HP", len(code) // 8, ctypes.addressof(body)))


def no_seccomp() -> None:
    """`prctl(PR_SET_SECCOMP)` fails with EINVAL, as where the kernel was built without it."""
    number = NUMBERS[NAME]["prctl"]
    steps = [
        (0x20, 0, 0, 0), (0x15, 0, 3, number), (0x20, 0, 0, 16), (0x15, 0, 1, 22),
        (0x06, 0, 0, FAIL | errno.EINVAL), (0x06, 0, 0, ALLOW),
    ]  # fmt: skip
    code = b"".join(struct.pack("=HBBI", *s) for s in steps)
    body = ctypes.create_string_buffer(code, len(code))
    prctl(38, 1)
    prctl(22, 2, struct.pack("@HP", len(steps), ctypes.addressof(body)))


if __name__ == "__main__":
    wanted = sys.argv[1].split(",")
    deny([call for name in wanted for call in CALLS.get(name, [])])
    if "seccomp" in wanted:
        no_seccomp()
    os.execv(sys.argv[2], sys.argv[2:])
