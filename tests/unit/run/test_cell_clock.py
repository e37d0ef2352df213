"""How long a cell may keep a job slot: the worker's own time, and a stated multiple of it for the service."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import in_process
import pytest

from w2s_harness.contract.errors import WorkerError
from w2s_harness.contract.plan import LARGE_FACTOR, SERVICE_FACTOR, SMALL, Cell, Limits
from w2s_harness.run.cell import method_cell as cell_run
from w2s_harness.run.cell.method_cell import CellRun
from w2s_harness.students import control


def test_a_small_model_that_is_read_has_the_small_factor():
    limits = Limits(timeout_s=3.0)
    assert limits.service_s(SMALL) == 3 * SERVICE_FACTOR == 60
    assert limits.service_s(SMALL + 1) == limits.service_s(None) == 3 * LARGE_FACTOR == 600


class Client:
    """A service that is killed when the worker first asks."""

    def __init__(self) -> None:
        self.clocks: list[float | None] = []

    def open_cell(self, order, clock_s=None):
        self.clocks.append(clock_s)
        return control.Opened(2, 12, ())

    def begin_test(self):
        """As a service."""

    serve = begin_test

    def close_cell(self):
        raise WorkerError("the student service was ended")


@pytest.mark.parametrize("mode", ["finetune", "probe"])
def test_the_service_is_told_and_what_ended_it_is_the_cells_error(plan, store, setting, monkeypatch, mode):
    here = setting(pairs=(replace(plan.pairs[0], mode=mode),))
    bench = in_process.Workplace(store, [here]).bench
    in_process.stock(bench, here, (0,))

    def overrun(*_, **__):
        raise WorkerError("the student service worked more than 40 s for this cell")

    monkeypatch.setattr(cell_run, "converse", overrun)
    worker = SimpleNamespace(report=SimpleNamespace(level="L0", on=[]), output=lambda: "")
    zygote = SimpleNamespace(spawn=lambda order: nullcontext(worker))
    client = Client()
    at = SimpleNamespace(
        of=bench.of, setting=bench.setting, client=client, zygote=zygote, cancel=threading.Event(),
        jail=SimpleNamespace(order=lambda source: SimpleNamespace(mode="off")),
    )  # fmt: skip
    method, limits = plan.methods[0], Limits(timeout_s=2.0)
    cell = CellRun(Cell("words", "p", method.id, 0), here.ref, method, (), frozenset(), limits)
    found = cell.run(at)
    assert found.why == "the student service worked more than 40 s for this cell" and not found.skipped
    assert client.clocks == [400.0 if mode == "finetune" else 40.0]
