from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import in_process
import numpy as np
import pytest

from w2s_harness.contract.plan import Cell
from w2s_harness.contract.types import World
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.run.stages.teachers import OTHER_TEACHER, Ceiling, Top
from w2s_harness.run.stages.worlds.worlds import cut, other_questions, spread, stage
from w2s_harness.run.work.results import ResultArray

CELL = Cell("words", "p", "plain", 0)


@pytest.fixture
def made(setting, store):
    """A setting whose baselines are in the store: a teacher that is right on three rows of four."""
    found = setting()
    bench, rng = in_process.Workplace(store, [found]).bench, np.random.default_rng(0)
    for split in ("train_unlabel", "test"):
        n = len(found.data.texts[split])
        in_process.keep_features(bench, found.ref, "strong", split, rng.standard_normal((n, 6)))
    gold = gold_of(found.data, "train_unlabel").labels
    for seed in (0, 1, OTHER_TEACHER):
        right = rng.random(len(gold)) < 0.75
        weak = np.where(gold == right, 0.6 + 0.3 * rng.random(len(gold)), 0.1 + 0.3 * rng.random(len(gold)))
        in_process.keep_labels(bench, found, seed, weak)
        top = np.where(np.arange(len(gold)) % 5 == 0, ~gold, gold).astype(float)
        scored = found.scored(np.full(len(found.test), 0.9))
        bench.results.put(Ceiling(found.ref, seed, with_train=True), Top(scored, 0, 0.0, ResultArray(top)))
    return SimpleNamespace(setting=found, bench=bench, test=found.test, data=found.data)


@pytest.fixture
def staged(made):
    """Everything that a world decides, in one object."""

    def look(world=None, cell=CELL):
        found = stage(made.bench, made.setting.ref, cell, world)
        told = {name: getattr(found.told, name) for name in found.told.__slots__}
        return SimpleNamespace(train=found.train, test=found.test, **told)

    return look


def test_a_real_cell_shows_what_its_handles_stand_for(staged):
    real = staged()
    assert (real.train.reads == real.drawn).all() and (real.train.shows == real.drawn).all()
    assert (real.test.reads == np.arange(len(real.test.reads))).all()
    assert not real.changed.any() and not real.region.any()
    assert sorted(real.train.order) == list(range(len(real.drawn)))


def test_a_repeat_is_the_real_cell_over_again(staged):
    real, again = staged(), staged(World(name="repeat"))
    for part in ("train", "test"):
        assert (getattr(real, part).order == getattr(again, part).order).all()
    assert (real.weak == again.weak).all() and (real.bait == again.bait).all()


def test_every_world_is_drawn_the_same_again_and_apart_from_others(staged):
    def look(world):
        found = staged(world)
        return found.weak.tolist(), found.train.reads.tolist(), found.train.order.tolist()

    for teacher in ("local", "permuted", "diluted"):
        first, second = World(name="a", teacher=teacher), World(name="b", teacher=teacher, draw=1)
        assert look(first) == look(first) != look(second)


def test_a_flipped_teacher_keeps_its_calibration_and_says_the_opposite(staged):
    real, flipped = staged(), staged(World(name="flipped", teacher="flipped"))
    assert np.allclose(real.weak + flipped.weak, 1) and flipped.changed.all()
    assert (real.train.order != flipped.train.order).any()


def test_a_local_world_flips_a_third_of_the_space_and_marks_it_on_the_holdout(staged):
    real, local = staged(), staged(World(name="local-0", teacher="local"))
    assert 0.25 < local.changed.mean() < 0.45 and 0 < local.region.mean() < 0.7
    assert np.allclose(np.where(local.changed, 1 - real.weak, real.weak), local.weak)


def test_permuted_and_diluted_teachers_only_move_labels(staged):
    real = staged()
    for teacher, low, high in (("permuted", 0.8, 1.0), ("diluted", 0.4, 0.8)):
        moved = staged(World(name=teacher, teacher=teacher))
        assert Counter(moved.weak) == Counter(real.weak) and low < moved.changed.mean() <= high


