from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import in_process
import numpy as np
import pytest

from w2s_harness.contract.errors import StoreError
from w2s_harness.contract.kinds import VERIFY
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.run.board.rows.scored import with_own_vanilla
from w2s_harness.run.stages.teachers import weak_labels
from w2s_harness.run.stages.tuning import Tune
from w2s_harness.run.stages.vanilla import VanillaPath, starred
from w2s_harness.run.work.setting.preparing import prepare_settings
from w2s_harness.run.work.work import named_seed
from w2s_harness.scoring.comparisons.starred import Point, Starred
from w2s_harness.students.probe.choosing import C_GRID, EPOCH_GRID
from w2s_harness.students.probe.probe import Path, fit_exact

SEEDS = (0, 3)


@pytest.fixture
def place(plan, store):
    """A workplace over one setting with made-up features, and the setting."""
    (setting,) = prepare_settings(replace(plan, seeds=SEEDS), store)
    made = in_process.Workplace(store, [setting])
    in_process.stock(made.bench, setting, SEEDS)
    made.setting = setting
    return made


def stars(place):
    place.run(VanillaPath(place.setting.ref, s, seed) for s in ("exact", "path") for seed in SEEDS)
    return starred(place.bench, place.setting.ref, SEEDS, by_steps=True)


def test_every_point_is_vanilla_at_its_settings(place):
    found, setting = stars(place), place.setting
    assert set(found) == {"exact", "path"}
    exact = {p.settings["C"]: p for p in found["exact"].points}
    assert set(exact) == set(C_GRID)
    gold = gold_of(setting.data, "test").labels
    for seed in SEEDS:
        weak = weak_labels(place.bench, setting.ref, seed)
        x = place.features(setting, "train_unlabel")[setting.draw("train_unlabel", seed)]
        for c in (1e-4, 0.1):
            z = fit_exact(x, weak, VERIFY, c=c).logits(place.features(setting, "test"))
            assert np.array_equal(exact[c].outcomes[seed], ((z > 0) == gold).astype(float))
        named = named_seed(setting.root_seed, setting.data.digest, "vanilla*", "path", seed)
        by_steps = Path(x, weak, VERIFY, c=0.1, lr=0.03, seed=named)
        by_steps.run(2.0, 2.0)
        z = by_steps.probe().logits(place.features(setting, "test"))
        (point,) = [p for p in found["path"].points if p.settings == {"epochs": 2.0, "lr": 0.03}]
        assert np.array_equal(point.outcomes[seed], ((z > 0) == gold).astype(float))


def test_the_path_of_steps_holds_the_exact_points_too(place):
    found = stars(place)
    names = [p.name for p in found["path"].points]
    assert names[: len(C_GRID)] == [p.name for p in found["exact"].points]
    assert len(names) == len(C_GRID) + 3 * len(EPOCH_GRID)
    assert found["path"].best.accuracy >= found["exact"].best.accuracy


def test_the_best_point_is_best_on_the_holdout(place):
    star = stars(place)["exact"]
    assert star.best.accuracy == max(p.accuracy for p in star.points)
    block = star.block(place.setting.test.groups)
    assert block.values.mean() == pytest.approx(star.best.accuracy)


@pytest.mark.parametrize(("c", "at", "ends"), [(3.0, -1, 30.0), (1e-6, 0, 1e-6)])
def test_the_grid_reaches_a_decade_beyond_what_was_chosen(place, c, at, ends):
    place.bench.results.put(Tune(place.setting.ref), in_process.chosen(c))
    work = VanillaPath(place.setting.ref, "exact", 0)
    (found,) = place.run([work])
    points = [p["C"] for p in found.points]
    # it goes on beyond its end where its last point is best
    assert points[at] == ends or (at == -1 and ends in points)


def test_the_best_point_of_a_training_by_steps_is_at_least_the_plans_own_vanilla():
    """Its seed is not that of any point, so it is one of them itself."""
    cells = [SimpleNamespace(seed=s) for s in SEEDS]
    own = SimpleNamespace(solver="finetune", is_whole=True, cells=cells, outcomes=np.ones((2, 6)))
    star = Starred((Point("epochs=1", {s: np.zeros(6) for s in SEEDS}),))
    found = with_own_vanilla({"finetune": star}, own)["finetune"]
    assert [p.name for p in found.points] == ["epochs=1", "vanilla"] and found.best.accuracy == 1.0
    exact = SimpleNamespace(solver="exact", is_whole=True, cells=cells, outcomes=np.ones((2, 6)))
    assert with_own_vanilla({"exact": star}, exact)["exact"] is star, (
        "there it is a point of the path already"
    )
    fewer = SimpleNamespace(solver="finetune", is_whole=True, cells=cells[:1], outcomes=np.ones((1, 6)))
    assert with_own_vanilla({"finetune": star}, fewer)["finetune"] is star
    assert with_own_vanilla({"finetune": star}, None)["finetune"] is star


def test_a_point_that_is_gone_is_said(place):
    with pytest.raises(StoreError, match="run the same command again"):
        starred(place.bench, place.setting.ref, SEEDS, by_steps=False)
