import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import stdtr, stdtrit

from w2s_harness.scoring.comparisons.imported import (
    accuracy_test,
    gap_interval_of,
    no_gap_of,
    pgr_interval_of,
)

A = {0: 0.61, 1: 0.64, 2: 0.66}
B = {10: 0.55, 11: 0.52, 12: 0.58, 13: 0.57}


def variance(values):
    return np.var(list(values), ddof=1) / len(values)


def test_without_rows_and_common_seeds_it_is_welchs_test():
    from scipy.stats import ttest_ind

    got, reference = accuracy_test(A, B, None), ttest_ind([*A.values()], [*B.values()], equal_var=False)
    assert got.p == pytest.approx(reference.pvalue)
    assert got.df == pytest.approx(reference.df)
    assert got.ci == pytest.approx(tuple(reference.confidence_interval(0.95)))


def test_common_seeds_pair_the_test_in_any_order():
    from scipy.stats import ttest_rel

    other = {2: 0.63, 0: 0.60, 1: 0.60}
    got = accuracy_test(A, other, None)
    reference = ttest_rel([*A.values()], [other[s] for s in A])
    assert (got.p, got.df) == pytest.approx((reference.pvalue, 2.0))


def test_rows_add_their_binomial_variance_by_hand():
    got = accuracy_test(A, B, 1000)
    va, vb = variance(A.values()), variance(B.values())
    pa, pb = np.mean([*A.values()]), np.mean([*B.values()])
    ra, rb = pa * (1 - pa) / 1000, pb * (1 - pb) / 1000
    v = va + vb + ra + rb
    df = v**2 / (va**2 / 2 + vb**2 / 3 + (ra**2 + rb**2) / 999)
    assert got.df == pytest.approx(df)
    assert got.p == pytest.approx(2 * stdtr(df, -(pa - pb) / math.sqrt(v)))


def test_some_common_seeds_take_their_covariance_off():
    a, b = {0: 0.5, 1: 0.6, 2: 0.7}, {0: 0.4, 1: 0.5, 9: 0.5}
    got = accuracy_test(a, b, None)
    v = variance(a.values()) + variance(b.values()) - 2 * 2 * 0.005 / 9
    assert (got.ci[1] - got.estimate) == pytest.approx(stdtrit(2.0, 0.975) * math.sqrt(v))


def test_equal_accuracies_give_p_one_where_rows_are_known():
    assert accuracy_test(A, A, 500).p == 1.0


FLAT = {0: 0.7, 1: 0.7, 2: 0.7}


@pytest.mark.parametrize(
    ("a", "says"),
    [
        (A, "differ all by the same"),
        ({seed: x + 0.1 for seed, x in A.items()}, "differ all by the same"),
        (FLAT, "3 equal accuracies"),
        ({0: 0.1 + 0.2, 1: 0.3, 2: 0.3}, "3 equal accuracies"),
        ({0: 1.0, 1: 0.9, 2: 0.95}, "exactly 0 or 1"),
        ({0: 0.0, 1: 0.0, 2: 0.0}, "exactly 0 or 1"),
        ({0: 0.6, 1: 0.7}, "2 seeds"),
    ],
)
def test_no_variance_is_no_certainty(a, says):
    for got in (accuracy_test(a, A, None), accuracy_test(A, a, None)):
        assert (got.ci, got.p, got.df) == (None, None, None)
        assert says in got.reason
    if a is not A and "same" not in says:
        assert says in gap_interval_of([0.1, 0.15, 0.12], [*a.values()], None).reason


@given(
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.7, 0.70000000001, 1.0]), min_size=1, max_size=5),
    st.lists(st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]), min_size=1, max_size=5),
    st.none() | st.integers(2, 5000),
)
def test_no_interval_has_no_width_and_no_p_is_zero(first, second, n):
    a, b = dict(enumerate(first)), dict(enumerate(second))
    tested = accuracy_test(a, b, n)
    assert (tested.ci is None) == (tested.p is None) == (tested.reason is not None)
    assert tested.p is None or tested.p > 0
    found = (tested.ci, gap_interval_of(first, second, n).bounds)
    assert all(bounds is None or bounds[1] - bounds[0] > 1e-12 for bounds in found)
    within = pgr_interval_of([0.2, 0.25, 0.3], second, a, n)
    assert within.bounds is None or within.high - within.low > 1e-12


