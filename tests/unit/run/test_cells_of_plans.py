from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import in_process
import numpy as np
import pytest

from w2s_harness.contract.errors import Skip, WorkerError
from w2s_harness.contract.hookspecs import hookimpl
from w2s_harness.contract.types import World
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.jail.host.jail import Jail
from w2s_harness.run.cell.cell_result import CellCompute, CellFailure, CellIsolation, CellResult
from w2s_harness.run.cell.method_cell import CellRun
from w2s_harness.run.judge.cells import CellProgress, Cells
from w2s_harness.run.judge.guarding import Guards
from w2s_harness.run.work.engine import Bench
from w2s_harness.run.work.results import ResultArray, Results
from w2s_harness.run.work.setting.preparing import prepare_settings

ISOLATION = CellIsolation("best", "L0", ("limits",))


@pytest.fixture
def plugins(tmp_path) -> Plugins:
    return Plugins(folders=[tmp_path])


@pytest.fixture
def make(plan, store, plugins):
    def build(choice: str = "best", **changes) -> Cells:
        changed = replace(plan, **changes)
        settings = prepare_settings(changed, store)
        bench = Bench(Results(store), {s.ref: s for s in settings}, Jail(choice), in_process.no_worker)
        return Cells(changed, settings, bench, Guards(plugins))

    return build


def guard(answer):
    @hookimpl
    def w2s_grant(access):
        return answer

    return SimpleNamespace(w2s_grant=w2s_grant)


def access(cells: Cells) -> dict[str, tuple[str, ...]]:
    return {cell.cell.method: cell.access for cell in cells.real}


def result(setting) -> CellResult:
    values = np.full(len(setting.test), 0.9)
    no_fits = ResultArray(np.zeros((0, 3), np.float32))
    return CellResult(
        setting.scored(values),
        CellCompute(),
        ISOLATION,
        ResultArray(values),
        targets=no_fits,
        weights=no_fits,
    )


def keep(cells: Cells) -> None:
    """Keep every cell that can run, as worked off without a jail on an old kernel."""
    for cell in cells.real:
        if cell.cell.method == "plain":
            cells.bench.results.put(cell, result(cells.settings[0]))


class Engine:
    """Runs no worker: what is kept is told, and of the rest what `does` says."""

    def __init__(self, cells, does=None):
        self.bench, self.does, self.ran = cells.bench, does, []

    def run(self, wanted, listener, *, skip=lambda work: None):
        kept = [work for work in wanted if self.bench.has(work)]
        for work in [*kept, *(work for work in wanted if work not in kept)]:
            if work in kept:
                found = self.bench.of(work)
            elif (found := skip(work)) is None:
                assert self.does is not None, "no worker is needed"
                self.ran.append(work.name())
                found = self.does(work)
            if listener.ends(work, found, kept=work in kept):
                return


def run(cells: Cells, plugins, *, engine=None, log=lambda event: None, **how):
    """What came of the real cells, by id, as the log has it."""
    progress = CellProgress(plugins.hook, log, stop_first=how.pop("stop_first", False))
    cells.run(engine or Engine(cells), progress, **how)
    return {name: outcome.told() for name, outcome in cells.outcomes.items()}


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
    cells = make()
    assert access(cells)["asks"] == ()
    (verdict,) = {v.because for v in cells.guards.before(cells.settings[0].task.task, cells.plan.methods[1])}
    assert verdict == "w2s_grant() returned list, expected a set of names"


def test_what_a_guard_takes_away_is_not_asked_for_again(make, plugins):
    plugins.register("strict", guard(set()))
    found = run(make(), plugins, stop_first=True)
    assert found["words/p/asks/s0"]["skipped"].startswith("needs the access embeddings, inference")


def test_cells_that_cannot_run_say_why_and_start_no_worker(make, plugins):
    cells = make()
    keep(cells)
    logged = []
    found = run(cells, plugins, log=logged.append)
    assert found["words/p/torn/s0"] == {"error": "torn.py: SyntaxError"}
    assert found["words/p/asks/s1"] == {"skipped": "needs the access inference: run with --grant inference"}
    assert 0 < found["words/p/plain/s0"]["accuracy"] < 1
    assert sorted(e["cell"] for e in logged) == sorted(cell.cell.id for cell in cells.real)
    assert {e["cell"]: e["cached"] for e in logged}["words/p/plain/s1"] is True
    assert all("outcomes" not in e for e in logged)


