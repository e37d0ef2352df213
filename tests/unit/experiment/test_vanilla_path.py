from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import in_process
import numpy as np
import pytest
from w2s_harness.experiment.keys import Keys
from w2s_harness.experiment.vanilla_path import VanillaPath

from w2s_harness.data.gold import gold_of
from w2s_harness.errors import StoreError
from w2s_harness.experiment import identity
from w2s_harness.experiment.preparing import prepare_settings
from w2s_harness.experiment.scored import with_own_vanilla
from w2s_harness.experiment.worlds import tell
from w2s_harness.models.probe import Path, fit_exact
from w2s_harness.models.selection import C_GRID, EPOCH_GRID
from w2s_harness.scoring.starred import Point, Starred

SEEDS = (0, 3)


@pytest.fixture
def path(plan, store):
    """The path of one setting with made-up features; its methods are of others and may train by steps."""
    changed = replace(plan, seeds=SEEDS)
    (setting,) = prepare_settings(changed, store)
    in_process.stock(store, setting, SEEDS)
    return VanillaPath(changed, setting, store)


def work_off(path):
    client = in_process.Client("baseline", 1, [])
    for unit in path.units():
        unit.work(client)


def features(path, split):
    return path.store.array(Keys(path.setting).features("strong", split, "features"))


def test_every_point_is_vanilla_at_its_settings(path):
    work_off(path)
    stars = path.starred()
    assert set(stars) == {"exact", "path"}
    exact = {p.settings["C"]: p for p in stars["exact"].points}
    assert set(exact) == set(C_GRID)
    gold = gold_of(path.setting.data, "test").labels
    for seed in SEEDS:
        told = tell(path.store, path.setting, seed, None)
        x = features(path, "train_unlabel")[told.drawn]
        for c in (1e-4, 0.1):
            z = fit_exact(x, told.weak, "verify", c=c).logits(features(path, "test"))
            assert np.array_equal(exact[c].outcomes[seed], ((z > 0) == gold).astype(float))
        by_steps = Path(x, told.weak, "verify", c=0.1, lr=0.03, seed=path._order("path", seed).seed)
        by_steps.run(2.0, 2.0)
        z = by_steps.probe().logits(features(path, "test"))
        (point,) = [p for p in stars["path"].points if p.settings == {"epochs": 2.0, "lr": 0.03}]
        assert np.array_equal(point.outcomes[seed], ((z > 0) == gold).astype(float))


def test_the_path_of_steps_holds_the_exact_points_too(path):
    work_off(path)
    stars = path.starred()
    names = [p.name for p in stars["path"].points]
    assert names[: len(C_GRID)] == [p.name for p in stars["exact"].points]
    assert len(names) == len(C_GRID) + 3 * len(EPOCH_GRID)
    assert stars["path"].best.accuracy >= stars["exact"].best.accuracy


def test_the_best_point_is_best_on_the_holdout(path):
    work_off(path)
    star = path.starred()["exact"]
    assert star.best.accuracy == max(p.accuracy for p in star.points)
    block = star.block(path.setting.test.groups)
    assert block.values.mean() == pytest.approx(star.best.accuracy)


def test_the_grid_reaches_a_decade_beyond_what_was_chosen(path):
    chosen = path.store.get(Keys(path.setting).tune())
    path.store.put(Keys(path.setting).tune(), {**chosen, "strong": {"c": 3.0}})
    assert [p.c for p in path._grid("exact")][-3:] == [3.0, 10.0, 30.0]
    path.store.put(Keys(path.setting).tune(), {**chosen, "strong": {"c": 1e-6}})
    assert path._grid("exact")[0].c == 1e-6, "there is no smaller one"


def test_the_best_point_of_a_training_by_steps_is_at_least_the_plans_own_vanilla():
    """Its seed is not that of any point, so it is one of them itself."""
    cells = [(SimpleNamespace(cell=SimpleNamespace(seed=s)), None) for s in SEEDS]
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


def test_a_point_that_is_gone_is_said(path):
    with pytest.raises(StoreError, match="run the same command again"):
        path.starred()


def test_its_code_names_its_results(monkeypatch, path):
    before = [unit.key for unit in path.units()]
    known = identity.code_version
    monkeypatch.setattr(
        "w2s_harness.experiment.keys.code_version",
        lambda stage: "other" if stage == "vanilla-path" else known(stage),
    )
    assert not {unit.key for unit in path.units()} & set(before)
