"""`zero-shot*`: every template, their mean, and heads trained on each one's labels."""

from __future__ import annotations

import json
from dataclasses import replace

import in_process
import numpy as np
import pytest

from w2s_harness.contract.kinds import VERIFY
from w2s_harness.contract.plan import PlannedTask
from w2s_harness.data.reading.file_task import data_task
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.run.stages.readouts import ReadMargins, ReadoutHeads, with_mean, zero_shot_starred
from w2s_harness.run.work.setting.preparing import prepare_settings
from w2s_harness.scoring.comparisons.starred import labels
from w2s_harness.students.probe.probe import fit_exact

SEEDS = (0, 2)
TEMPLATES = {name: {"kind": "likelihood", "statistic": name} for name in ("sum", "mean", "min")}


@pytest.fixture
def made(plan, store, tmp_path):
    """A workplace over a verify task whose likelihoods know gold, and its setting."""
    folder = tmp_path / "verify"
    folder.mkdir()
    for split, n in (("train_label", 60), ("train_unlabel", 120), ("test", 80)):
        rows = [
            {"question": f"{split} {i // 2}", "choice": f"a {i}", "label": (i + i // 2) % 2 == 0}
            for i in range(n)
        ]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))

    def make(share_true=0.5, templates=TEMPLATES):
        task = data_task(folder)
        if share_true is not None:
            object.__setattr__(task, "share_true", share_true)
        strong = replace(plan.pairs[0].strong, templates=templates)
        changed = replace(
            plan,
            tasks=(PlannedTask("verify", task, {}, "public", path=str(folder)),),
            pairs=(replace(plan.pairs[0], strong=strong),),
            seeds=SEEDS,
        )
        (setting,) = prepare_settings(changed, store)
        place = in_process.Workplace(store, [setting])
        in_process.stock(place.bench, setting, SEEDS)
        for split in ("train_unlabel", "test"):
            rng = np.random.default_rng(len(split))
            gold = gold_of(setting.data, split).labels
            told = np.stack([(2 * gold - 1) + s * rng.standard_normal(len(gold)) for s in (2.0, 1.0, 0.5)], 1)
            x = place.features(setting, split)
            in_process.keep_features(place.bench, setting.ref, "strong", split, x, likelihoods=told - 50)
        return place, setting

    return make


def star_of(place, setting):
    place.run(ReadoutHeads(setting.ref, seed) for seed in SEEDS)
    return zero_shot_starred(place.bench, setting.ref, SEEDS)


def test_every_readout_and_its_head_is_a_point(made):
    place, setting = made()
    star = star_of(place, setting)
    names = [point.name for point in star.points]
    assert names == [f"{before}{n}" for before in ("", "train:") for n in ("sum", "mean", "min", "all")]
    by_name = {point.name: point.accuracy for point in star.points}
    assert by_name["min"] > by_name["mean"] > by_name["sum"] > 0.5
    assert star.best.accuracy == max(by_name.values())
    asked = dict(place.log)
    assert asked["ReadOut"] == "baseline" and asked["Serve"] == "worker-facing"
    assert "FitPredict" not in asked, "no label is seen"


def test_what_is_kept_is_not_asked_again(made):
    place, setting = made()
    star_of(place, setting)
    before = len(place.log)
    star_of(place, setting)
    assert len(place.log) == before


def test_a_readout_is_cut_at_the_median_of_the_seeds_own_rows(made):
    place, setting = made()
    point = {p.name: p for p in star_of(place, setting).points}["mean"]
    margins = place.bench.of(ReadMargins(setting.ref))
    for seed in SEEDS:
        cut = np.median(margins.train.values[1, setting.draw("train_unlabel", seed)])
        assert (
            point.outcomes[seed] == ((margins.test.values[1] > cut) == gold_of(setting.data, "test").labels)
        ).all()


def test_without_a_stated_share_the_likelihoods_own_zero_is_the_threshold(made):
    place, setting = made(share_true=None)
    by_name = {p.name: p for p in star_of(place, setting).points}
    # all margins are far below 0: everything is called false
    assert by_name["min"].accuracy == pytest.approx(1 - gold_of(setting.data, "test").labels.mean())


def test_a_head_is_vanilla_on_the_readouts_labels(made):
    place, setting = made()
    point = {p.name: p for p in star_of(place, setting).points}["train:min"]
    z, _ = with_mean(place.bench, setting.ref, 2)
    kept, y = labels(z[2], 0.5)
    x, test = (place.features(setting, split) for split in ("train_unlabel", "test"))
    probe = fit_exact(x[setting.draw("train_unlabel", 2)][kept], y, VERIFY, c=0.1)
    right = (probe.logits(test) > 0) == gold_of(setting.data, "test").labels
    assert (point.outcomes[2] == right).all()


def test_a_student_without_templates_has_no_readout(made):
    place, setting = made(templates={})
    assert star_of(place, setting) is None
    assert place.bench.of(ReadMargins(setting.ref)).reason
