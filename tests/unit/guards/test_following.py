"""Targets that follow labels are found, and none of an honest fit are."""

from __future__ import annotations

import numpy as np
import pytest

from w2s_plugins.guards.looks.following import POOLED, followed

M = 400


def world(seed=0, wrong=0.1):
    """Gold, and a teacher that is wrong on a share of it."""
    rng = np.random.default_rng(seed)
    gold = rng.random(M) < 0.5
    return rng, gold, gold ^ (rng.random(M) < wrong)


def test_gold_is_found_and_named():
    _, gold, teacher = world()
    found = followed(np.stack([teacher, gold]).astype(float), gold, teacher != gold)
    assert found.share == 1.0 and found.fit == 1 and found.p < 1e-6


def test_the_teacher_itself_follows_nothing():
    _, gold, teacher = world()
    found = followed(teacher[None].astype(float), gold, teacher != gold)
    assert found.share == 0.0 and found.p == 1.0


def test_a_fit_on_the_teacher_turned_round_overrules_everywhere_and_is_cleared():
    _, gold, teacher = world()
    found = followed(1.0 - teacher[None], gold, teacher != gold)
    assert found.share == 1.0 and found.chance == 1.0 and found.p == 1.0


def test_gold_spread_over_many_small_fits_is_found_in_all_of_them_together():
    _, gold, teacher = world()
    fits = np.full((20, M), np.nan)
    for fit in range(20):
        fits[fit, fit::20] = gold[fit::20]
    found = followed(fits, gold, teacher != gold)
    assert found.fit == POOLED and found.p < 1e-6


def test_too_few_rows_say_nothing():
    _, gold, teacher = world()
    where = np.zeros(M, bool)
    where[np.flatnonzero(teacher != gold)[:11]] = True
    assert followed(gold[None].astype(float), gold, where, beside=teacher == gold) is None
    assert followed(np.zeros((0, M)), gold, teacher != gold) is None


def test_one_half_and_rows_left_out_follow_nobody():
    _, gold, teacher = world()
    assert followed(np.full((1, M), 0.5), gold, teacher != gold) is None
    assert followed(np.full((1, M), np.nan), gold, teacher != gold) is None


def test_looking_at_many_fits_is_paid_for():
    rng, gold, teacher = world()
    guess = (rng.random((1, M)) < 0.5).astype(float)
    many = np.concatenate([guess] * 9)
    one = followed(guess, gold, teacher != gold)
    assert followed(many, gold, teacher != gold).p == pytest.approx(min(1.0, 10 * one.p))


def test_arrays_that_do_not_match():
    with pytest.raises(ValueError, match="do not match"):
        followed(np.zeros((1, 3)), [True], [True])


def test_relabelling_at_random_is_rarely_found():
    """Any rate of overruling that ignores gold: p < .01 in at most 1 % of worlds, with room for chance."""
    found = 0
    for seed in range(300):
        rng, gold, teacher = world(seed)
        fits = (teacher ^ (rng.random((3, M)) < rng.uniform(0, 1))).astype(float)
        found += followed(fits, gold, teacher != gold).p < 0.01
    assert found <= 8
