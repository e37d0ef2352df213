"""Namespaces of the worker's own: it sees no network, no shared memory, and no file but those it may open.

An ordinary user may have them inside a user namespace, where the kernel and its security modules allow one.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from w2s_harness.jail.kernel.kernel import LockdownError, call, system_call
from w2s_harness.jail.kernel.seccomp import machine
from w2s_harness.jail.levels import Layer
from w2s_harness.jail.policy import READ_DEVICES, WRITE_DEVICES, Folders, ProcessLimits

_NEW_MOUNTS, _NEW_IPC, _NEW_USER, _NEW_NETWORK = 0x00020000, 0x08000000, 0x10000000, 0x40000000
_NOSUID, _NODEV, _NOEXEC, _BIND, _REC, _PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
_DETACH = 2
_MOUNT_SETATTR = 442
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_ATTR_RDONLY, _ATTR_NOSUID = 1, 2


def enter(scratch: str, folders: Folders, limits: ProcessLimits) -> list[Layer]:
    """Move this process into namespaces of its own, as many as may be had; say which.

    In the new mount namespace the root is a memory file system that holds the open folders, read-only, and
    at the path `scratch` an empty folder of bounded size. The working directory is that folder.
    """
    layers = [_user()]
    for name, flag in (("network-namespace", _NEW_NETWORK), ("ipc-namespace", _NEW_IPC)):
        layers.append(_unshared(name, flag))
    mounts = _unshared("mount-namespace", _NEW_MOUNTS)
    if mounts.is_on:
        try:
            _mount(scratch, folders, limits)
        except (LockdownError, OSError) as bad:
            mounts = Layer(mounts.name, False, str(bad))
            _undo(scratch)
    return [*layers, mounts]


def _user() -> Layer:
    uid, gid = os.geteuid(), os.getegid()
    made = _unshared("user-namespace", _NEW_USER)
    if made.is_on:
        try:
            for name, text in (
                ("setgroups", "deny"),
                ("uid_map", f"{uid} {uid} 1"),
                ("gid_map", f"{gid} {gid} 1"),
            ):
                Path("/proc/self", name).write_bytes(text.encode())
        except OSError as bad:
            return Layer(made.name, False, f"{bad.filename}: {bad.strerror}")
    return made


def _unshared(name: str, flag: int) -> Layer:
    try:
        call("unshare", flag)
    except LockdownError as bad:
        return Layer(name, False, f"{bad}: the kernel, a container or a security module refuses it")
    return Layer(name, True)


def _mount(scratch: str, folders: Folders, limits: ProcessLimits) -> None:
    call("mount", b"none", b"/", None, _REC | _PRIVATE, None)
    # The host's own folder for the worker becomes the root; nothing is left on disk.
    root = os.fsencode(scratch)
    call("mount", b"tmpfs", root, b"tmpfs", _NOSUID | _NODEV, b"size=4m,nr_inodes=8192,mode=0755")
    inside = {p for p in folders.shown if _lies_in(p, folders.hidden)}
    outside = list(_outermost(p for p in folders.shown if p not in inside))
    for path in (*outside, *READ_DEVICES, *WRITE_DEVICES):
        _bind(root, path)
    for path in folders.hidden:
        if _lies_in(path, outside):
            call(
                "mount", b"tmpfs", root + os.fsencode(path), b"tmpfs", _NOSUID | _NODEV, b"size=1m,mode=0755"
            )
    for path in _outermost(inside):
        _bind(root, path)
    inner = root + os.fsencode(scratch)
    os.makedirs(inner, exist_ok=True)  # noqa: PTH103 (bytes)
    os.makedirs(root + b"/proc/self", exist_ok=True)  # noqa: PTH103 (bytes)
    _bind(root, f"/proc/{os.getpid()}/maps", b"/proc/self/maps")
    attributes = struct.pack("=4Q", _ATTR_RDONLY | _ATTR_NOSUID, 0, 0, 0)
    system_call("mount_setattr", _MOUNT_SETATTR, _AT_FDCWD, root, _AT_RECURSIVE, attributes, len(attributes))
    room = f"size={limits.scratch_bytes},nr_inodes={limits.scratch_files},mode=0700".encode()
    call("mount", b"tmpfs", inner, b"tmpfs", _NOSUID | _NODEV | _NOEXEC, room)
    os.chdir(root)
    system_call("pivot_root", _PIVOT_ROOT[machine()], b".", b".")
    # The old root lies on top of the new one until it is let go.
    call("umount2", b".", _DETACH)
    os.chdir(scratch)


def _undo(scratch: str) -> None:
    """Take the half-made root away, so that the host's folder shows again."""
    with contextlib.suppress(LockdownError):
        call("umount2", os.fsencode(scratch), _DETACH)
    os.chdir(scratch)


def _outermost(paths: Iterable[str]) -> Iterator[str]:
    """The paths that lie in no other of them."""
    last = ""
    for path in sorted(paths, key=lambda p: p + "/"):
        if not last or not path.startswith(last + "/"):
            last = path
            yield path


def _lies_in(path: str, folders: Iterable[str]) -> bool:
    return any(path.startswith(folder + "/") for folder in folders)


def _bind(root: bytes, path: str, at: bytes | None = None) -> None:
    """Show a file or folder in the new root, at its own path. One that is not there is left out."""
    source = os.fsencode(path)
    target = root + (at or source)
    if os.path.isdir(source):  # noqa: PTH112 (bytes)
        os.makedirs(target, exist_ok=True)  # noqa: PTH103 (bytes)
    elif os.path.exists(source):  # noqa: PTH110 (bytes)
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120 (bytes)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o444))
    else:
        return
    call("mount", source, target, None, _BIND | _REC, None)
