"""What a worker gives up before it loads a method.

Called once per worker, after its descriptors are closed and before any of the method's bytes are compiled.
The process must have one thread: the kernel binds most layers to the calling thread only.

Imports are bounded too: what may not be read is not there, and no byte code of a method's is run. A library
asks for optional packages and expects `ImportError`; Landlock lets `stat` see a file that it does not let be
read, so the answer would be `PermissionError`. And what is hashed, shown to guards and reviewed is source: so
what lies outside the libraries of every worker is compiled from its source, whatever lies in `__pycache__`,
and byte code without source, or in an archive, is refused.
"""

from __future__ import annotations

import errno
import os
import resource
import stat
import struct
import sys
import zipimport
from collections.abc import Callable, Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader, SourcelessFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from w2s_harness.jail.kernel import namespaces, seccomp
from w2s_harness.jail.kernel.kernel import LockdownError, prctl, system_call
from w2s_harness.jail.levels import Layer, Report, report
from w2s_harness.jail.policy import READ_DEVICES, READ_PROC, WRITE_DEVICES, Folders, Order, ProcessLimits

_STARTED = ("descriptors", "environment", "session")
"""What the worker's start-up code did before."""
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_CAPSET = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION_3 = 0x20080522


def lock_down(order: Order, base: Folders) -> Report:
    """Give up what a method does not need; say what was given up and what could not be.

    In the mode `off` only the limits are set. Else each layer is applied where it can be had; the caller
    ends the process where the level is below what the mode asks for.

    :param base: what every worker may read, beside `order.folders`.

    Raises `LockdownError` where more than one thread runs or a step leaves the process half-way.
    """
    threads = count_threads()
    if threads != 1:
        raise LockdownError(f"{threads} threads run where one is expected")
    layers = [*(Layer(name, True) for name in _STARTED), Layer("single-thread", True)]
    is_jailed = order.mode != "off"
    folders = base + order.folders
    if is_jailed and order.namespaces:
        layers += namespaces.enter(order.scratch, folders, order.limits)
    on = {layer.name for layer in layers if layer.is_on}
    # No set-uid program gains rights; Landlock and seccomp ask for it.
    layers.append(_tried("no-new-privileges", lambda: prctl(_PR_SET_NO_NEW_PRIVS, 1)))
    layers.append(_tried("limits", lambda: _bound(order.limits, has_own_user="user-namespace" in on)))
    if is_jailed:
        layers.append(_tried("landlock", lambda: f"ABI {restrict(_rules(order, folders))}"))
        layers.append(_tried("capabilities", _drop_capabilities))
    # Until here the process had to own its files in /proc. Where scratch lies on disk, the host's watchdog
    # must see which files without a name are held open; else no other process of the user may trace it.
    if "mount-namespace" in on:
        layers.append(_tried("not-dumpable", lambda: prctl(_PR_SET_DUMPABLE, 0)))
    else:
        why = "the host counts the deleted files that a worker holds"
        layers.append(Layer("not-dumpable", False, why))
    if is_jailed:
        layers.append(_tried("seccomp", lambda: seccomp.install(os.getpid())))
    return report(layers)


def count_threads() -> int:
    """How many threads this process runs."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def _tried(name: str, step: Callable[[], str | None]) -> Layer:
    try:
        return Layer(name, True, step() or "")
    except (LockdownError, OSError, ValueError) as bad:
        return Layer(name, False, str(bad))


def _bound(limits: ProcessLimits, *, has_own_user: bool) -> None:
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
    if has_own_user:
        # Outside a user namespace of one's own, all that the user runs would count. The kernel exempts root.
        resource.setrlimit(resource.RLIMIT_NPROC, (limits.threads, limits.threads))


def _drop_capabilities() -> None:
    """Give up every capability, as root and in a user namespace. Raises `LockdownError`."""
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    system_call("capset", _CAPSET[seccomp.machine()], header, struct.pack("=6I", *[0] * 6))


def _rules(order: Order, folders: Folders) -> list[tuple[str, int]]:
    return [
        *((path, READ) for path in folders.read),
        *((path, READ_DIR) for path in folders.names),
        *((path, READ_FILE) for path in (*READ_DEVICES, *READ_PROC)),
        *((path, DEVICE) for path in WRITE_DEVICES),
        (order.scratch, SCRATCH),
    ]


class FreshLoader(SourceFileLoader):
    """Compiles a module from its source, every time."""

    def get_code(self, fullname: str) -> CodeType:
        """The module's code."""
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


class ReadableFinder:
    """`PathFinder`, without what cannot be opened and without byte code of others."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted = tuple(trusted)
        self._known: dict[str, bool] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's spec, or None where it is missing or closed. Raises `ImportError` for byte code."""
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None or not spec.has_location:
            return spec
        try:
            os.close(os.open(spec.origin, os.O_RDONLY | os.O_CLOEXEC))
        except PermissionError:
            return None
        if not self._is_trusted(spec.origin):
            if isinstance(spec.loader, SourcelessFileLoader):
                raise ImportError(
                    f"{spec.origin} is byte code without source, which is not run. Ship the source.",
                    name=fullname,
                )
            if isinstance(spec.loader, SourceFileLoader):
                spec.loader, spec.cached = FreshLoader(fullname, spec.origin), None
        return spec

    def _is_trusted(self, origin: str) -> bool:
        real = os.path.realpath(origin)
        folder = os.path.dirname(real)  # noqa: PTH120 (a Path each is slow)
        if folder not in self._known:
            self._known[folder] = any(folder == top or folder.startswith(top + "/") for top in self._trusted)
        return self._known[folder] or real in self._trusted

    def invalidate_caches(self) -> None:
        """Forget what folders held."""
        PathFinder.invalidate_caches()

    @staticmethod
    def find_distributions(*arguments: object, **options: object) -> object:
        """Installed distributions, as `importlib.metadata` asks for them."""
        return PathFinder.find_distributions(*arguments, **options)  # type: ignore[arg-type]


def guard_imports(trusted: Iterable[str]) -> None:
    """From now on, imports in this process pass over what cannot be read, and run source alone.

    :param trusted: files and folders of ours and of the libraries that every worker may use.
    """
    finder = ReadableFinder(trusted)
    sys.meta_path[:] = [finder if known is PathFinder else known for known in sys.meta_path]
    sys.path_hooks[:] = [hook for hook in sys.path_hooks if hook is not zipimport.zipimporter]
    sys.path_importer_cache.clear()


# -- Landlock: layouts and numbers of `include/uapi/linux/landlock.h` ----------------------------------------

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
    as the ABI knows them. Needs `no_new_privs`; before ABI 8 it binds the
    calling thread only. Raises `LockdownError`, also where there is no Landlock.
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
