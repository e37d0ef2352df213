"""Code of others is given nothing that it could have known; shipped code is given what anybody gives it."""

import json
from dataclasses import replace

import in_process
import numpy as np
import pytest

from w2s_harness.contract.errors import StoreError, UsageError
from w2s_harness.contract.plan import Cell, MethodSource, PlannedMethod
from w2s_harness.contract.types import World
from w2s_harness.installed.distributions.metadata import OURS
from w2s_harness.run.cell.method_cell import CellRun
from w2s_harness.run.kept import runs, secret
from w2s_harness.run.plan.planning import describe_plan
from w2s_harness.run.stages.worlds.worlds import GRID, blurred, stage


def method(sha="a", *, shipped=False, filename="m.py"):
    source = MethodSource("m", "m", OURS if shipped else None, None, sha * 64, filename=filename)
    return PlannedMethod("m", "m", source, {})


HERE, THERE = "1" * 64, "2" * 64


def test_a_store_draws_its_secret_once_and_for_its_owner_alone(store, monkeypatch):
    monkeypatch.delenv(secret.VARIABLE, raising=False)
    assert secret.of_store(store, make=False) == "" and not (store.root / secret.FILE).exists()
    drawn = secret.of_store(store)
    assert len(bytes.fromhex(drawn)) == 32 and secret.of_store(store) == drawn
    assert (store.root / secret.FILE).stat().st_mode & 0o777 == 0o600
    assert not list(store.root.glob(".tmp-*"))
    monkeypatch.setenv(secret.VARIABLE, HERE.upper())
    assert secret.of_store(store) == HERE
    monkeypatch.setenv(secret.VARIABLE, "12ab")
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        secret.of_store(store)


def test_a_file_that_holds_no_secret_is_named(store, monkeypatch):
    monkeypatch.delenv(secret.VARIABLE, raising=False)
    (store.root / secret.FILE).write_text("short")
    with pytest.raises(StoreError, match="Remove it"):
        secret.of_store(store)


def test_shipped_code_and_predictions_have_none_and_each_source_its_own(plan):
    plan = replace(plan, secret=HERE)
    assert secret.of_method(plan, method(shipped=True)) == ""
    assert secret.of_method(plan, method(filename="x.jsonl")) == ""
    assert not secret.needed([method(shipped=True), method(filename="x.jsonl")]) and secret.needed([method()])
    found = {
        secret.of_method(replace(plan, secret=s), method(sha)) for s in (HERE, THERE) for sha in ("a", "b")
    }
    assert len(found) == 4 and secret.of_method(replace(plan, secret=""), method()) == ""


def test_keys_of_shipped_cells_know_nothing_of_it_and_those_of_others_hold_its_digest(plan, setting):
    ref, cell = setting().ref, Cell("words", "p", "m", 0)

    def key(of, hidden):
        own = secret.of_method(replace(plan, secret=hidden), of)
        return CellRun(cell, ref, of, (), frozenset(), plan.limits, secret=own).key

    ours, theirs = method(shipped=True), method()
    assert key(ours, "") == key(ours, HERE)
    assert len({key(theirs, hidden) for hidden in ("", HERE, THERE)}) == 3


def test_the_plan_says_it_and_its_file_is_for_its_owner_alone(plan, store):
    assert "secret" not in describe_plan(plan)
    described = json.loads(json.dumps(describe_plan(replace(plan, secret=HERE))))
    assert described["secret"] == HERE
    assert (runs.start(store, described).folder / "plan.json").stat().st_mode & 0o777 == 0o600
    assert (runs.start(store, {}).folder / "plan.json").stat().st_mode & 0o044


@pytest.fixture
def staged(setting, store):
    here = setting()
    rng = np.random.default_rng(3)
    weak = rng.random(len(here.data.texts["train_unlabel"]))
    weak[:4] = (0.0, 1.0, 0.5, 0.50001)
    bench = in_process.Workplace(store, [here]).bench
    in_process.keep_labels(bench, here, 0, weak)

    def make(world=None, hidden=""):
        return stage(bench, here.ref, Cell("words", "p", "m", 0), world, hidden)

    return make


WORLDS = [
    None,
    World(name="null-0", teacher="permuted", inputs="scrambled"),
    World(name="diluted-0", teacher="diluted"),
]


@pytest.mark.parametrize("world", WORLDS)
def test_order_bait_draws_and_last_digits_hang_on_the_secret(staged, world):
    public, here, there = (staged(world, hidden) for hidden in ("", HERE, THERE))
    again = staged(world, HERE)
    for phase in ("train", "test"):
        orders = [getattr(s, phase).order.tolist() for s in (public, here, there)]
        assert orders[0] != orders[1] != orders[2] and getattr(again, phase).order.tolist() == orders[1]
    assert not np.array_equal(here.told.bait, there.told.bait)
    assert not set(here.told.weak.tolist()) & set(there.told.weak.tolist()) - {0.0, 0.5, 1.0}
    assert np.array_equal(here.told.weak, again.told.weak)
    if world is None:
        assert np.abs(here.told.weak - public.told.weak).max() <= GRID and not here.told.changed.any()
    else:
        assert np.abs(here.told.weak - there.told.weak).max() > 0.1, "another draw, not another digit"


def test_a_repeat_of_a_cell_is_given_the_same(staged):
    repeat = World(name="repeat")
    assert repeat.is_repeat
    one, two = staged(None, HERE), staged(repeat, HERE)
    assert np.array_equal(one.told.weak, two.told.weak)
    assert np.array_equal(one.train.order, two.train.order)


def test_blurred_labels_stay_on_their_side_and_within_the_grid():
    rng = np.random.default_rng(0)
    weak = np.concatenate([rng.random(5000), 0.5 + np.linspace(-2, 2, 4001) * GRID, [0.0, 1.0, 0.5]])
    found = blurred(weak, np.random.default_rng(1))
    assert np.array_equal(found > 0.5, weak > 0.5) and np.array_equal(found < 0.5, weak < 0.5)
    assert np.abs(found - weak).max() <= GRID and found.min() >= 0 and found.max() <= 1
    assert len(set(found[:5000].tolist())) == 5000
