import itertools

import numpy as np
import pytest
from scipy.special import ndtr

from w2s_harness.scoring.comparisons.compare import RankedRow, intervals, order, ranks, status
from w2s_harness.scoring.spread.blocks import block


def entry(name, accuracy, *, state="ok", track="w2s", pgr=None, seed=0):
    hits = np.random.default_rng([seed, *name.encode()]).random((4, 500)) < accuracy
    made = block(range(4), hits.astype(float), range(500))
    return RankedRow(name, state, track, accuracy if pgr is None else pgr, accuracy, made)


def test_clear_differences_give_clear_ranks():
    assert ranks([entry("b", 0.7), entry("a", 0.9), entry("c", 0.5)]) == [(2, 2), (1, 1), (3, 3)]


def test_methods_that_cannot_be_told_apart_share_an_interval():
    assert ranks([entry("a", 0.7), entry("b", 0.7), entry("c", 0.4)]) == [(1, 2), (1, 2), (3, 3)]


def test_only_ok_rows_of_the_w2s_track_are_ranked():
    others = [
        entry("z", 0.95, track="elicitation"),
        entry("y", 0.95, track="unknown"),
        entry("x", 0.95, state="disqualified"),
        entry("w", 0.95, state="failed"),
        entry("v", 0.95, state="no-gap"),
    ]
    assert ranks([*others, entry("a", 0.9), entry("b", 0.6)]) == [None] * 5 + [(1, 1), (2, 2)]


def test_a_single_method_is_first():
    assert ranks([entry("a", 0.7)]) == [(1, 1)]
    assert ranks([]) == []


def test_without_a_test_every_rank_is_possible():
    one = block([0], np.ones((1, 20)), range(20))
    none = block([0], np.zeros((1, 20)), range(20))
    assert ranks(
        [RankedRow("a", "ok", "w2s", 1.0, 1.0, one), RankedRow("b", "ok", "w2s", 0.0, 0.0, none)]
    ) == [
        (1, 2),
        (1, 2),
    ]


def test_many_equal_methods_are_seldom_ranked_apart():
    wrong = 0
    for trial in range(60):
        wrong += any(r != (1, 6) for r in ranks([entry(name, 0.7, seed=trial) for name in "abcdef"]))
    assert wrong / 60 <= 0.12


def test_order_is_by_status_then_track_then_pgr_then_name():
    entries = [
        entry("lost", 0.9, state="disqualified"),
        entry("zero", 0.9, track="elicitation"),
        entry("b", 0.7, pgr=0.5),
        entry("a", 0.7, pgr=0.5),
        entry("best", 0.8),
        entry("broke", 0.9, state="failed"),
        entry("left", 0.9, state="skipped"),
    ]
    names = [entries[i].name for i in order(entries)]
    assert names == ["best", "a", "b", "zero", "left", "broke", "lost"]


def test_rows_without_pgr_are_ordered_by_accuracy():
    entries = [RankedRow(n, "no-gap", "w2s", None, a, None) for n, a in (("a", 0.5), ("b", None), ("c", 0.6))]
    assert [entries[i].name for i in order(entries)] == ["c", "a", "b"]


PRECEDENCE = ("disqualified", "failed", "skipped", "no_gap")


@pytest.mark.parametrize("held", list(itertools.product([False, True], repeat=4)))
def test_status_is_the_first_that_holds(held):
    expected = next((n for n, h in zip(PRECEDENCE, held, strict=True) if h), "ok").replace("_", "-")
    assert status(**dict(zip(PRECEDENCE, held, strict=True))) == expected


def test_rank_intervals_by_hand():
    # a beats c after Holm over the six one-sided hypotheses (6 * .008 / 2 = .024 and 5 * .02 / 2 = .05);
    # b beats c just so; a and b stay together
    tests = {(0, 1): (0.1, 0.3), (0, 2): (0.3, 0.008), (1, 2): (0.2, 0.02)}
    assert intervals(3, tests) == [(1, 2), (1, 2), (3, 3)]
    # the opposite hypothesis of a rejected one stays in the family: 5 * .021 / 2 is over .05
    tests[1, 2] = (0.2, 0.021)
    assert intervals(3, tests) == [(1, 2), (1, 3), (2, 3)]


def test_the_sign_of_a_difference_says_who_is_better_and_a_missing_test_says_nothing():
    assert intervals(2, {(0, 1): (-0.2, 0.001)}) == [(2, 2), (1, 1)]
    assert intervals(3, {(0, 1): (-0.2, 0.001)}) == [(2, 3), (1, 2), (1, 3)]
    assert intervals(0, {}) == []


def test_all_rank_intervals_hold_at_once():
    # three levels of two equal methods each; every interval has to hold the true ranks
    truth, rng, wrong = [(1, 2), (1, 2), (3, 4), (3, 4), (5, 6), (5, 6)], np.random.default_rng(0), 0
    for _ in range(400):
        means = np.array([0.2, 0.2, 0.0, 0.0, -0.2, -0.2]) + 0.06 * rng.normal(size=6)
        z = {(i, j): means[i] - means[j] for i in range(6) for j in range(i + 1, 6)}
        tests = {at: (lead, float(2 * ndtr(-abs(lead) / 0.06 / np.sqrt(2)))) for at, lead in z.items()}
        found = intervals(6, tests)
        wrong += any(low > a or high < b for (low, high), (a, b) in zip(found, truth, strict=True))
    assert wrong / 400 <= 0.05 + 0.022
