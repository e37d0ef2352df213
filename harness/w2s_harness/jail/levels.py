"""Levels of isolation and the layers behind them, as the worker's start-up code reports them.

The report is the first frame on the worker's socket. It is written before the host has sent a byte of the
method, so nothing that a method does can change it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import msgspec

from w2s_harness.contract.errors import UsageError

Level = Literal["L0", "L1", "L2"]
LEVELS: tuple[Level, ...] = get_args(Level)
BASE = ("no-new-privileges", "limits", "landlock", "capabilities", "seccomp")
"""`L1` is all of these."""
NAMESPACES = ("user-namespace", "network-namespace", "ipc-namespace", "mount-namespace")
"""`L2` is these too."""
LAYERS = (
    "descriptors", "environment", "session", "single-thread", *NAMESPACES, *BASE, "not-dumpable",
)  # fmt: skip
"""In the order in which they are reported."""
MAX_REPORT = 2**16
"""Bytes."""


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One layer: in force or not, and what there is to say of it."""

    name: str
    is_on: bool
    why: str = ""
    """Its version, or why it is off."""


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a worker gave up before it was sent a method."""

    level: Level
    layers: tuple[Layer, ...]

    @property
    def on(self) -> list[str]:
        """Names of the layers in force, in the order of `LAYERS`."""
        return [layer.name for layer in self.layers if layer.is_on]

    @property
    def missing(self) -> list[Layer]:
        """The layers of `BASE` that are off: why this is no `L1`."""
        return [layer for layer in self.layers if layer.name in BASE and not layer.is_on]


def report(layers: Sequence[Layer]) -> Report:
    """The layers in the order of `LAYERS`, with the level that they make."""
    named = {layer.name: layer for layer in layers}
    ordered = tuple(named.get(name, Layer(name, False, "not tried")) for name in LAYERS)
    on = {layer.name for layer in ordered if layer.is_on}
    level: Level = "L0"
    if on.issuperset((*BASE, "single-thread")):
        level = "L2" if on.issuperset(NAMESPACES) else "L1"
    return Report(level, ordered)


class IsolationError(UsageError):
    """The isolation that was asked for cannot be had on this machine."""


def refusal(found: Report) -> str:
    """Why `require` cannot be had, and what `best` would give."""
    lacks = "; ".join(f"{layer.name} ({layer.why})" for layer in found.missing)
    rest = ", ".join(name for name in found.on if name in (*NAMESPACES, *BASE)) or "nothing"
    return (
        f"--isolation require cannot be had here: it lacks {lacks}. `--isolation best` would run at "
        f"{found.level} ({rest}) and mark every row unverified. `w2s-harness doctor` shows each layer."
    )


def lowest(levels: Sequence[Level]) -> Level:
    """The lowest of some levels; `L0` for none."""
    return min(levels, key=LEVELS.index) if levels else "L0"
