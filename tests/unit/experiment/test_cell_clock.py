"""How long a cell may keep a job slot: the worker's own time, and a stated multiple of it for the service."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
from w2s_harness.experiment.one_cell import Job, Runner

from w2s_harness.data.gold import gold_of
from w2s_harness.errors import WorkerError
from w2s_harness.experiment import one_cell
from w2s_harness.isolation.jail import Jail
from w2s_harness.models import control
from w2s_harness.plan import LARGE_FACTOR, SERVICE_FACTOR, SMALL, Cell, Limits


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


@pytest.mark.parametrize("shape", [None, control.Shape(1000, 2, 12)])
def test_the_service_is_told_and_what_ended_it_is_the_cells_error(plan, store, setting, monkeypatch, shape):
    here = setting()
    opening = SimpleNamespace(
        shape=shape, mode="probe", probe=control.ProbeSettings(), finetune=control.FinetuneSettings()
    )
    told = SimpleNamespace(
        weak=gold_of(here.data, "test").labels[:0].astype(float), bait=gold_of(here.data, "test").labels[:0]
    )
    part = SimpleNamespace(
        order=gold_of(here.data, "test").labels[:0].astype(int),
        shows=gold_of(here.data, "test").labels[:0].astype(int),
    )
    staged = SimpleNamespace(train=part, test=part, told=told)
    monkeypatch.setattr(one_cell, "stage", lambda *_: staged)
    monkeypatch.setattr(one_cell, "released", lambda *_: None)
    monkeypatch.setattr(Runner, "_opening", lambda self, job, staged: opening)

    def overrun(*_, **__):
        raise WorkerError("the student service worked more than 40 s for this cell")

    monkeypatch.setattr(one_cell, "converse", overrun)
    worker = SimpleNamespace(report=SimpleNamespace(level="L0", on=[]), output=lambda: "")
    zygote = SimpleNamespace(spawn=lambda order: nullcontext(worker))
    changed = replace(plan, limits=Limits(timeout_s=2.0))
    method, client = changed.methods[0], Client()
    monkeypatch.setattr(one_cell, "wire_source", lambda source: one_cell.wire.Source("m"))
    job = Job(Cell("words", "p", method.id, 0), here, method, (), frozenset(), "key")
    found = Runner(changed, store, Jail("off"), threading.Event()).run(client, zygote, job)
    assert found["error"] == "the student service worked more than 40 s for this cell"
    assert client.clocks == [400.0 if shape is None else 40.0]
