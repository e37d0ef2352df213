"""The sanity controls: how they are trained, on which services, and what is said of them."""

from __future__ import annotations

import json
from dataclasses import replace

import in_process
import numpy as np
import pytest

from w2s_harness.contract.plan import PlannedTask
from w2s_harness.data.reading.file_task import data_task
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.run.board.control_verdicts import judged_controls, own_ceiling
from w2s_harness.run.board.shared import SharedResults, SharedWork
from w2s_harness.run.stages import controls
from w2s_harness.run.stages.controls import shuffled
from w2s_harness.run.work.setting.preparing import prepare_settings
from w2s_harness.scoring.comparisons.starred import Point, Starred
from w2s_harness.scoring.points import outcomes

SEEDS = (0, 1, 4)
NAMES = ["shuffled", "random teacher", "weak = strong"]


class Place(in_process.Workplace):
    """A workplace over the settings of a plan, with what its controls need."""

    def __init__(self, plan, store):
        settings = prepare_settings(plan, store)
        super().__init__(store, settings)
        self.plan, self.settings, self.readouts = plan, settings, {}
        self.work = SharedWork(plan, settings, self.bench)
        every = sorted({*plan.seeds, *plan.baseline_seeds})
        for setting in settings:
            in_process.stock(self.bench, setting, every)
        self.shared = {s.id: self.baseline(s, every) for s in settings}

    def baseline(self, setting, seeds) -> SharedResults:
        """Floors by the teacher's own column of the weak model's features."""
        x = self.features(setting, "test", "weak")
        floor = outcomes((x[:, 0] > 0.5).astype(float), gold_of(setting.data, "test").labels)
        top = dict.fromkeys(self.plan.baseline_seeds, np.ones(len(setting.test)))
        return SharedResults(dict.fromkeys(seeds, floor), top, {}, {})

    def judged(self):
        """The controls, trained and judged."""
        with self.engine() as engine:
            engine.run([*self.work.golden_controls(), *self.work.noise()], self.told)
        return judged_controls(self.work, self.shared, self.readouts)

    def reads_out(self):
        """Give every setting a readout without content, and `zero-shot*` of it."""
        for setting in self.settings:
            rng = np.random.default_rng(1)
            n, n_test = (len(setting.data.texts[split]) for split in ("train_unlabel", "test"))
            margins = rng.standard_normal((1, n)), rng.standard_normal((1, n_test))
            in_process.keep_margins(self.bench, setting, *margins)
            guess = {s: (rng.random(n_test) < 0.5).astype(float) for s in self.plan.seeds}
            self.readouts[setting.id] = Starred((Point("sum", guess),))
        return self


@pytest.fixture
def place(plan, store, tmp_path):
    """Makes a workplace over two settings of 30 % true rows."""
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
        wanted = {"seeds": SEEDS, "baseline_seeds": SEEDS} | changes
        return Place(replace(plan, tasks=tuple(tasks), **wanted), store)

    return make


def test_three_controls_a_setting_in_one_order(place):
    found = place().judged()
    assert [(c.task, c.name) for c in found] == [(t, n) for t in ("one", "two") for n in NAMES]
    assert all(c.pair == "p" and c.because for c in found)
    assert all(c.ok for c in found), [c.because for c in found if not c.ok]


def test_at_least_twenty_draws_over_the_seeds_of_the_plan(place):
    for seeds, draws in (((0, 1, 4), 21), ((2,), 20)):
        here = place(seeds=seeds, baseline_seeds=(0,))
        found = {c.name: c for c in here.judged() if c.task == "one"}
        assert found["shuffled"].numbers["draws"] == found["random teacher"].numbers["draws"] == draws
        assert found["weak = strong"].numbers["seeds"] == 1


def test_labels_without_content_stay_near_one_half(place):
    real = {c.name: c for c in place().judged() if c.task == "one"}
    for name in NAMES[:2]:
        assert abs(real[name].numbers["balanced_accuracy"] - 0.5) < 0.15
    assert len({c.numbers["balanced_accuracy"] for n, c in real.items() if n in NAMES[:2]}) == 2


def test_a_student_that_is_told_something_anyway_is_a_red_line(place, monkeypatch):
    """What a harness would do whose permutation is none."""
    monkeypatch.setattr(controls, "shuffled", lambda weak, rng: weak)
    found = {c.name: c for c in place().judged() if c.task == "one"}
    assert not found["shuffled"].ok and found["shuffled"].numbers["balanced_accuracy"] > 0.8
    assert "something beside the labels" in found["shuffled"].because
    assert found["random teacher"].ok