def test_listeners_hear_every_cell_once(make, plugins):
    heard = []

    class Listener:
        @hookimpl
        def w2s_cell_finish(self, cell, record):
            heard.append((cell.id, "error" in record))

        @hookimpl
        def w2s_stage_progress(self, stage, unit, cached):
            heard.append((unit, cached))

    plugins.register("listener", Listener())
    cells = make()
    keep(cells)
    run(cells, plugins)
    assert len(heard) == 2 * len(cells.real)
    assert ("words/p/torn/s0", True) in heard and ("words/p/plain/s0", True) in heard


def test_stopping_at_the_first_failure_leaves_the_rest_undone(make, plugins):
    found = run(make(), plugins, stop_first=True)
    why = "not run: words/p/torn/s0 failed before it: torn.py: SyntaxError (-x)"
    assert found["words/p/plain/s0"] == {"error": why, "not_run": True}
    assert found["words/p/torn/s0"]["error"] == "torn.py: SyntaxError"


def test_a_cell_whose_arrays_are_gone_is_run_again(make, store):
    cells = make()
    keep(cells)
    first = cells.real[0]
    assert cells.is_kept(first)
    kept = store.kept(first.key).together
    (store.objects / kept["sha256"][:2] / f"{kept['sha256']}{kept['suffix']}").unlink()
    assert not make().is_kept(first)


def test_a_kept_cell_of_a_lower_level_is_run_again(make):
    keep(make())
    assert make("off").is_kept(make("off").real[0]) and make("best").is_kept(make("best").real[0])
    assert not make("require").is_kept(make("require").real[0])


@pytest.mark.parametrize(
    ("bad", "world", "told"),
    [
        (Skip("no ladder"), None, {"skipped": "no ladder"}),
        (WorkerError("died"), None, {"error": "died"}),
        (
            Skip("no ladder"),
            World(name="flipped", teacher="flipped"),
            {"error": "skipped in a counterfactual cell though its real cell ran: no ladder"},
        ),
    ],
)
def test_a_skipped_real_cell_is_no_failure_and_a_skipped_world_is(make, monkeypatch, bad, world, told):
    class Zygote:
        def spawn(self, order):
            raise bad

    cells = make()
    in_process.stock(cells.bench, cells.settings[0], (0,))
    cell = replace(cells.real[0], world=world)
    at = SimpleNamespace(
        of=cells.bench.of, setting=cells.bench.setting, client=None, zygote=Zygote(),
        jail=SimpleNamespace(order=lambda source: SimpleNamespace(mode="best")),
    )  # fmt: skip
    found = cell.run(at).told()
    assert {name: found[name] for name in told} == told


# -- counterfactual cells that fail ---------------------------------------------------------------------

REAL, FLIPPED = "words/p/plain/s0", "words/p/plain/s0 (flipped)"


@pytest.fixture
def flaky(make, plan, plugins):
    """A plan with two worlds a row whose cells fail as often as told, and what came of it."""

    class Asks:
        @hookimpl
        def w2s_worlds(self):
            return [World(name="flipped", teacher="flipped"), World(name="repeat")]

    def run_with(fails: dict[str, int], **how):
        plugins.register("asks", Asks())
        cells, events, left = make(methods=plan.methods[:1], seeds=(0,)), [], dict(fails)

        def does(cell: CellRun):
            if left.get(cell.name(), 0):
                left[cell.name()] -= 1
                return CellFailure(f"{cell.name()}: too slow")
            return result(cells.settings[0])

        engine = Engine(cells, does)
        records = run(cells, plugins, engine=engine, log=events.append, **how)
        worlds = cells.worlds.get(("words/p", "plain"), ())
        return SimpleNamespace(
            records=records, events=events, ran=engine.ran,
            errors={e.work.world.name: e.error for e in worlds},
        )  # fmt: skip

    return run_with


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