def test_all_rows_right_leave_the_error_of_the_rows():
    flawless = dict.fromkeys(range(3), 1.0)
    got = gap_interval_of([0.0] * 3, [*flawless.values()], 1000)
    assert 0.001 < got.high - got.low < 0.01
    assert accuracy_test(flawless, dict.fromkeys(range(3), 0.0), 10**6).p > 0
    assert 0 < accuracy_test(flawless, dict.fromkeys(range(3), 0.5), 1000).p < 1e-6


def test_one_seed_has_a_reason():
    got = accuracy_test({0: 0.6}, B, 100)
    assert (got.ci, got.p, got.df) == (None, None, None)
    assert "one seed" in got.reason
    assert got.estimate == pytest.approx(0.6 - 0.555)
    assert "one seed" in gap_interval_of([0.5, 0.6, 0.7], [0.6], 100).reason


@pytest.mark.parametrize(
    ("a", "n"), [({0: 1.2, 1: 0.5}, None), ({0: float("nan"), 1: 0.5}, None), (A, 1), ({}, 9)]
)
def test_what_is_no_accuracy_is_refused(a, n):
    with pytest.raises(ValueError, match=r"accuracies|rows"):
        accuracy_test(a, B, n)


def test_the_interval_of_pgr_is_the_delta_method():
    weak, ceiling = [0.50, 0.52, 0.51, 0.53], [0.72, 0.70, 0.71]
    got = pgr_interval_of(weak, ceiling, A, 1263)
    w, c, t = np.mean(weak), np.mean(ceiling), np.mean([*A.values()])

    def ratio(t, w, c):
        return (t - w) / (c - w)

    step = 1e-6
    slopes = [
        (ratio(t + step, w, c) - ratio(t - step, w, c)) / 2 / step,
        (ratio(t, w + step, c) - ratio(t, w - step, c)) / 2 / step,
        (ratio(t, w, c + step) - ratio(t, w, c - step)) / 2 / step,
    ]
    v = doubt = 0.0
    for slope, xs in zip(slopes, ([*A.values()], weak, ceiling), strict=True):
        seeds, rows = slope**2 * variance(xs), slope**2 * np.mean(xs) * (1 - np.mean(xs)) / 1263
        v, doubt = v + seeds + rows, doubt + seeds**2 / (len(xs) - 1) + rows**2 / 1262
    half = stdtrit(v**2 / doubt, 0.975) * math.sqrt(v)
    assert got.bounds == pytest.approx((ratio(t, w, c) - half, ratio(t, w, c) + half), rel=1e-6)


def test_no_gap_is_a_reason():
    assert "min_gap" in pgr_interval_of([0.7, 0.7], [0.6, 0.6], A, None).reason
    weak, ceiling = [0.5, 0.6, 0.7], [0.6, 0.7, 0.8]
    assert gap_interval_of(weak, ceiling, None).low < 0
    assert "unbounded" in no_gap_of(weak, ceiling, None)
    got = pgr_interval_of(weak, ceiling, A, None)
    assert (got.bounds, got.reason) == (None, no_gap_of(weak, ceiling, None))


def test_the_test_keeps_its_level_with_shared_rows_and_seeds_of_their_own():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        easy = rng.normal(size=(1, 400))
        a, b = (easy + 0.2 * rng.normal(size=(4, 1)) + rng.normal(size=(4, 400)) > -0.7 for _ in range(2))
        first, second = (dict(zip(range(s, s + 4), x.mean(axis=1), strict=True)) for s, x in ((0, a), (9, b)))
        hits += accuracy_test(first, second, 400).p < 0.05
    assert hits / 400 <= 0.06