def test_a_stronger_weak_model_is_a_gap(place):
    here = place()
    for setting in here.settings:
        chance = np.arange(len(setting.test)) % 2.0
        here.shared[setting.id] = replace(here.shared[setting.id], weak=dict.fromkeys(SEEDS, chance))
    found = [c for c in here.judged() if c.name == "weak = strong"]
    assert len(found) == 2 and not any(c.ok for c in found)


def test_the_shuffle_keeps_every_label():
    weak = np.linspace(0, 1, 50)
    out = shuffled(weak, np.random.default_rng(0))
    assert not np.array_equal(out, weak) and np.array_equal(np.sort(out), weak)


def test_gold_goes_to_baseline_services_that_end_before_others_start(place):
    here = place()
    here.judged()
    assert {role for kind, role in here.log if kind == "FitPredict"} == {"baseline"}
    asked = ("OpenCell", "Serve", "PredictTest")
    assert {role for kind, role in here.log if kind in asked} == {"worker-facing"}
    last_end = max(i for i, event in enumerate(here.log) if event == ("end", "baseline"))
    assert last_end < here.log.index(("start", "worker-facing"))


def test_what_is_kept_is_not_computed_again_and_says_the_same(place):
    first = place()
    said = first.judged()
    units = 2 * 3 * len(SEEDS)
    assert first.told.started == [("controls", units)] and len(first.told.ended) == units
    again = place()
    assert again.judged() == said
    assert again.log == [] and all(kept for _, kept in again.told.ended)


def test_a_plan_without_controls_has_none(place):
    here = place(controls=False)
    assert here.judged() == [] and here.log == []


def test_a_control_that_cannot_be_trained_is_not_ok_and_stops_nothing(place):
    here = place()
    broken = here.settings[0]
    in_process.keep_features(here.bench, broken.ref, "strong", "train_unlabel", np.zeros((3, 2)))
    found = {(c.task, c.name): c for c in here.judged()}
    bad = found[("one", "shuffled")]
    assert not bad.ok and bad.accuracy is None and "could not be trained" in bad.because
    assert found[("one", "weak = strong")].ok and found[("two", "shuffled")].ok


def test_a_fine_tuned_student_draws_once_a_seed_and_has_no_random_teacher(plan, place):
    tuned = replace(plan.pairs[0], mode="finetune")
    for seeds, draws in (((0, 1, 4), 1), ((0,), 2)):
        noise = place(pairs=(tuned,), seeds=seeds).work.noise()
        assert {one.control for one in noise} == {"shuffled"}
        assert [one.draws for one in noise] == [draws] * 2 * len(seeds)


def test_a_gold_oracle_is_weak_supervision_and_says_how_much_there_is(place):
    here = place().reads_out()
    found = [c for c in here.judged() if c.name == "gold oracle"]
    assert len(found) == 2 and all(c.ok for c in found), [c.because for c in found]
    for control, setting in zip(found, here.settings, strict=True):
        assert control.because.startswith(("weak supervision", "unclear"))
        assert control.because.startswith("weak supervision") or "too few for a verdict" in control.because
        assert own_ceiling(found, setting) == min(control.numbers[k] for k in ("own_echo", "own_decoy")) > 0.1


def test_a_student_that_learns_nothing_from_gold_fails_the_oracle_unless_there_is_no_gap(place):
    here = place().reads_out()
    for setting in here.settings:
        for split in ("train_unlabel", "test"):
            n = len(setting.data.texts[split])
            x = np.random.default_rng(3).standard_normal((n, in_process.WIDTH))
            in_process.keep_features(here.bench, setting.ref, "strong", split, x)
    two = here.settings[1].id
    here.shared[two] = replace(here.shared[two], ceiling=here.shared[two].weak)
    found = {c.task: c for c in here.judged() if c.name == "gold oracle"}
    assert not found["one"].ok and "no method could be shown" in found["one"].because
    assert found["two"].ok and "without a gap" in found["two"].because


def test_without_counterfactuals_or_readouts_there_is_no_oracle(place):
    assert "gold oracle" not in {c.name for c in place(counterfactuals="none").reads_out().judged()}
