"""Echo and decoy cells: which there are, that their labels are one draw for all methods, vanilla in them."""

from __future__ import annotations

from dataclasses import replace

import in_process
import numpy as np
import pytest

from w2s_harness.contract.kinds import kind_of
from w2s_harness.contract.plan import Cell
from w2s_harness.contract.types import World
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.run.stages.worlds.own import (
    DRAWS,
    STRICT_DRAWS,
    Calibrated,
    OwnLabels,
    WorldCalibration,
    calibrated,
    calibrating_worlds,
    own_worlds,
)
from w2s_harness.run.stages.worlds.worlds import stage, tell
from w2s_harness.run.work.setting.preparing import prepare_settings
from w2s_harness.students.probe.probe import fit_exact

SEEDS = (0, 3)
ECHO = World(name="echo-0", teacher="echo")
PLUS, MINUS = (World(name=f"decoy-0-{s}", teacher="decoy", sign=s) for s in (1, -1))


class Place(in_process.Workplace):
    """A workplace over one setting whose readout is the first column of its features."""

    def __init__(self, store, setting):
        super().__init__(store, [setting])
        self.setting, rng, z = setting, np.random.default_rng(0), {}
        for split in ("train_unlabel", "test"):
            x = rng.standard_normal((len(setting.data.texts[split]), 6))
            z[split] = x[:, 0]
            if setting.pair.mode == "probe":
                in_process.keep_features(self.bench, setting.ref, "strong", split, x)
        in_process.keep_margins(self.bench, setting, z["train_unlabel"][None], z["test"][None])
        for seed in (0, 1):
            noise = rng.standard_normal(len(z["train_unlabel"]))
            in_process.keep_labels(self.bench, setting, seed, 1 / (1 + np.exp(-z["train_unlabel"] - noise)))

    def weak(self, seed, world):
        """What a cell's worker is told."""
        if world is not None:
            self.run([OwnLabels(self.setting.ref, seed, world)])
        return tell(self.bench, self.setting.ref, seed, world).weak


@pytest.fixture
def place(setting, store):
    return Place(store, setting())


def test_every_seed_has_an_echo_and_a_pair_of_decoys():
    found = own_worlds(2, "all", "probe", [0, 3])
    assert len(found) == len({(w.name, s) for w, s in found}) == 2 * 2 * 3 + 1
    assert {s for w, s in found if w.teacher == "echo"} == {0, 3}
    assert own_worlds(1, "none", "probe", [0, 1]) == []
    assert len(own_worlds(1, "one", "probe", [0, 1])) == 6


def test_a_fine_tuned_student_has_them_on_one_seed_unless_all_are_asked_for():
    found = own_worlds(3, "one", "finetune", [0, 1, 2], "a")
    assert len(found) == 3 and len({s for _, s in found}) == 1
    assert {own_worlds(1, "one", "finetune", [0, 1, 2], str(i))[0][1] for i in range(20)} == {0, 1, 2}
    assert len(own_worlds(1, "all", "finetune", [0, 1, 2])) == 10


def test_labels_are_the_same_for_every_method_and_kept(place):
    told = [place.weak(0, w) for w in (ECHO, PLUS, MINUS)]
    real = place.weak(0, None)
    for weak in told:
        assert sorted(weak) == sorted(real) and (weak != real).any()
    assert (told[1] != told[2]).any()
    for method in ("plain", "asks"):
        found = stage(place.bench, place.setting.ref, Cell("words", "p", method, 0), ECHO)
        assert (found.told.weak == told[0]).all()
    assert (place.weak(1, ECHO) != told[0]).any()
    assert place.log == [], "the host draws them by itself"


def test_another_draw_has_other_labels(place):
    again = World(name="echo-1", teacher="echo", draw=1)
    assert (place.weak(0, again) != place.weak(0, ECHO)).any()


def test_without_features_the_rows_lie_where_their_letters_say(setting, store, plan):
    tuned = Place(store, setting(pairs=(replace(plan.pairs[0], mode="finetune"),)))
    assert sorted(tuned.weak(0, PLUS)) == sorted(tuned.weak(0, None))


