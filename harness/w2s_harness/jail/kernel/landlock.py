"""Landlock: what files a worker may read and write, decided by the kernel.

Layouts and numbers: `include/uapi/linux/landlock.h`. Before ABI 8 it binds the calling thread only.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Iterable

from w2s_harness.jail.kernel.kernel import LockdownError, system_call

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_RULE = struct.Struct("=Qi")

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << i for i in range(6))
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (1 << i for i in range(6, 13))
REFER, TRUNCATE, IOCTL_DEV = (1 << i for i in range(13, 16))
_BY_ABI = {1: MAKE_SYM, 2: REFER, 3: TRUNCATE, 5: IOCTL_DEV}
"""The highest file right that an ABI knows, where it brought one."""
_OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
_UNREACHABLE = (errno.ENOENT, errno.EACCES, errno.ELOOP, errno.ENOTDIR, errno.ENAMETOOLONG)
_TCP = 0b11
_SCOPES = 0b11
"""Abstract unix sockets and signals: only within the worker."""

READ = READ_FILE | READ_DIR
SCRATCH = READ | WRITE_FILE | TRUNCATE | MAKE_REG | MAKE_DIR | REMOVE_FILE | REMOVE_DIR | REFER
"""No link, no pipe, no socket, no device and nothing to execute can be made there."""
DEVICE = READ_FILE | WRITE_FILE


def restrict(rules: Iterable[tuple[str, int]]) -> int:
    """Let this process reach only what `rules` grant: (path, rights). Returns the ABI that was used.

    A rule on a folder holds for all that is in it. A path that is not there, or that this user cannot reach,
    is left out. All other files, TCP, and signals and abstract sockets across the border are closed, as far
    as the ABI knows them. Needs `no_new_privs`. Raises `LockdownError`, also where there is no Landlock.
    """
    try:
        version = system_call("landlock_create_ruleset", _CREATE, None, 0, _VERSION)
    except LockdownError as bad:
        raise LockdownError(
            f"{bad}: no Landlock in this kernel (Linux 5.13), or not switched on (lsm=landlock,...)"
        ) from bad
    # all file rights up to this ABI: what is not known cannot be refused either
    known = 2 * max(right for since, right in _BY_ABI.items() if since <= version) - 1
    attributes = struct.pack("=QQQ", known, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = system_call("landlock_create_ruleset", _CREATE, attributes, size, 0)
    try:
        for path, rights in rules:
            _add(ruleset, path, rights & known)
        system_call("landlock_restrict_self", _RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)
    return version


def _add(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError as bad:
        if bad.errno in _UNREACHABLE:
            return
        raise LockdownError(f"landlock: {path}: {bad.strerror}") from bad
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _OF_A_FILE
        system_call("landlock_add_rule", _ADD, ruleset, _PATH_BENEATH, _RULE.pack(rights, fd), 0)
    finally:
        os.close(fd)
