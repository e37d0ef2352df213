"""The local engine on toy works: what runs, in what order, on which services, and what is told."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from w2s_harness.contract.errors import StoreError
from w2s_harness.run.work.engine import Bench, LocalEngine
from w2s_harness.run.work.results import Result, ResultArray, Results
from w2s_harness.run.work.work import Failure, Work


@dataclass(frozen=True, eq=False)
class Number(Result):
    """A number and an array of it."""

    value: int
    values: ResultArray


@dataclass(frozen=True)
class Toy(Work[Number]):
    """Adds its needs to its own number."""

    kind: ClassVar[str] = "toy"
    place: ClassVar[str] = "student"
    gives: ClassVar[type[Result]] = Number
    ran: ClassVar[list[Toy]] = []

    number: int
    of: tuple[Toy, ...] = ()
    does: str = ""

    def name(self) -> str:
        return f"toy {self.number}"

    def inputs(self):
        return [self.number, self.does]

    def needs(self):
        return self.of

    def run(self, at):
        self.ran.append(self)
        if self.place != "host":
            at.client.asked(self.place)
        if self.does == "fails":
            return Failure(f"{self.name()} went wrong")
        if self.does == "raises":
            raise ValueError(self.name())
        if self.does == "kills":
            at.client.alive = False
        if self.does == "waits":
            time.sleep(5)
        value = self.number + sum(at.of(need).value for need in self.of)
        return Number(value, ResultArray(np.full(3, value)))


class Golden(Toy):
    place = "gold"


class Hosted(Toy):
    place = "host"


class Jailed(Toy):
    place = "jail"

    def run(self, at):
        return Number(self.number, ResultArray(np.full(3, at.zygote)))


class Service:
    """What the engine asks of a service."""

    def __init__(self, role, log):
        self.role, self.log, self.alive, self.busy_s = role, log, True, 1.0
        log.append(f"start {role}")

    def asked(self, place):
        assert place == self.role

    def close(self):
        self.log.append(f"end {self.role}")

    def kill(self):
        self.alive = False
        self.log.append(f"kill {self.role}")


class Told:
    def __init__(self, stop_at=None):
        self.started, self.ended, self.threads, self.stop_at = [], [], set(), stop_at

    def begins(self, stage, total):
        self.started.append((stage, total))

    def ends(self, work, outcome, *, kept):
        self.threads.add(threading.get_ident())
        self.ended.append((work.name(), "failed" if isinstance(outcome, Failure) else outcome.value, kept))
        return work.name() == self.stop_at


@pytest.fixture
def make(store):
    Toy.ran.clear()
    log, started = [], []

    def zygote():
        """As the real one, which is started by whoever asks first."""
        started.append(threading.get_ident())
        return started[0]

    def build(slots=2):
        bench = Bench(Results(store), {}, SimpleNamespace(), zygote)
        services = {role: lambda role=role: Service(role, log) for role in ("gold", "student")}
        return SimpleNamespace(engine=LocalEngine(bench, slots, **services), bench=bench, log=log)

    return build


def run(made, wanted, told=None, **how):
    told = told or Told()
    with made.engine as engine:
        engine.run(wanted, told, **how)
    return told


BASE = Golden(1), Golden(2)
TOP = Toy(10, BASE), Toy(20, (BASE[0],)), Toy(30)


@pytest.mark.parametrize("slots", [1, 4])
def test_needs_come_first_and_keys_and_results_are_the_same_on_any_number_of_threads(make, slots):
    made = make(slots)
    told = run(made, TOP)
    assert {name: value for name, value, _ in told.ended} == {
        "toy 1": 1, "toy 2": 2, "toy 10": 13, "toy 20": 21, "toy 30": 30,
    }  # fmt: skip
    assert told.started == [("toy", 5)] and told.threads == {threading.get_ident()}
    order = [work.number for work in Toy.ran]
    assert max(order.index(1), order.index(2)) < min(order.index(n) for n in (10, 20, 30))
    assert made.bench.of(TOP[0]).values.values.tolist() == [13] * 3


def test_services_that_see_gold_end_before_others_start(make):
    made = make()
    run(made, TOP)
    assert max(i for i, said in enumerate(made.log) if "gold" in said) < made.log.index("start student")
    assert made.log.count("start gold") <= 2 and made.log[-1] == "end student"


def test_what_is_kept_hides_its_needs(make, store):
    run(make(), TOP)
    Toy.ran.clear()
    made = make()
    told = run(made, TOP)
    assert Toy.ran == [] and made.log == [*made.log[: len(made.log)]]
    assert told.ended == [("toy 10", 13, True), ("toy 20", 21, True), ("toy 30", 30, True)]


def test_a_result_whose_file_has_changed_is_computed_again(make, store):
    run(make(), TOP)
    (found,) = [store.kept(TOP[2].key)]
    store.objects.joinpath(found.together["sha256"][:2], f"{found.together['sha256']}.arrays").write_bytes(
        b"x"
    )
    Toy.ran.clear()
    run(make(), TOP)
    assert [work.number for work in Toy.ran] == [30]


def test_a_result_that_is_gone_is_one_line(make):
    with pytest.raises(
        StoreError, match=r"the result of toy \(toy 30\) is gone .* run the same command again"
    ):
        make().bench.of(TOP[2])


def test_a_failure_is_told_not_kept_and_fails_what_needs_it(make):
    bad = Toy(7, does="fails")
    made = make()
    told = run(made, [Toy(8, (bad, Toy(1))), Toy(9)])
    assert sorted(told.ended) == [
        ("toy 1", 1, False),
        ("toy 7", "failed", False),
        ("toy 8", "failed", False),
        ("toy 9", 9, False),
    ]
    assert made.bench.results.failure(Toy(8, (bad, Toy(1)))).why == "not run: toy 7 failed: toy 7 went wrong"
    assert not make().bench.has(bad)


def test_what_a_work_raises_ends_the_run_and_every_service(make):
    made = make(1)
    with pytest.raises(ValueError, match="toy 5"):
        run(made, [Toy(4), Toy(5, does="raises"), Toy(6)])
    assert [work.number for work in Toy.ran] == [4, 5] and "kill student" in made.log


def test_a_listener_may_stop_it(make):
    told = run(make(1), [Toy(n) for n in range(50)], Told(stop_at="toy 2"))
    assert [name for name, _, _ in told.ended] == ["toy 0", "toy 1", "toy 2"]


def test_what_is_skipped_does_not_run(make):
    told = run(make(), [Toy(1), Toy(2)], skip=lambda work: Failure("no") if work.number == 1 else None)
    assert sorted(told.ended) == [("toy 1", "failed", False), ("toy 2", 2, False)]
    assert [work.number for work in Toy.ran] == [2]


def test_a_dead_service_is_replaced(make):
    made = make(1)
    run(made, [Toy(1, does="kills"), Toy(2)])
    assert made.log.count("start student") == 2


def test_the_host_needs_no_service(make):
    made = make()
    run(made, [Hosted(1, (Hosted(2),))])
    assert made.log == []


def test_the_zygote_is_started_by_the_calling_thread_which_outlives_the_slots(make):
    work = Jailed(1)
    made = make()
    run(made, [work])
    assert made.bench.of(work).values.values.tolist() == [threading.get_ident()] * 3


def test_cancelling_ends_the_wait(make):
    made, began = make(1), time.monotonic()
    threading.Timer(0.2, made.bench.cancel.set).start()
    with pytest.raises(KeyboardInterrupt):
        run(made, [Toy(1, does="waits")])
    assert time.monotonic() - began < 20


def test_equal_works_are_one(make):
    told = run(make(), [Toy(1), Toy(1), Toy(2, (Toy(1),))])
    assert [work.number for work in sorted(Toy.ran, key=lambda w: w.number)] == [1, 2]
    assert told.started == [("toy", 2)]


def test_memory_holds_the_arrays_that_were_used_last(make, monkeypatch):
    monkeypatch.setattr("w2s_harness.run.work.results.HELD_BYTES", 3 * 8 * 2)
    made, read = make(1), []
    run(made, [Toy(n) for n in range(4)])
    kept = made.bench.results.store.array_of
    monkeypatch.setattr(made.bench.results.store, "array_of", lambda *a: read.append(a) or kept(*a))
    found = [made.bench.of(Toy(n)).values.values.tolist() for n in (3, 2, 0, 0, 3)]
    assert found == [[3] * 3, [2] * 3, [0] * 3, [0] * 3, [3] * 3]
    assert len(read) == 2  # 0, which 2 and 3 had put out, and 3, which 0 had


def test_what_a_run_is_told_is_what_the_store_holds(make):
    made, told = make(), []
    listener = Told()
    listener.ends = lambda work, outcome, *, kept: told.append(outcome)
    run(made, [Toy(1)], listener)
    assert told[0] is made.bench.of(Toy(1))


def test_a_result_ends_the_failure_before_it(make):
    made, work = make(), Toy(1)
    made.bench.results.fail(work, Failure("busy"))
    run(made, [work])
    assert made.bench.results.failure(work) is None