def test_one_strict_echo_a_row_where_all_counterfactuals_are_asked_for():
    strict = [(w, s) for w, s in own_worlds(2, "all", "probe", [0, 3], "a") if w.teacher == "strict"]
    assert [w.name for w, _ in strict] == ["strict-0"]
    assert {own_worlds(1, "all", "probe", [0, 3], str(i))[-1][1] for i in range(20)} == {0, 3}
    assert not [w for w, _ in own_worlds(2, "one", "probe", [0, 3]) if w.teacher == "strict"]


def test_a_strict_echo_keeps_what_the_outlines_of_the_features_tell(place):
    drawn = place.setting.draw("train_unlabel", 0)
    x = place.features(place.setting, "train_unlabel")[drawn]
    # a teacher whose labels hang on a feature that no readout tells
    taught = np.zeros(len(place.setting.data.texts["train_unlabel"]))
    taught[drawn] = 1 / (1 + np.exp(-4 * x[:, 1]))
    in_process.keep_labels(place.bench, place.setting, 0, taught)
    real, told = place.weak(0, None), place.weak(0, World(name="strict-0", teacher="strict"))
    plain = place.weak(0, ECHO)
    assert sorted(told) == sorted(real)
    assert np.corrcoef(told, real)[0, 1] > 0.4 > 0.3 > abs(np.corrcoef(plain, real)[0, 1])


# -- vanilla in many draws ------------------------------------------------------------------------------


@pytest.fixture
def made(plan, store):
    """A workplace over one setting with made-up features and readouts."""
    (setting,) = prepare_settings(replace(plan, seeds=SEEDS), store)
    place, rng = in_process.Workplace(store, [setting]), np.random.default_rng(0)
    in_process.stock(place.bench, setting, SEEDS)
    n, n_test = (len(setting.data.texts[split]) for split in ("train_unlabel", "test"))
    margins = rng.standard_normal((2, n)), rng.standard_normal((2, n_test))
    in_process.keep_margins(place.bench, setting, *margins, names=("a", "b"))
    place.setting = setting
    return place


WORLDS = calibrating_worlds(1, "all")


def test_every_draw_is_vanilla_on_the_labels_that_methods_get(made):
    ref, setting = made.setting.ref, made.setting
    made.run(WorldCalibration(ref, seed, WORLDS) for seed in SEEDS)
    found = calibrated(made.bench, ref, SEEDS, WORLDS)
    assert len(found.worlds) == 3 * DRAWS + STRICT_DRAWS and set(found.outcomes) == set(SEEDS)
    x, holdout = (made.features(setting, split) for split in ("train_unlabel", "test"))
    for place in (0, 1, 5):
        told = tell(made.bench, ref, 3, found.worlds[place])
        z = fit_exact(x[told.drawn], told.weak, kind_of(setting.data.kind), c=0.1).logits(holdout)
        right = ((z > 0) == gold_of(setting.data, "test").labels).astype(float)
        assert np.array_equal(found.outcomes[3][place], right)


def test_a_plan_without_worlds_asks_for_none_and_more_draws_for_more():
    assert calibrating_worlds(1, "none") == ()
    assert len(calibrating_worlds(DRAWS + 1, "one")) == 3 * (DRAWS + 1)


def made_up(rng, seeds=(0, 1, 2, 3, 4), n=400):
    worlds = tuple(World(name=f"echo-{i}", teacher="echo", draw=i) for i in range(8))
    lucky = rng.random(8) * 0.3 + 0.4
    return Calibrated(worlds, {s: (rng.random((8, n)) < lucky[:, None]).astype(float) for s in seeds})


def test_luck_is_what_the_draws_have_beyond_the_mean_of_all():
    found = made_up(np.random.default_rng(0))
    x = found.outcomes[2]
    assert np.allclose(found.luck("echo", 2, found.worlds[1:2]), x[1] - x.mean(0))
    assert np.allclose(found.luck("echo", 2, found.worlds), 0)
    sds = [x.mean(1).var(ddof=1) for x in found.outcomes.values()]
    assert found.spread("echo") == pytest.approx(np.sqrt(np.mean(sds)))
