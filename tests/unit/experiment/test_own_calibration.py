from __future__ import annotations

from dataclasses import replace

import in_process
import numpy as np
import pytest
from w2s_harness.experiment.keys import Keys
from w2s_harness.experiment.own_calibration import DRAWS, STRICT_DRAWS, Calibrated, Calibration

from w2s_harness.data.gold import gold_of
from w2s_harness.experiment import own_calibration
from w2s_harness.experiment.preparing import prepare_settings
from w2s_harness.experiment.worlds import tell
from w2s_harness.models.probe import fit_exact
from w2s_harness.scoring.own_size import WorldCells
from w2s_harness.types import World

SEEDS = (0, 3)


@pytest.fixture
def made(plan, store, monkeypatch):
    """A stage over one setting with made-up features and readouts, and the setting."""
    in_process.start(own_calibration, monkeypatch)
    changed = replace(plan, seeds=SEEDS)
    (setting,) = prepare_settings(changed, store)
    in_process.stock(store, setting, SEEDS)
    keys, rng = Keys(setting), np.random.default_rng(0)
    store.put(keys.margins("names"), {"names": ["a", "b"], "reason": None})
    for split in ("train_unlabel", "test"):
        store.put_array(keys.margins(split), rng.standard_normal((2, len(setting.data.texts[split]))))
    stage, hook = in_process.stage(Calibration, changed, [setting], store)
    return stage, hook, setting


def test_every_draw_is_vanilla_on_the_labels_that_methods_get(made, store):
    stage, _, setting = made
    found = stage.run()[setting.id]
    assert len(found.worlds) == 3 * DRAWS + STRICT_DRAWS and set(found.outcomes) == set(SEEDS)
    x, holdout = (
        store.array(Keys(setting).features("strong", split, "features"))
        for split in ("train_unlabel", "test")
    )
    for place in (0, 1, 5):
        told = tell(store, setting, 3, found.worlds[place])
        z = fit_exact(x[told.drawn], told.weak, setting.data.kind, c=0.1).logits(holdout)
        assert np.array_equal(
            found.outcomes[3][place], ((z > 0) == gold_of(setting.data, "test").labels).astype(float)
        )


def test_a_second_run_finds_everything_and_a_plan_without_worlds_asks_for_nothing(made, store):
    stage, hook, setting = made
    first = stage.run()
    again = stage.run()
    assert np.array_equal(first[setting.id].outcomes[0], again[setting.id].outcomes[0])
    assert [cached for _, cached in hook.told] == [False] * 2 + [True] * 2
    bare = Calibration(replace(stage.plan, counterfactuals="none"), [setting], store, hook, stage.cancel, 1)
    assert bare.run() == {}


def calibrated(rng, seeds=(0, 1, 2, 3, 4), n=400):
    worlds = tuple(World(name=f"echo-{i}", teacher="echo", draw=i) for i in range(8))
    lucky = rng.random(8) * 0.3 + 0.4
    return Calibrated(worlds, {s: (rng.random((8, n)) < lucky[:, None]).astype(float) for s in seeds})


def test_luck_is_what_the_draws_have_beyond_the_mean_of_all():
    found = calibrated(np.random.default_rng(0))
    x = found.outcomes[2]
    assert np.allclose(found.luck("echo", 2, found.worlds[1:2]), x[1] - x.mean(0))
    assert np.allclose(found.luck("echo", 2, found.worlds), 0)
    sds = [x.mean(1).var(ddof=1) for x in found.outcomes.values()]
    assert found.spread("echo") == pytest.approx(np.sqrt(np.mean(sds)))


def test_the_luck_of_a_draw_is_taken_off_as_far_as_the_row_moves_with_vanilla():
    rng = np.random.default_rng(1)
    found = calibrated(rng)
    luck = np.stack([found.luck("echo", s, found.worlds[:1]) for s in found.outcomes])
    fake = np.stack([x[0] for x in found.outcomes.values()])
    mean = np.stack([x.mean(0) for x in found.outcomes.values()])
    real = (rng.random(fake.shape) < 0.8).astype(float)

    def cells(real, fake):
        return WorldCells(tuple(found.outcomes), real, fake, fake.mean(1).reshape(-1, 1, 1), luck)

    difference, factor = cells(real, fake).difference()
    assert factor == pytest.approx(1.0, abs=0.05)
    assert difference.mean() == pytest.approx((real - mean).mean(), abs=0.003), "as over all eight draws"
    assert abs((real - fake).mean() - (real - mean).mean()) > 0.003, "the draw itself was a lucky one"
    still, factor = cells(real, real).difference()
    assert factor == 0.0 and not still.any()
