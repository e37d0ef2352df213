"""The shipped attacks, and bodies of the tests' own, in a real worker; what came of it."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from w2s_harness import Attack
from w2s_harness.contract.errors import WorkerError
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.jail.host.launcher import Worker, Zygote
from w2s_harness.jail.policy import Order
from w2s_harness.run.cell.worker.conversation import converse
from w2s_studies.redteam.suite import Places, method_file, verdict

WEAK = [0.1, 0.9, 0.6]


@dataclass(frozen=True)
class Outcome:
    """What an attack came to."""

    why: str
    """The errno or exception that stopped it, `SUCCEEDED`, or how the cell failed."""
    printed: str
    failed: bool
    """Whether the cell failed before the attack could say what came of it."""

    @property
    def succeeded(self) -> bool:
        return self.why == "SUCCEEDED"


def own(body: str) -> Attack:
    """An attack of a test's own."""
    return Attack(name="hostile", family="tests", summary="a test's own", body=body)


def source(attack: Attack, places: Places) -> wire.Source:
    """The attack's method file."""
    return wire.Source("w2s_method_hostile", "hostile.py", method_file(attack, places).encode())


def run(zygote: Zygote, attack: Attack, order: Order, places: Places, clock_s: float = 10) -> Outcome:
    """Run an attack in a worker of its own."""
    with zygote.spawn(order) as worker:
        return in_worker(worker, attack, places, clock_s)


def in_worker(worker: Worker, attack: Attack, places: Places, clock_s: float = 10) -> Outcome:
    start = wire.Start(
        source=source(attack, places),
        method=attack.method,
        parameters={},
        kind="verify",
        weak=wire.pack(WEAK),
        access=(),
        seed=7,
        layers=1,
        features=1,
        templates=("plain",),
        train=wire.Released(len(WEAK)),
    )
    failed = ""
    try:
        converse(worker, start, lambda request: wire.Handled(1), clock_s=clock_s, cancelled=threading.Event())
    except WorkerError as bad:
        failed = str(bad)
    printed = worker.output()
    said = verdict(printed)
    if said is None:
        return Outcome(failed or "SUCCEEDED", printed, bool(failed))
    assert said[0] != "BROKEN", printed
    return Outcome("SUCCEEDED" if said[0] == "SUCCEEDED" else said[1].split()[0], printed, False)
