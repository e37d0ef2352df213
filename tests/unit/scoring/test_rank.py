import itertools

import numpy as np
import pytest

from w2s_harness.scoring.rank import Entry, order, ranks, status
from w2s_harness.scoring.twoway import block


def entry(name, accuracy, *, state="ok", track="w2s", pgr=None, seed=0):
    hits = np.random.default_rng([seed, *name.encode()]).random((4, 500)) < accuracy
    made = block(range(4), hits.astype(float), range(500))
    return Entry(name, state, track, accuracy if pgr is None else pgr, accuracy, made)


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
    assert ranks([Entry("a", "ok", "w2s", 1.0, 1.0, one), Entry("b", "ok", "w2s", 0.0, 0.0, none)]) == [
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
    entries = [Entry(n, "no-gap", "w2s", None, a, None) for n, a in (("a", 0.5), ("b", None), ("c", 0.6))]
    assert [entries[i].name for i in order(entries)] == ["c", "a", "b"]


PRECEDENCE = ("disqualified", "failed", "skipped", "no_gap")


@pytest.mark.parametrize("held", list(itertools.product([False, True], repeat=4)))
def test_status_is_the_first_that_holds(held):
    expected = next((n for n, h in zip(PRECEDENCE, held, strict=True) if h), "ok").replace("_", "-")
    assert status(**dict(zip(PRECEDENCE, held, strict=True))) == expected
