from __future__ import annotations

import json
from dataclasses import replace

import in_process
import numpy as np
import pytest
from w2s_harness.experiment.baselines import Baseline
from w2s_harness.experiment.keys import Keys

from w2s_harness.data.gold import gold_of
from w2s_harness.data.resolve import data_task
from w2s_harness.experiment import controls
from w2s_harness.experiment.controls import Controls, shuffled
from w2s_harness.experiment.gold_oracle import own_ceiling
from w2s_harness.experiment.preparing import prepare_settings
from w2s_harness.plan import PlannedTask
from w2s_harness.scoring.accuracy import outcomes
from w2s_harness.scoring.starred import Point, Starred

SEEDS = (0, 1, 4)
NAMES = ["shuffled", "random teacher", "weak = strong"]


@pytest.fixture
def log(monkeypatch):
    return in_process.start(controls, monkeypatch)


@pytest.fixture
def staged(plan, store, tmp_path, log):
    """Builds a stage over two settings of 30 % true rows, and their baselines."""
    tasks = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        for split, n in (("train_label", 120), ("train_unlabel", 120), ("test", 200)):
            rows = [
                {
                    "question": f"{name} {split} {i // 2}",
                    "choice": f"answer {i}",
                    "label": i % 10 in (1, 4, 8),
                }
                for i in range(n)
            ]
            (folder / f"{split}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
        tasks.append(PlannedTask(name, data_task(folder), {}, "public", path=str(folder)))

    def make(**changes):
        changed = replace(plan, tasks=tuple(tasks), **({"seeds": SEEDS, "baseline_seeds": SEEDS} | changes))
        settings = prepare_settings(changed, store)
        every = sorted({*changed.seeds, *changed.baseline_seeds})
        for setting in settings:
            in_process.stock(store, setting, every)
        stage, hook = in_process.stage(Controls, changed, settings, store)
        return stage, hook, {s.id: baseline(s, store, every) for s in settings}

    return make


def baseline(setting, store, seeds) -> Baseline:
    """Floors by the teacher's own column of the weak model's features."""
    x = store.array(Keys(setting).features("weak", "test", "features"))
    floor = outcomes((x[:, 0] > 0.5).astype(float), gold_of(setting.data, "test").labels)
    return Baseline(dict.fromkeys(seeds, floor), {}, {}, {}, 0)


def test_three_controls_a_setting_in_one_order(staged):
    stage, _, baselines = staged()
    found = stage.run(baselines)
    assert [(c.task, c.name) for c in found] == [(t, n) for t in ("one", "two") for n in NAMES]
    assert all(c.pair == "p" and c.because for c in found)
    assert all(c.ok for c in found), [c.because for c in found if not c.ok]


def test_at_least_twenty_draws_over_the_seeds_of_the_plan(staged):
    for seeds, draws in (((0, 1, 4), 21), ((2,), 20)):
        stage, _, baselines = staged(seeds=seeds, baseline_seeds=(0,))
        found = {c.name: c for c in stage.run(baselines) if c.task == "one"}
        assert found["shuffled"].numbers["draws"] == found["random teacher"].numbers["draws"] == draws
        assert found["weak = strong"].numbers["seeds"] == 1


def test_labels_without_content_stay_near_one_half_where_real_ones_do_not(staged, monkeypatch):
    stage, _, baselines = staged()
    real = {c.name: c for c in stage.run(baselines) if c.task == "one"}
    for name in NAMES[:2]:
        assert abs(real[name].numbers["balanced_accuracy"] - 0.5) < 0.15
    assert len({c.numbers["balanced_accuracy"] for n, c in real.items() if n in NAMES[:2]}) == 2


def test_a_student_that_is_told_something_anyway_is_a_red_line(staged, monkeypatch):
    """What a harness would do whose permutation is none."""
    monkeypatch.setattr(controls, "shuffled", lambda weak, rng: weak)
    stage, _, baselines = staged()
    found = {c.name: c for c in stage.run(baselines) if c.task == "one"}
    assert not found["shuffled"].ok and found["shuffled"].numbers["balanced_accuracy"] > 0.8
    assert "something beside the labels" in found["shuffled"].because
    assert found["random teacher"].ok


def test_a_stronger_weak_model_is_a_gap(staged):
    stage, _, baselines = staged()
    for setting in stage.settings:
        chance = np.arange(len(setting.test)) % 2.0
        baselines[setting.id] = replace(baselines[setting.id], weak=dict.fromkeys(SEEDS, chance))
    found = [c for c in stage.run(baselines) if c.name == "weak = strong"]
    assert len(found) == 2 and not any(c.ok for c in found)


def test_the_shuffle_keeps_every_label():
    weak = np.linspace(0, 1, 50)
    out = shuffled(weak, np.random.default_rng(0))
    assert not np.array_equal(out, weak) and np.array_equal(np.sort(out), weak)


def test_gold_goes_to_baseline_services_that_end_before_others_start(staged, log):
    stage, _, baselines = staged()
    stage.run(baselines)
    assert {role for kind, role in log if kind == "FitPredict"} == {"baseline"}
    assert {role for kind, role in log if kind in ("OpenCell", "Serve", "PredictTest")} == {"worker-facing"}
    last_end = max(i for i, event in enumerate(log) if event == ("end", "baseline"))
    first_start = log.index(("start", "worker-facing"))
    assert last_end < first_start


def test_what_is_kept_is_not_computed_again_and_says_the_same(staged, log):
    stage, hook, baselines = staged()
    assert not stage.is_complete()
    first = stage.run(baselines)
    units = 2 * 3 * len(SEEDS)
    assert hook.started == [("controls", units)] and len(hook.told) == units
    assert stage.flops > 0
    asked = len(log)
    stage, hook, baselines = staged()
    assert stage.is_complete()
    assert stage.run(baselines) == first
    assert len(log) == asked and len(hook.told) == units and all(cached for _, cached in hook.told)


def test_more_seeds_keep_the_draws_that_are_there(staged, log, store):
    stage, _, baselines = staged()
    stage.run(baselines)
    key = Keys(stage.settings[0]).control("shuffled", 0, 0)
    before, asked = store.get(key), sum(kind == "Serve" for kind, _ in log)
    stage, _, baselines = staged(seeds=(0, 1, 4, 5))
    stage.run(baselines)
    assert store.get(key) == before
    # 5 draws a seed instead of 7: only the new seed's are fitted
    assert sum(kind == "Serve" for kind, _ in log) - asked == 2 * 2 * 5


def test_a_plan_without_controls_has_none(staged, log):
    stage, hook, baselines = staged(controls=False)
    assert stage.is_complete() and stage.run(baselines) == [] and log == [] and hook.started == []


def test_a_control_that_cannot_be_trained_is_not_ok_and_stops_nothing(staged, store):
    stage, _, baselines = staged()
    broken = stage.settings[0]
    place = Keys(broken).features("strong", "train_unlabel", "features")
    store.put_array(place, np.zeros((3, 2), np.float32))
    found = {(c.task, c.name): c for c in stage.run(baselines)}
    bad = found[("one", "shuffled")]
    assert not bad.ok and bad.accuracy is None and "could not be trained" in bad.because
    assert found[("one", "weak = strong")].ok and found[("two", "shuffled")].ok
    assert not stage.is_complete()


def test_a_fine_tuned_student_draws_once_a_seed_and_has_no_random_teacher(staged):
    stage, _, _ = staged()
    tuned = replace(stage.plan.pairs[0], mode="finetune")
    stage.settings = [replace(s, pair=tuned) for s in stage.settings]
    for seeds, draws in (((0, 1, 4), 1), ((0,), 2)):
        stage.plan = replace(stage.plan, seeds=seeds)
        units = [u for u in stage.units() if u.setting is stage.settings[0]]
        assert {u.name for u in units} == {"shuffled", "weak = strong"}
        assert [u.draws for u in units if u.name == "shuffled"] == [draws] * len(seeds)


@pytest.fixture
def read_out(staged, store):
    """A stage whose settings have a readout without content, and `zero-shot*` of it."""

    def make(**changes):
        stage, _, baselines = staged(**changes)
        readouts = {}
        for setting in stage.settings:
            rng, keys = np.random.default_rng(1), Keys(setting)
            for split in ("train_unlabel", "test"):
                store.put_array(keys.margins(split), rng.standard_normal((1, len(setting.data.texts[split]))))
            store.put(keys.margins("names"), {"names": ["sum"], "reason": None})
            guess = {s: (rng.random(len(setting.test)) < 0.5).astype(float) for s in stage.plan.seeds}
            readouts[setting.id] = Starred((Point("sum", guess),))
            top = dict.fromkeys(stage.plan.baseline_seeds, np.ones(len(setting.test)))
            baselines[setting.id] = replace(baselines[setting.id], ceiling=top)
        return stage, baselines, readouts

    return make


def test_a_gold_oracle_is_weak_supervision_and_says_how_much_there_is(read_out):
    stage, baselines, readouts = read_out()
    found = [c for c in stage.run(baselines, readouts) if c.name == "gold oracle"]
    assert len(found) == 2 and all(c.ok for c in found), [c.because for c in found]
    for control, setting in zip(found, stage.settings, strict=True):
        assert control.because.startswith(("weak supervision", "unclear"))
        assert control.because.startswith("weak supervision") or "too few for a verdict" in control.because
        assert own_ceiling(found, setting) == min(control.numbers[k] for k in ("own_echo", "own_decoy")) > 0.1


def test_a_student_that_learns_nothing_from_gold_fails_the_oracle_unless_there_is_no_gap(read_out, store):
    stage, baselines, readouts = read_out()
    for setting in stage.settings:
        for split in ("train_unlabel", "test"):
            x = np.random.default_rng(3).standard_normal((len(setting.data.texts[split]), in_process.WIDTH))
            store.put_array(Keys(setting).features("strong", split, "features"), x.astype("f4"))
    two = stage.settings[1].id
    baselines[two] = replace(baselines[two], ceiling=baselines[two].weak)
    found = {c.task: c for c in stage.run(baselines, readouts) if c.name == "gold oracle"}
    assert not found["one"].ok and "no method could be shown" in found["one"].because
    assert found["two"].ok and "without a gap" in found["two"].because


def test_without_counterfactuals_or_readouts_there_is_no_oracle(read_out, staged):
    stage, baselines, readouts = read_out(counterfactuals="none")
    assert "gold oracle" not in {c.name for c in stage.run(baselines, readouts)}
