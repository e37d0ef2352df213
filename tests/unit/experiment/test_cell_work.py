from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from w2s_harness.experiment.keys import Keys

from w2s_harness.discovery.plugins import Plugins
from w2s_harness.experiment.cells import CellWork
from w2s_harness.experiment.guarding import Guards
from w2s_harness.experiment.preparing import prepare_settings
from w2s_harness.hookspecs import hookimpl
from w2s_harness.isolation.jail import Jail
from w2s_harness.types import World


@pytest.fixture
def plugins(tmp_path) -> Plugins:
    return Plugins(folders=[tmp_path])


@pytest.fixture
def make(plan, store, plugins):
    def build(choice: str = "best", **changes) -> CellWork:
        from dataclasses import replace

        changed = replace(plan, **changes)
        settings = prepare_settings(changed, store)
        guards = Guards(plugins)
        return CellWork(changed, settings, store, plugins.hook, guards, threading.Event(), 1, Jail(choice))

    return build


def guard(answer):
    @hookimpl
    def w2s_grant(access):
        return answer

    return SimpleNamespace(w2s_grant=w2s_grant)


def access(work: CellWork) -> dict[str, tuple[str, ...]]:
    return {job.cell.method: job.access for job in work.jobs}


def record(work: CellWork, store, **more) -> None:
    """Put every cell that can run into the store, as worked off without a jail on an old kernel."""
    more = {"isolation": {"asked": "best", "level": "L0", "layers": ["limits"]}, **more}
    for job in work.jobs:
        if job.cell.method == "plain":
            store.put(job.key, {"accuracy": 0.5, "outcomes": "", "ties": "", **more})
            store.put_array(Keys(job.setting).predictions(job.key), np.zeros(3))
            store.put_array(Keys(job.setting).targets(job.key), np.zeros((0, 3)))
            store.put_array(Keys(job.setting).weights(job.key), np.zeros((0, 3)))


def unreachable():
    raise AssertionError("no worker is needed")


def test_access_is_what_was_asked_and_granted(make):
    assert access(make()) == {"plain": (), "asks": ("embeddings",), "torn": ()}
    full = make(grants=frozenset({"embeddings", "inference", "transductive"}))
    assert access(full)["asks"] == ("embeddings", "inference")


def test_a_guard_may_lower_and_cannot_widen(make, plugins):
    everything = frozenset({"embeddings", "inference", "transductive"})
    plugins.register("wide", guard(everything))
    assert access(make())["asks"] == ("embeddings",) and access(make())["plain"] == ()
    plugins.register("low", guard({"inference"}))
    assert access(make(grants=everything))["asks"] == ("inference",)
    plugins.register("silent", guard(None))
    assert access(make(grants=everything))["asks"] == ("inference",)


def test_a_guard_that_answers_nonsense_gives_nothing_and_is_named(make, plugins):
    plugins.register("odd", guard(["embeddings"]))
    work = make()
    assert access(work)["asks"] == ()
    task = work.jobs[0].setting.task.task
    (verdict,) = {v.because for v in work.guards.before(task, work.plan.methods[1])}
    assert verdict == "w2s_grant() returned list, expected a set of names"


def test_what_a_guard_takes_away_is_not_asked_for_again(make, plugins):
    plugins.register("strict", guard(set()))
    found = make().run(unreachable, lambda event: None, stop_first=True)
    assert found["words/p/asks/s0"]["skipped"].startswith("needs the access embeddings, inference")


def test_cells_that_cannot_run_say_why_and_start_no_worker(make, store):
    work = make()
    assert not work.are_complete()
    record(work, store)
    assert work.are_complete()
    logged = []
    found = work.run(unreachable, logged.append)
    assert found["words/p/torn/s0"] == {"error": "torn.py: SyntaxError"}
    assert found["words/p/asks/s1"] == {"skipped": "needs the access inference: run with --grant inference"}
    assert found["words/p/plain/s0"]["accuracy"] == 0.5
    assert [e["cell"] for e in logged] == [j.cell.id for j in work.jobs]
    assert {e["cell"]: e["cached"] for e in logged}["words/p/plain/s1"] is True
    assert all("outcomes" not in e for e in logged)


def test_listeners_hear_every_cell_once(make, store, plugins):
    heard = []

    class Listener:
        @hookimpl
        def w2s_cell_finish(self, cell, record):
            heard.append((cell.id, "error" in record))

        @hookimpl
        def w2s_stage_progress(self, stage, unit, cached):
            heard.append((unit, cached))

    plugins.register("listener", Listener())
    work = make()
    record(work, store)
    work.run(unreachable, lambda event: None)
    assert len(heard) == 2 * len(work.jobs)
    assert ("words/p/torn/s0", True) in heard and ("words/p/plain/s0", True) in heard


