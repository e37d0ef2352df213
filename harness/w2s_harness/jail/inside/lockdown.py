"""What a worker gives up before it loads a method.

Called once per worker, after its descriptors are closed and before any of the method's bytes are compiled.
The process must have one thread: the kernel binds most layers to the calling thread only.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from w2s_harness.jail.kernel import landlock, limits, namespaces, seccomp
from w2s_harness.jail.kernel.kernel import LockdownError
from w2s_harness.jail.levels import Layer, Report, report
from w2s_harness.jail.policy import READ_DEVICES, READ_PROC, WRITE_DEVICES, Folders, Order

_STARTED = ("descriptors", "environment", "session")
"""What the worker's start-up code did before."""


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
    layers.append(_tried("no-new-privileges", limits.no_new_privileges))
    layers.append(_tried("limits", lambda: _bound(order, layers)))
    if is_jailed:
        layers.append(_tried("landlock", lambda: f"ABI {landlock.restrict(_rules(order, folders))}"))
        layers.append(_tried("capabilities", limits.drop_capabilities))
    # Until here the process had to own its files in /proc.
    layers.append(_hidden(layers))
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


def _hidden(layers: list[Layer]) -> Layer:
    """Where scratch lies on disk, the host's watchdog must see which files without a name are held open."""
    if any(layer.name == "mount-namespace" and layer.is_on for layer in layers):
        return _tried("not-dumpable", limits.hide)
    return Layer("not-dumpable", False, "the host counts the deleted files that a worker holds")


def _bound(order: Order, layers: list[Layer]) -> None:
    limits.bound(order.limits)
    if any(layer.name == "user-namespace" and layer.is_on for layer in layers):
        limits.bound_threads(order.limits.threads)


def _rules(order: Order, folders: Folders) -> list[tuple[str, int]]:
    return [
        *((path, landlock.READ) for path in folders.read),
        *((path, landlock.READ_DIR) for path in folders.names),
        *((path, landlock.READ_FILE) for path in (*READ_DEVICES, *READ_PROC)),
        *((path, landlock.DEVICE) for path in WRITE_DEVICES),
        (order.scratch, landlock.SCRATCH),
    ]
