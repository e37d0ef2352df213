from __future__ import annotations

import json
from dataclasses import replace

import in_process
import numpy as np
import pytest

from w2s_harness.contract.kinds import kind_of
from w2s_harness.contract.plan import PlannedTask
from w2s_harness.data.reading.file_task import data_task
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.run.board.rows.scored import SLACK
from w2s_harness.run.stages.service_orders import Features
from w2s_harness.run.stages.teachers import weak_labels
from w2s_harness.run.stages.vanilla import VanillaMember, bag, members, together
from w2s_harness.run.work.setting.preparing import prepare_settings
from w2s_harness.run.work.work import named_seed
from w2s_harness.students.meter import HEAD
from w2s_harness.students.probe.probe import fit_exact

SEEDS = (0, 3)


@pytest.fixture(params=["verify", "preference"])
def place(request, plan, store, tmp_path):
    """A workplace over one setting with made-up features: three rows a question, or preferences."""
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
    (setting,) = prepare_settings(replace(plan, tasks=(task,), seeds=SEEDS), store)
    made = in_process.Workplace(store, [setting])
    in_process.stock(made.bench, setting, SEEDS)
    made.setting = setting
    return made


def every(place, solver, m):
    return [work for seed in SEEDS for work in members(place.setting.ref, solver, seed, m)]


def test_a_bag_draws_whole_questions_as_often_as_there_are():
    groups = np.array([5, 5, 9, 9, 9, 2])
    bags = np.array([bag(groups, np.random.default_rng(i)) for i in range(2000)])
    assert (bags[:, 0] == bags[:, 1]).all() and (bags[:, 2] == bags[:, 3]).all()
    assert (bags[:, [0, 2, 5]].sum(1) == 3).all()
    # a question of three stays out of a bag with probability (2/3)^3
    assert abs((bags[:, 5] == 0).mean() - 8 / 27) < 0.04


def test_a_member_is_vanilla_on_the_bagged_rows(place):
    place.run(every(place, "exact", 2))
    setting, seed = place.setting, 3
    drawn, weak = setting.draw("train_unlabel", seed), weak_labels(place.bench, setting.ref, seed)
    x, holdout = (place.features(setting, split) for split in ("train_unlabel", "test"))
    z = np.zeros(len(setting.test))
    for number in (1, 2):
        named = named_seed(0, setting.data.digest, "vanilla@C", "exact", seed, number)
        groups = setting.data.texts["train_unlabel"].groups[drawn]
        times = bag(groups, np.random.default_rng(named))
        rows = np.flatnonzero(times)
        probe = fit_exact(
            x[drawn][rows], weak[rows], kind_of(setting.data.kind), c=0.1, weight=times[rows].astype(float)
        )
        z += probe.logits(holdout)
    right = ((z > 0) == gold_of(setting.data, "test").labels).astype(float)
    assert np.array_equal(together(place.bench, setting.ref, "exact", seed, 2), right)


def test_one_member_is_vanilla_itself(place):
    place.run(every(place, "exact", 1))
    setting = place.setting
    x, holdout = (place.features(setting, split) for split in ("train_unlabel", "test"))
    for seed in SEEDS:
        weak, drawn = weak_labels(place.bench, setting.ref, seed), setting.draw("train_unlabel", seed)
        z = fit_exact(x[drawn], weak, kind_of(setting.data.kind), c=0.1).logits(holdout)
        right = ((z > 0) == gold_of(setting.data, "test").labels).astype(float)
        assert np.array_equal(together(place.bench, setting.ref, "exact", seed, 1), right)


@pytest.mark.parametrize("solver", ["exact", "path"])
def test_an_ensemble_costs_at_most_its_size_times_vanilla(place, solver):
    cost = {m: sum(found.flops for found in place.run(every(place, solver, m))) for m in (1, 2, 7)}
    setting, read = place.setting, 0
    for split in ("train_unlabel", "test"):
        tokens = place.bench.of(Features(setting.ref, "strong", split)).tokens.values
        whole = np.arange(len(setting.test))
        index = {"test": [whole] * len(SEEDS), "train_unlabel": [setting.draw(split, s) for s in SEEDS]}
        read += sum(tokens[at].sum() for at in index[split])
    # what is not reading is passes over the rows of the draw to train the head
    trained = cost[1] - 2 * in_process.PARAMETERS * read
    passes = trained / (HEAD * len(setting.draw("train_unlabel", SEEDS[0])) * in_process.WIDTH)
    assert passes >= len(SEEDS) and passes == int(passes)
    for m in (2, 7):
        # a bag's solve may take more steps than vanilla's
        assert 0.5 * m * cost[1] < cost[m] <= (1 + SLACK) * m * cost[1]


def test_members_differ_and_a_smaller_ensemble_is_the_start_of_a_larger(place):
    for solver in ("exact", "path"):
        small = every(place, solver, 2)
        place.run(small)
        fits = place.count("Serve")
        large = every(place, solver, 4)
        found = place.run(large)
        assert place.count("Serve") - fits == 2 * len(SEEDS)
        assert {work.key for work in small} < {work.key for work in large}
        assert len({one.predictions.values.tobytes() for one in found[:4]}) == 4


def test_everything_kept_asks_nobody(place):
    place.run(every(place, "exact", 3))
    asked = len(place.log)
    place.told.ended.clear()
    place.run(every(place, "exact", 3))
    assert len(place.log) == asked and all(kept for _, kept in place.told.ended)


def test_no_service_sees_a_label(place):
    place.run(every(place, "exact", 2))
    assert {role for _, role in place.log} == {"worker-facing"}
    assert "FitPredict" not in {kind for kind, _ in place.log}


def test_a_student_that_cannot_be_trained_has_a_failure_that_is_not_kept(place):
    ref = place.setting.ref
    # rows that the features do not hold
    in_process.keep_features(place.bench, ref, "strong", "train_unlabel", np.zeros((3, 2)))
    works = every(place, "exact", 1)
    assert place.run(works) == [None, None]
    assert all(place.bench.results.failure(work).why for work in works)


def test_the_key_of_path_hangs_on_its_tuning_and_that_of_exact_does_not(place):
    exact, path = (VanillaMember(place.setting.ref, solver, 0, 0) for solver in ("exact", "path"))
    assert {need.name() for need in path.needs()} - {need.name() for need in exact.needs()} == {
        f"{place.setting.id} path"
    }
