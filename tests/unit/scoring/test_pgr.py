import itertools

import pytest

from w2s_harness.scoring.points import mean, pgr


def test_by_hand():
    # weak (.6 + .7)/2 = .65, ceiling (.9 + .95)/2 = .925, gap .275; transfers .75 and .85
    got = pgr([0.6, 0.7], [0.9, 0.95], [0.75, 0.85])
    assert got.gap == pytest.approx(0.275)
    assert got.per_seed == pytest.approx((0.1 / 0.275, 0.2 / 0.275))
    assert got.mean == pytest.approx(0.15 / 0.275)
    # sd of the two is (.1/.275)/sqrt(2); over sqrt(2) it is half their distance
    assert got.sem == pytest.approx(0.05 / 0.275)
    assert got.reason is None


def test_a_published_row():
    # METHODS.md: math, weak .5360, ceiling .7176; a transfer of .597 gives PGR .336
    assert pgr([0.5360], [0.7176], [0.5360 + 0.336 * 0.1816]).mean == pytest.approx(0.336)


def test_baseline_seeds_need_not_be_the_methods():
    assert pgr([0.5] * 16, [0.9] * 16, [0.7]).mean == pytest.approx(0.5)


def test_one_seed_has_no_standard_error():
    got = pgr([0.5], [0.9], [0.7])
    assert (got.sem, got.reason) == (None, None)


@pytest.mark.parametrize("ceiling", [0.515, 0.5, 0.3])
def test_without_a_gap_everything_is_none_with_a_reason(ceiling):
    got = pgr([0.5], [ceiling], [0.7])
    assert (got.mean, got.per_seed, got.sem) == (None, None, None)
    assert "min_gap 0.02" in got.reason


def test_a_gap_of_zero_is_none_even_where_min_gap_is_zero():
    assert pgr([0.5], [0.5], [0.7], min_gap=0.0).mean is None


def test_the_order_of_seeds_changes_no_bit():
    values = [0.1, 0.7, 0.3, 0.9]
    assert len({mean(order) for order in itertools.permutations(values)}) == 1
