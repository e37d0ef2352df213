from __future__ import annotations

import threading
import time

import pytest

from w2s_harness.errors import UsageError
from w2s_harness.experiment.slots import Slots, slot_count


class Client:
    """What `Slots` asks of a service."""

    def __init__(self) -> None:
        self.alive, self.busy_s, self.ended = True, 1.0, ""

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def kill(self) -> None:
        self.alive, self.ended = False, "killed"


@pytest.fixture
def clients() -> list[Client]:
    return []


@pytest.fixture
def make(clients):
    def build(n: int) -> Slots:
        def start() -> Client:
            clients.append(Client())
            return clients[-1]

        return Slots(n, start, threading.Event())

    return build


def test_every_unit_is_done_once_and_services_are_reused(make, clients):
    seen = []
    with make(3) as slots:
        slots.map(
            range(20), lambda client, unit: unit * unit, lambda unit, result: seen.append((unit, result))
        )
        slots.map(range(2), lambda client, unit: unit, lambda unit, result: seen.append((unit, result)))
    assert sorted(seen) == sorted([(i, i * i) for i in range(20)] + [(0, 0), (1, 1)])
    assert 1 <= len(clients) <= 3 and {c.ended for c in clients} == {"closed"}
    assert slots.busy_s == len(clients)


def test_no_service_starts_where_there_is_nothing_to_do(make, clients):
    with make(3) as slots:
        slots.map([], lambda client, unit: unit, lambda unit, result: None)
    assert clients == []


def test_results_are_handed_over_in_the_calling_thread(make):
    threads = []
    with make(2) as slots:
        slots.map(range(4), lambda client, unit: unit, lambda unit, _: threads.append(threading.get_ident()))
    assert set(threads) == {threading.get_ident()}


def test_a_failing_unit_stops_the_rest_and_is_raised(make, clients):
    done = []

    def work(client, unit):
        if unit == 1:
            raise ValueError("unit 1")
        return unit

    with pytest.raises(ValueError, match="unit 1"), make(1) as slots:
        slots.map(range(10), work, lambda unit, _: done.append(unit))
    assert done == [0] and {c.ended for c in clients} == {"killed"}


def test_done_may_stop_early(make):
    done = []

    def settle(unit, _):
        done.append(unit)
        return unit == 2

    with make(1) as slots:
        slots.map(range(100), lambda client, unit: unit, settle)
    assert done == [0, 1, 2]


def test_a_dead_service_is_replaced(make, clients):
    def work(client, unit):
        if unit == 0:
            client.alive = False
        return client

    used = []
    with make(1) as slots:
        slots.map([0, 1], work, lambda unit, client: used.append(client))
    assert used[0] is not used[1] and len(clients) == 2 and slots.busy_s == 2.0


def test_cancelling_ends_the_wait(make):
    with pytest.raises(KeyboardInterrupt), make(1) as slots:
        threading.Timer(0.2, slots.cancel.set).start()
        began = time.monotonic()
        slots.map([0], lambda client, unit: time.sleep(1), lambda unit, _: None)
    assert time.monotonic() - began < 2


def test_slots_are_a_number_or_auto():
    assert slot_count("3") == 3
    assert slot_count("auto") >= 1
    for text in ("0", "-1", "two", "1.5", ""):
        with pytest.raises(UsageError, match="-n"):
            slot_count(text)
