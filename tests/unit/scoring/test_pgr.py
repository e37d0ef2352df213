import itertools

import pytest

from w2s_harness.scoring.pgr import mean, paired, pgr


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


def test_paired_baselines_are_those_of_the_methods_own_seeds():
    weak, ceiling = {0: 0.5, 1: 0.6, 7: 0.1}, {0: 0.9, 1: 0.8, 7: 0.2}
    got = paired(weak, ceiling, {1: 0.75, 0: 0.7})
    # means .55, .85 and .725: .175 / .3; per seed .15 / .2 and .2 / .4, in the method's order
    assert got.mean == pytest.approx(0.175 / 0.3)
    assert got.per_seed == pytest.approx((0.75, 0.5))
    assert got.mean != pytest.approx(sum(got.per_seed) / 2)
    influence = [(0.15 - got.mean * 0.2) / 0.3, (0.2 - got.mean * 0.4) / 0.3]
    assert got.sem == pytest.approx(abs(influence[0] - influence[1]) / 2)


def test_on_the_baseline_seeds_both_conventions_have_one_mean():
    weak, ceiling, transfer = [0.5, 0.6], [0.9, 0.8], [0.7, 0.75]
    own = [dict(enumerate(x)) for x in (weak, ceiling, transfer)]
    assert paired(*own).mean == pytest.approx(pgr(weak, ceiling, transfer).mean)


def test_one_seed_without_a_gap_takes_the_per_seed_ratios_only():
    got = paired({0: 0.5, 1: 0.6}, {0: 0.9, 1: 0.6}, {0: 0.7, 1: 0.65})
    assert got.per_seed is None
    assert got.mean == pytest.approx(0.125 / 0.2)


def test_a_seed_without_baseline_cannot_be_paired():
    with pytest.raises(ValueError, match=r"\[3\]"):
        paired({0: 0.5}, {0: 0.9}, {0: 0.7, 3: 0.7})
