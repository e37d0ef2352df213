from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from w2s_harness.contract.guards.measures import balanced_accuracy
from w2s_harness.data.rows.gold import Gold
from w2s_harness.data.rows.texts import TaskData, Texts
from w2s_harness.run.board.control_verdicts import (
    failed_control,
    noise_control,
    weak_strong_control,
)
from w2s_harness.run.stages.controls import NoiseDraws

N = 400


def setting(true=0.5):
    holdout = Texts((None,) * N, np.arange(N) // 2, (), ())
    texts = {"train_label": range(10), "train_unlabel": range(20), "test": holdout}
    return SimpleNamespace(
        task=SimpleNamespace(id="t"),
        pair=SimpleNamespace(name="p"),
        test=holdout,
        data=TaskData("verify", texts, {"test": Gold(np.arange(N) < true * N)}, "", ""),
    )


def draws(balanced, plain=None):
    plain = balanced if plain is None else plain
    return [NoiseDraws(list(plain), list(balanced), 0, 0.0)]


def spread(mean, sd, n):
    """n numbers of exactly this mean and sd."""
    x = np.linspace(-1, 1, n)
    return mean + sd * x / x.std(ddof=1)


def noise(values, true=0.5, plain=None):
    return noise_control("shuffled", setting(true), draws(values, plain), enough=20)


def test_a_constant_prediction_is_at_one_half_whatever_the_prior():
    gold = np.arange(10) < 3
    assert balanced_accuracy((~gold).astype(float), gold) == 0.5
    assert balanced_accuracy(np.full(10, 0.5), gold) == 0.5
    # 2 of 3 true rows and 4 of 7 false ones
    right = np.array([1, 1, 0, 1, 1, 1, 1, 0, 0, 0.0])
    assert balanced_accuracy(right, gold) == pytest.approx((2 / 3 + 4 / 7) / 2)


@pytest.mark.parametrize(
    ("mean", "ok"), [(0.5, True), (0.559, True), (0.441, True), (0.561, False), (0.439, False)]
)
def test_the_mean_must_lie_within_three_sd_over_the_draws(mean, ok):
    control = noise(spread(mean, 0.02, 20))
    assert control.ok is ok
    assert control.numbers["sd"] == pytest.approx(0.02)
    assert control.numbers["se"] == pytest.approx(0.02 / 20**0.5)
    assert control.numbers["allowed"] == pytest.approx(0.06)
    assert control.numbers["binomial_sd"] == pytest.approx(0.5 / N**0.5)
    assert ("not within 3 sd" in control.because) is not ok


def test_the_class_prior_is_no_accuracy():
    """Every draw says the commoner class: .61 right, and nothing learned."""
    control = noise([0.5] * 20, true=0.39, plain=[0.61] * 20)
    assert control.ok and control.accuracy == pytest.approx(0.61)
    assert control.numbers["balanced_accuracy"] == 0.5 and control.numbers["share_true"] == 0.39
    assert "balanced transfer accuracy 0.500" in control.because
    assert "61 % of the holdout is false" in control.because
    # and a student that knows the labels is not excused by the prior
    assert not noise(spread(0.8, 0.02, 20), true=0.39, plain=[0.8] * 20).ok


def test_a_balanced_holdout_needs_no_word_of_it():
    assert "balanced" not in noise(spread(0.5, 0.02, 20)).because


def test_draws_without_spread_must_be_at_one_half():
    assert noise([0.5] * 20).ok
    assert not noise([0.51] * 20).ok


def test_few_draws_are_judged_by_students_quantile():
    # t of 4 df with the two-sided level of 3 sd, .99730: 6.620 (Student's table)
    within, beyond = noise(spread(0.5 + 0.131, 0.02, 5)), noise(spread(0.5 + 0.134, 0.02, 5))
    assert within.ok and not beyond.ok
    assert within.numbers["allowed"] == pytest.approx(6.620 * 0.02, abs=1e-4)
    assert "5 draws are fewer than 20" in within.because and "4 df" in within.because
    assert "no accuracy could fail" not in within.because


def test_two_draws_that_can_tell_nothing_say_so():
    control = noise(spread(0.6, 0.02, 2))
    assert control.ok and "so few that no accuracy could fail" in control.because


def outcomes(rng, accuracy, seeds):
    base = rng.random(N)
    return {s: ((0.9 * base + 0.1 * rng.random(N)) < accuracy).astype(float) for s in range(seeds)}


def judged(weak, top):
    return weak_strong_control("weak = strong", setting(), weak, top, 0.02)


def test_the_same_model_ends_no_gap():
    weak = outcomes(np.random.default_rng(0), 0.65, 5)
    control = judged(weak, weak)
    assert control.ok and control.because.startswith("no-gap, as it must be")
    assert control.numbers["gap"] == 0 and control.numbers["seeds"] == 5
    assert control.numbers["train_label_rows"] == 10 and control.numbers["train_unlabel_rows"] == 20


def test_a_ceiling_below_the_floor_is_no_gap_either():
    rng = np.random.default_rng(1)
    assert judged(outcomes(rng, 0.7, 5), outcomes(rng, 0.6, 5)).ok


def test_a_real_gap_is_a_failure_that_says_what_it_means():
    rng = np.random.default_rng(2)
    control = judged(outcomes(rng, 0.6, 5), outcomes(rng, 0.8, 5))
    assert not control.ok and "not no-gap" in control.because
    assert control.accuracy == control.numbers["ceiling"] > control.numbers["weak"]
    assert control.numbers["gap_low"] > 0


def test_one_seed_is_judged_by_its_questions():
    rng = np.random.default_rng(3)
    weak = outcomes(rng, 0.6, 1)
    assert judged(weak, outcomes(rng, 0.9, 1)).ok is False
    noisy = {0: weak[0].copy()}
    flipped = np.concatenate([np.flatnonzero(weak[0] == 0)[:60], np.flatnonzero(weak[0] == 1)[:48]])
    noisy[0][flipped] = 1 - noisy[0][flipped]
    control = judged(weak, noisy)
    assert control.numbers["gap"] == pytest.approx(0.03)
    assert control.ok and "with one seed" in control.because
    assert "gap_low" not in control.numbers and control.numbers["gap_se"] > 0.01


def test_what_could_not_be_had_is_not_ok():
    control = failed_control("shuffled", setting(), "the training diverged")
    assert not control.ok and control.accuracy is None and "the training diverged" in control.because
