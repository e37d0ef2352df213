"""How the workers of one run are locked down, the host's choice, one order per method."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from w2s_harness.contract.errors import WorkerError
from w2s_harness.contract.plan import MethodSource
from w2s_harness.jail.host import readable
from w2s_harness.jail.host.launcher import Zygote
from w2s_harness.jail.levels import LAYERS, Layer, Level
from w2s_harness.jail.policy import Folders, Mode, Order, ProcessLimits

Choice = Literal["auto", "require", "best", "off"]
"""`auto`: `require` as soon as a method is at work that w2s-harness does not ship, else `best`."""
_SPARE_S = 30


class Jail:
    """What `--isolation` asks for, made into an order for each worker.

    :param cell_timeout_s: a worker's own time; its processor time is bounded by that on every core.
    """

    def __init__(self, choice: Choice = "auto", *, cell_timeout_s: float = 60.0) -> None:
        self._choice = choice
        self._closed: list[str] = []
        self._has_foreign = False
        self._folders: dict[tuple[tuple[str, ...], tuple[str, ...]], Folders] = {}
        """What is open to the methods that were asked for, by what they read and are imported from."""
        self._limits = ProcessLimits(cpu_s=int(cell_timeout_s * (os.cpu_count() or 1)) + _SPARE_S)

    def close_off(self, paths: Iterable[str]) -> None:
        """Let no worker read `paths`, whatever its method's distribution claims."""
        self._closed += paths
        self._folders.clear()

    def expect(self, sources: Iterable[MethodSource]) -> None:
        """Take notice of the methods of the plan: one foreign method makes `auto` mean `require`."""
        self._has_foreign = self._has_foreign or any(not source.is_shipped for source in sources)

    def mode(self, source: MethodSource | None = None) -> Mode:
        """What a worker for `source` must reach."""
        if self._choice != "auto":
            return self._choice
        is_foreign = self._has_foreign or (source is not None and not source.is_shipped)
        return "require" if is_foreign else "best"

    def order(self, source: MethodSource) -> Order:
        """How the worker of a method is locked down."""
        key = (source.reads, source.folders)
        if key not in self._folders:
            self._folders[key] = readable.of_method(*key, self._closed)
        return Order(mode=self.mode(source), folders=self._folders[key], limits=self._limits)

    def accepts(self, asked: str, level: Level) -> bool:
        """Whether a cell that was worked off before, at `level` under the mode `asked`, still counts."""
        mode = self.mode()
        if mode == "require":
            return level != "L0"
        return mode == "off" or asked != "off"


@dataclass(frozen=True, slots=True)
class Machine:
    """The layers that a worker of this user on this machine has."""

    system: str
    user: str
    level: Level
    layers: tuple[Layer, ...]


def probe() -> Machine:
    """Start a worker, lock it down as `best` does, read its report, end it."""
    uname = os.uname()
    system = f"{uname.sysname} {uname.release} {uname.machine}"
    user = "root" if os.geteuid() == 0 else f"user {os.geteuid()}"
    why = "needs Linux"
    if sys.platform == "linux":
        try:
            with Zygote(readable.worker_path()) as zygote, zygote.spawn(Order(mode="best")) as worker:
                return Machine(system, user, worker.report.level, worker.report.layers)
        except WorkerError as bad:
            why = str(bad)
    return Machine(system, user, "L0", tuple(Layer(name, False, why) for name in LAYERS))
