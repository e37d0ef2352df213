import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import stdtrit

from w2s_harness.scoring.comparisons.compare import all_between, holm
from w2s_harness.scoring.spread.blocks import Block, block
from w2s_harness.scoring.spread.together import p_values
from w2s_harness.scoring.spread.twoway import spread

P = st.floats(0, 1)


def difference(a, b, clusters, *, seeds=None, other_seeds=None):
    ours = range(len(a)) if seeds is None else seeds
    theirs = ours if other_seeds is None else other_seeds
    return all_between([block(ours, a, clusters)], block(theirs, b, clusters))[0]


def test_the_difference_is_a_two_way_t_test():
    a = np.array([[1, 1, 0, 1], [1, 0, 1, 1], [1, 1, 1, 1]], dtype=float)
    b = np.array([[0, 1, 0, 1], [1, 0, 0, 1], [0, 1, 0, 0]], dtype=float)
    got = difference(a, b, range(4))
    v = spread([Block((0, 1, 2), a - b)])
    assert got.estimate == pytest.approx((a - b).mean())
    assert got.p == p_values(got.estimate, v.seeds, v.total - v.seeds, v.seed_df, v.question_df)
    assert got.df == pytest.approx(v.df)
    assert np.mean(got.ci) == pytest.approx(got.estimate)


def test_the_interval_leaves_out_zero_wherever_p_is_under_five_percent():
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(60):
        a, b = (rng.random((4, 40)) < 0.8).astype(float), (rng.random((4, 40)) < 0.7).astype(float)
        got = difference(a, b, range(40))
        seen.add(got.p < 0.05)
        assert got.p >= 0.05 or not got.ci[0] <= 0 <= got.ci[1]
    assert seen == {True, False}


def test_all_zero_differences_give_p_one():
    a = (np.random.default_rng(1).random((3, 30)) < 0.7).astype(float)
    got = difference(a, a, range(30))
    assert (got.estimate, got.p) == (0.0, 1.0)
    # 30 questions without a difference leave room for one that another 30 would show
    half = stdtrit(29, 0.975) * np.sqrt(2) / 30
    assert got.ci == pytest.approx((-half, half))
    shuffled = difference(a, a[[2, 0, 1]], range(30), seeds=[0, 1, 2], other_seeds=[2, 0, 1])
    assert (shuffled.estimate, shuffled.p) == (0.0, 1.0)


def test_constant_equal_accuracies_on_other_seeds_give_p_one():
    a = np.tile([1.0, 1.0, 0.0], (3, 1))
    got = difference(a, a, range(3), seeds=[0, 1, 2], other_seeds=[7, 8, 9])
    assert got.p == 1.0


def test_a_constant_difference_is_as_certain_as_its_questions_are_many():
    few, many = (difference(np.ones((2, n)), np.zeros((2, n)), range(n)) for n in (5, 500))
    assert few.estimate == many.estimate == 1.0
    assert 0.01 < few.p < 0.05 and many.p < 1e-9


def test_one_seed_has_no_test_but_a_difference():
    got = difference([[1.0, 0.0]], [[0.0, 0.0]], [0, 1])
    assert (got.estimate, got.ci, got.p) == (0.5, None, None)
    assert "one seed" in got.reason


def test_null_methods_are_called_different_about_one_time_in_twenty():
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(400):
        level = rng.normal(size=(1, 80))
        a, b = (
            (
                level + rng.normal(size=(1, 80)) + 0.1 * rng.normal(size=(5, 1)) + rng.normal(size=(5, 80))
                > -0.7
            )
            for _ in range(2)
        )
        hits += difference(a, b, range(80)).p < 0.05
    assert 0.015 <= hits / 400 <= 0.085


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(P, min_size=1, max_size=12))
def test_holm_lies_between_the_raw_p_and_bonferroni(pvalues):
    for raw, adjusted in zip(pvalues, holm(pvalues), strict=True):
        assert raw <= adjusted <= min(1.0, len(pvalues) * raw) or raw == adjusted


@given(st.lists(P, min_size=1, max_size=12))
def test_holm_keeps_the_order_and_rejects_what_the_step_down_rule_rejects(pvalues):
    adjusted = holm(pvalues)
    ordered = sorted(range(len(pvalues)), key=lambda i: pvalues[i])
    assert [adjusted[i] for i in ordered] == sorted(adjusted)
    rejected = 0
    for done, i in enumerate(ordered):
        if (len(pvalues) - done) * pvalues[i] > 0.05:
            break
        rejected += 1
    assert sum(p <= 0.05 for p in adjusted) == rejected


@given(st.lists(P, min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_holm_does_not_depend_on_the_order(pvalues, random):
    at = list(range(len(pvalues)))
    random.shuffle(at)
    adjusted = holm(pvalues)
    assert holm([pvalues[i] for i in at]) == [adjusted[i] for i in at]


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan")])
def test_holm_refuses_what_is_no_p_value(bad):
    with pytest.raises(ValueError, match="outside"):
        holm([0.1, bad])
