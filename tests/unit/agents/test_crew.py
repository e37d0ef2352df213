"""Agents side by side: when their time is over, what they began is ended too."""

from __future__ import annotations

import threading
import time

import pytest

from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.books.money import Clock
from w2s_studies.agents.host import running as crews
from w2s_studies.agents.host.referee import InterruptedRunError, ended_by
from w2s_studies.agents.host.running import Crew


class Hung:
    """An agent whose request ends only when it is ended."""

    def __init__(self, cancel: threading.Event) -> None:
        self.cancel = cancel

    def run(self) -> str:
        if self.cancel.wait(30):
            raise InterruptedRunError
        return "nobody ended it"


class Quick:
    """An agent that ends by itself."""

    def run(self) -> str:
        return "it was stopped"


@pytest.fixture
def crew(tmp_path, monkeypatch):
    monkeypatch.setattr(crews, "_TICK_S", 0.05)
    monkeypatch.setattr(crews, "LAST_S", 0.3)

    def make(agent, hours=0.0):
        said, stop, cancel = [], threading.Event(), threading.Event()
        made = Crew(
            ["a", "b"], lambda name: agent(cancel) if name == "a" else Quick(),
            lambda name: None, lambda: None,
            clock=Clock(Journal(tmp_path / "c.jsonl"), hours), stop=stop, cancel=cancel, say=said.append,
        )  # fmt: skip
        return made, said, stop, cancel

    return make


def test_a_request_that_hangs_does_not_outlive_the_hours(crew):
    made, said, stop, cancel = crew(Hung)
    began = time.monotonic()
    made.work()
    assert 0.3 <= time.monotonic() - began < 5
    assert said == ["the time is over"] and made.ended == {"b": "it was stopped"} and not made.failures
    assert stop.is_set() and not cancel.is_set(), "the board is still to be made"


def test_before_the_time_is_over_nothing_is_ended(crew):
    made, said, _, cancel = crew(lambda cancel: Quick(), hours=1.0)
    made.work()
    assert said == [] and not cancel.is_set() and set(made.ended) == {"a", "b"}


def test_what_sees_no_event_is_ended_by_one():
    cancel, ended = threading.Event(), threading.Event()
    with ended_by(cancel, ended.set):
        assert not ended.wait(0.3)
        cancel.set()
        assert ended.wait(2)
    with ended_by(threading.Event(), lambda: pytest.fail("nobody asked for it")):
        pass