def test_stopping_at_the_first_failure_leaves_the_rest_undone(make):
    found = make().run(unreachable, lambda event: None, stop_first=True)
    why = "not run: words/p/torn/s0 failed before it: torn.py: SyntaxError (-x)"
    assert found["words/p/plain/s0"] == {"error": why, "not_run": True}
    assert found["words/p/torn/s0"]["error"] == "torn.py: SyntaxError"


def test_predictions_that_a_guard_will_read_must_still_be_there(make, store, plugins):
    work = make()
    record(work, store)
    path = store.path(Keys(work.jobs[0].setting).predictions(work.jobs[0].key))
    path.unlink()
    assert work.are_complete()

    class Judge:
        @hookimpl
        def w2s_judge_run(self, predictions):
            return None

    plugins.register("judge", Judge())
    assert not work.are_complete()


def test_a_kept_cell_of_a_lower_level_is_run_again(make, store):
    record(make(), store)
    assert make("off").are_complete() and make("best").are_complete()
    assert not make("require").are_complete()


# -- counterfactual cells that fail ---------------------------------------------------------------------


class Flaky:
    """Runs no worker; a cell fails as often as `fails` says."""

    def __init__(self, fails: dict[str, int]) -> None:
        self.fails, self.ran = dict(fails), []

    def run(self, client, zygote, job):
        self.ran.append(job.id)
        if self.fails.get(job.id, 0):
            self.fails[job.id] -= 1
            return {"error": f"{job.id}: too slow"}
        return {"accuracy": 0.5, "outcomes": "", "ties": ""}


class Client:
    alive, busy_s = True, 0.0

    def close(self) -> None:
        """As a service."""

    kill = close


@pytest.fixture
def flaky(make, plan, plugins, monkeypatch):
    """A plan with two worlds a row whose cells fail as told, and what came of it."""

    class Asks:
        @hookimpl
        def w2s_worlds(self):
            return [World(name="flipped", teacher="flipped"), World(name="repeat")]

    def run(fails: dict[str, int], **how):
        monkeypatch.setattr("w2s_harness.experiment.cells.ServiceClient", lambda *_, **__: Client())
        plugins.register("asks", Asks())
        work, events = make(methods=plan.methods[:1], seeds=(0,)), []
        work._runner = Flaky(fails)
        records = work.run(lambda: None, events.append, **how)
        return SimpleNamespace(
            records=records,
            events=events,
            ran=work._runner.ran,
            errors={
                e.job.world.name: e.record.get("error") for e in work.worlds.get(("words/p", "plain"), ())
            },
        )

    return run


REAL, FLIPPED = "words/p/plain/s0", "words/p/plain/s0 (flipped)"


def test_a_counterfactual_cell_that_fails_by_bad_luck_is_run_once_more(flaky):
    found = flaky({FLIPPED: 1})
    assert found.errors == {"flipped": None, "repeat": None}
    assert sorted(found.ran) == sorted([REAL, FLIPPED, FLIPPED, "words/p/plain/s0 (repeat)"])
    assert found.ran[-1] == FLIPPED, "after all others"
    (told,) = [e for e in found.events if "again" in e]
    assert told == {"again": FLIPPED, "error": f"{FLIPPED}: too slow"}


def test_one_that_fails_twice_has_failed(flaky):
    found = flaky({FLIPPED: 9})
    assert found.errors == {"flipped": f"{FLIPPED}: too slow", "repeat": None}
    assert found.ran.count(FLIPPED) == 2


def test_a_real_cell_has_one_chance_and_takes_its_worlds_with_it(flaky):
    found = flaky({REAL: 1, FLIPPED: 9})
    assert found.records[REAL]["error"].endswith("too slow") and found.ran.count(REAL) == 1
    assert found.ran.count(FLIPPED) <= 1
    assert all(error is None or "not run" in error for error in found.errors.values())


def test_nothing_is_run_again_after_a_stop(flaky):
    found = flaky({REAL: 1, FLIPPED: 9}, stop_first=True)
    assert found.ran.count(FLIPPED) <= 1


@pytest.mark.parametrize(("slots", "units", "shared"), [(64, 6, 6), (2, 100, 2)])
def test_no_more_services_are_counted_than_start(make, monkeypatch, slots, units, shared):
    asked = []
    monkeypatch.setattr("w2s_harness.experiment.cells.memory_share", lambda n: asked.append(n) or 2**31)
    work = make()
    work.n = slots
    work._slots(units)
    assert asked == [shared]
