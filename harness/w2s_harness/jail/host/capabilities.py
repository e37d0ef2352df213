"""What this machine can do: a worker locks itself down as far as it can, and says how far that was."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from w2s_harness.contract.errors import WorkerError
from w2s_harness.jail.host.launcher import Zygote
from w2s_harness.jail.host.paths import worker_path
from w2s_harness.jail.levels import LAYERS, Layer, Level
from w2s_harness.jail.policy import Order


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
    if sys.platform != "linux":
        layers = tuple(Layer(name, False, "needs Linux") for name in LAYERS)
        return Machine(system, user, "L0", layers)
    try:
        with Zygote(worker_path()) as zygote, zygote.spawn(Order(mode="best")) as worker:
            return Machine(system, user, worker.report.level, worker.report.layers)
    except WorkerError as bad:
        return Machine(system, user, "L0", tuple(Layer(name, False, str(bad)) for name in LAYERS))
