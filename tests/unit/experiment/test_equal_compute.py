from __future__ import annotations

import json
from dataclasses import replace

import in_process
import numpy as np
import pytest
from w2s_harness.experiment.equal_compute import EqualCompute, bag, numbers
from w2s_harness.experiment.keys import Keys

from w2s_harness.data.gold import gold_of
from w2s_harness.data.resolve import data_task
from w2s_harness.errors import StoreError
from w2s_harness.experiment import equal_compute
from w2s_harness.experiment.preparing import prepare_settings
from w2s_harness.experiment.scored import SLACK
from w2s_harness.experiment.worlds import tell
from w2s_harness.models.meter import HEAD
from w2s_harness.models.probe import fit_exact
from w2s_harness.plan import PlannedTask
from w2s_harness.types import Pair

SEEDS = (0, 3)


@pytest.fixture
def log(monkeypatch):
    return in_process.start(equal_compute, monkeypatch)


@pytest.fixture(params=["verify", "preference"])
def staged(request, plan, store, tmp_path, model, log):
    """A stage over one setting with made-up features: three rows a question, or preferences."""
    folder = tmp_path / request.param
    folder.mkdir()
    for split, n in (("train_label", 60), ("train_unlabel", 90), ("test", 80)):
        lines = []
        for i in range(n):
            gold = (i * 7 + i // 3) % 5 < 2
            if request.param == "verify":
                row = {"question": f"{split} {i // 3}", "choice": f"answer {i}", "label": gold}
            else:
                row = {"prompt": f"{split} {i}", "first": f"a {i}", "second": f"b {i}"}
                row["label"] = "A" if gold else "B"
            lines.append(json.dumps(row) + "\n")
        (folder / f"{split}.jsonl").write_text("".join(lines))
    task = PlannedTask(request.param, data_task(folder), {}, "public", path=str(folder))
    changed = replace(plan, tasks=(task,), seeds=SEEDS)
    settings = prepare_settings(changed, store)
    in_process.stock(store, settings[0], SEEDS)
    return lambda: in_process.stage(EqualCompute, changed, settings, store)


def test_a_bag_draws_whole_questions_as_often_as_there_are():
    groups = np.array([5, 5, 9, 9, 9, 2])
    bags = np.array([bag(groups, np.random.default_rng(i)) for i in range(2000)])
    assert (bags[:, 0] == bags[:, 1]).all() and (bags[:, 2] == bags[:, 3]).all()
    assert (bags[:, [0, 2, 5]].sum(1) == 3).all()
    # a question of three stays out of a bag with probability (2/3)^3
    assert abs((bags[:, 5] == 0).mean() - 8 / 27) < 0.04


def test_a_member_is_vanilla_on_the_bagged_rows(staged, store):
    stage, _ = staged()
    found = stage.run({(name := next(iter(stage._settings))): {("exact", 2)}})
    setting, seed = stage._settings[name], 3
    told = tell(store, setting, seed, None)
    x, holdout = (
        store.array(Keys(setting).features("strong", split, "features"))
        for split in ("train_unlabel", "test")
    )
    z = np.zeros(len(setting.test))
    for number in numbers("exact", 2):
        named = equal_compute.named_seed(0, setting.data.digest, "vanilla@C", "exact", seed, number)
        groups = setting.data.texts["train_unlabel"].groups[told.drawn]
        times = bag(groups, np.random.default_rng(named))
        rows = np.flatnonzero(times)
        probe = fit_exact(
            x[told.drawn][rows], told.weak[rows], setting.data.kind, c=0.1, weight=times[rows].astype(float)
        )
        z += probe.logits(holdout)
    assert np.array_equal(
        found[(name, "exact", 2)][seed], ((z > 0) == gold_of(setting.data, "test").labels).astype(float)
    )


def test_one_member_is_vanilla_itself(staged, store):
    stage, _ = staged()
    (name,) = stage._settings
    found = stage.run({name: {("exact", 1)}})[(name, "exact", 1)]
    setting = stage._settings[name]
    x, holdout = (
        store.array(Keys(setting).features("strong", split, "features"))
        for split in ("train_unlabel", "test")
    )
    for seed in SEEDS:
        told = tell(store, setting, seed, None)
        z = fit_exact(x[told.drawn], told.weak, setting.data.kind, c=0.1).logits(holdout)
        assert np.array_equal(found[seed], ((z > 0) == gold_of(setting.data, "test").labels).astype(float))


@pytest.mark.parametrize("solver", ["exact", "path"])
def test_an_ensemble_costs_at_most_its_size_times_vanilla(staged, solver):
    stage, _ = staged()
    (name,) = stage._settings
    stage.run({name: {(solver, 1), (solver, 2), (solver, 7)}})
    vanilla = stage.flops_of(name, solver, 1)
    setting = stage._settings[name]
    read = 0
    for split in ("train_unlabel", "test"):
        tokens = stage.store.array(Keys(setting).features("strong", split, "tokens"))
        whole = np.arange(len(setting.test))
        index = {"test": [whole] * len(SEEDS), "train_unlabel": [setting.draw(split, s) for s in SEEDS]}[
            split
        ]
        read += sum(tokens[at].sum() for at in index)
    # what is not reading is passes over the rows of the draw to train the head
    trained = vanilla - 2 * in_process.PARAMETERS * read
    features = stage.store.array(Keys(setting).features("strong", "train_unlabel", "features"))
    passes = trained / (HEAD * len(setting.draw("train_unlabel", SEEDS[0])) * features.shape[1])
    assert passes >= len(SEEDS) and passes == int(passes)
    for m in (2, 7):
        cost = stage.flops_of(name, solver, m)
        # a bag's solve may take more steps than vanilla's
        assert 0.5 * m * vanilla < cost <= (1 + SLACK) * m * vanilla


def test_members_differ_and_a_smaller_ensemble_is_the_start_of_a_larger(staged, store, log):
    stage, _ = staged()
    (name,) = stage._settings
    setting = stage._settings[name]
    small = stage.run({name: {("exact", 2), ("path", 2)}})
    fits = sum(kind == "Serve" for kind, _ in log)
    again, _ = staged()
    large = again.run({name: {("exact", 2), ("exact", 4), ("path", 2), ("path", 4)}})
    assert sum(kind == "Serve" for kind, _ in log) - fits == 2 * 2 * len(SEEDS)
    for key, by_seed in small.items():
        for seed in SEEDS:
            assert np.array_equal(by_seed[seed], large[key][seed])
    for solver in ("exact", "path"):
        members = [store.array(again._key(setting, solver, 0, i, "values")) for i in numbers(solver, 4)]
        assert len({m.tobytes() for m in members}) == 4


def test_everything_kept_asks_nobody(staged, log):
    stage, hook = staged()
    (name,) = stage._settings
    first = stage.run({name: {("exact", 3)}})
    assert hook.started == [("vanilla@C", 2)] and [cached for _, cached in hook.told] == [False, False]
    asked = len(log)
    stage, hook = staged()
    second = stage.run({name: {("exact", 3)}})
    assert len(log) == asked and all(cached for _, cached in hook.told) and len(hook.told) == 2
    assert all(np.array_equal(first[k][s], second[k][s]) for k in first for s in SEEDS)


def test_a_member_fitted_again_is_the_same_to_the_bit(staged, store, log):
    stage, _ = staged()
    (name,) = stage._settings
    wanted = {name: {("exact", 3), ("path", 2)}}
    stage.run(wanted)
    key = stage._key(stage._settings[name], "path", 0, 1, "values")
    before = store.array(key)
    client = in_process.Client("worker-facing", 1, log)
    stage._work(client, equal_compute._Unit(stage._settings[name], "path", 0, (1,)))
    assert np.array_equal(before, store.array(key))


def test_no_service_sees_a_label_and_nothing_wanted_starts_none(staged, log):
    stage, hook = staged()
    assert stage.run({}) == {} and log == [] and hook.started == []
    stage.run({next(iter(stage._settings)): {("exact", 2)}})
    assert {role for _, role in log} == {"worker-facing"}
    assert "FitPredict" not in {kind for kind, _ in log}


def test_a_student_that_cannot_be_trained_costs_a_comparison_and_not_the_run(staged, store, monkeypatch):
    stage, _ = staged()
    (name,) = stage._settings
    setting = stage._settings[name]
    # rows that the features do not hold
    store.put_array(
        Keys(setting).features("strong", "train_unlabel", "features"), np.zeros((3, 2), np.float32)
    )
    assert stage.run({name: {("exact", 2)}}) == {}
    assert name in stage.errors
    with pytest.raises(StoreError, match="gone from the store"):
        stage.flops_of(name, "exact", 2)


def test_the_key_of_path_holds_its_epochs_and_rate(staged, store):
    stage, _ = staged()
    (setting,) = stage._settings.values()
    exact, path = (stage._key(setting, solver, 0, 0, "values") for solver in ("exact", "path"))
    store.put(Keys(setting).path(), {"epochs": 20.0, "lr": 0.03})
    assert stage._key(setting, "exact", 0, 0, "values") == exact
    assert stage._key(setting, "path", 0, 0, "values") != path


def test_fine_tuned_members_are_vanilla_under_other_seeds(staged, monkeypatch):
    stage, _ = staged()
    (setting,) = stage._settings.values()
    tuned = replace(
        setting, pair=Pair(name="p", weak=setting.pair.weak, strong=setting.pair.strong, mode="finetune")
    )
    asked = []

    class Cell:
        def fit(self, weak, **how):
            asked.append((len(weak), how))

    weak = np.linspace(0, 1, 9)
    for number in numbers("finetune", 3):
        equal_compute._student(Cell(), equal_compute._Unit(tuned, "finetune", 0, ()), number, weak)
    assert asked[0] == (9, {"by_path": False})
    seeds = [how["seed"] for _, how in asked[1:]]
    assert len(set(seeds)) == 2 and all(n == 9 and "rows" not in how for n, how in asked)
