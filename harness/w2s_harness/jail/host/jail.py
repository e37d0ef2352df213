"""How the workers of one run are locked down: the host's choice, one order per method."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Literal

from w2s_harness.contract.plan import MethodSource
from w2s_harness.jail.host import readable
from w2s_harness.jail.levels import Level
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
        folders = self._folders.get(key)
        if folders is None:
            folders = readable.of_method(source.reads, source.folders, self._closed)
            self._folders[key] = folders
        return Order(mode=self.mode(source), folders=folders, limits=self._limits)

    def accepts(self, asked: str, level: Level) -> bool:
        """Whether a cell that was worked off before, at `level` under the mode `asked`, still counts."""
        mode = self.mode()
        if mode == "require":
            return level != "L0"
        return mode == "off" or asked != "off"