def test_another_teacher_is_another_fit(staged):
    real, other = staged(), staged(World(name="other", teacher="other"))
    assert 0.05 < np.mean((real.weak > 0.5) != (other.weak > 0.5)) < 0.7


def test_canary_rows_are_those_that_the_ceiling_misses_and_there_the_teacher_is_wrong(staged, made):
    canary, real = staged(World(name="canary", teacher="canary")), staged()
    gold = gold_of(made.data, "train_unlabel").labels[canary.drawn]
    assert 0.1 < canary.changed.mean() < 0.3
    assert ((canary.weak > 0.5) != gold)[canary.changed].all()
    assert (canary.weak == real.weak)[~canary.changed].all()


def test_ablated_inputs_belong_to_other_questions_while_text_and_groups_stay(staged, made):
    found = staged(World(name="ablated", inputs="ablated"))
    groups = made.test.groups
    assert (found.test.shows == np.arange(len(groups))).all()
    assert (groups[found.test.reads] != groups).all()
    assert sorted(found.test.reads) == list(range(len(groups)))
    assert sorted(found.train.reads) == sorted(found.drawn)


def test_scrambled_inputs_take_text_and_groups_with_them(staged):
    found = staged(World(name="null-0", teacher="permuted", inputs="scrambled"))
    assert (found.test.reads == found.test.shows).all() and (found.train.reads == found.train.shows).all()
    assert (found.test.reads != np.arange(len(found.test.reads))).all()


def test_the_honeypot_tells_nothing_but_the_teacher(staged):
    found = staged()
    wrong = found.bait != (found.weak > 0.5)
    assert 0.05 < wrong.mean() < 0.5


@pytest.mark.parametrize("sizes", [[1] * 30, [4] * 10, [7, 1, 1, 2, 3, 1, 1]])
def test_every_row_goes_to_another_question_where_there_is_room(sizes):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    taken = other_questions(groups, np.random.default_rng(3))
    assert sorted(taken) == list(range(len(groups))) and (groups[taken] != groups).all()


def test_worlds_are_spread_evenly_and_always_alike():
    worlds = [World(name=f"null-{i}", teacher="permuted", inputs="scrambled", draw=i) for i in range(11)]
    seeds = [0, 1, 2, 7, 9]
    found = spread(worlds, seeds, 0, "digest", "tiny", "vanilla")
    assert found == spread(list(reversed(worlds)), seeds, 0, "digest", "tiny", "vanilla")
    assert set(Counter(seed for _, seed in found).values()) <= {2, 3}
    others = [spread(worlds, seeds, 0, "digest", "tiny", f"method-{i}") for i in range(20)]
    assert len({tuple(seed for _, seed in other) for other in others}) == 5, "every start is some method's"


def test_a_world_runs_on_the_seed_that_it_has_without_the_others():
    worlds = [World(name="repeat"), World(name="canary", teacher="canary")]
    worlds += [World(name=f"local-{i}", teacher="local", draw=i) for i in range(4)]
    seeds, names = [0, 1, 2, 3, 4], (7, "digest", "tiny", "vanilla")
    together = {world.name: seed for world, seed in spread(worlds, seeds, *names)}
    assert together == {w.name: spread([w], seeds, *names)[0][1] for w in worlds}


def test_what_may_be_cut():
    worlds = [
        World(name="flipped", teacher="flipped"),
        World(name="null-0", teacher="permuted", inputs="scrambled"),
        World(name="null-1", teacher="permuted", inputs="scrambled", draw=1),
        World(name="canary", teacher="canary"),
        World(name="repeat"),
    ]
    assert cut(worlds, "all") == worlds and cut(worlds, "none") == []
    assert [w.name for w in cut(worlds, "one")] == ["flipped", "null-0", "repeat"]
