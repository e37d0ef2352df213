import numpy as np
import pytest
from scipy import stats

from w2s_harness.scoring.comparisons.power import (
    Components,
    component_ranges,
    components,
    minimum_detectable,
    power_of,
    questions_needed,
    seeds_needed,
)
from w2s_harness.scoring.spread.blocks import Block

TYPICAL = Components(seed=1e-4, question=0.05, cell=0.08)


def crossed(c, seeds, questions, rng, shift=0.0):
    return (
        shift
        + rng.normal(0, c.seed**0.5, (seeds, 1))
        + rng.normal(0, c.question**0.5, (1, questions))
        + rng.normal(0, c.cell**0.5, (seeds, questions))
    )


def blocks(difference):
    seeds = tuple(range(len(difference)))
    return Block(seeds, np.asarray(difference, float)), Block(seeds, np.zeros(np.shape(difference)))


def test_components_of_a_table_worked_by_hand():
    # seed means 2 and 4, question means 1, 3 and 5, residuals +-1 on the outer questions:
    # S V_S = 2, S V_SQ = 4 / (2 * 3), Q V_Q = 4, Q V_SQ = 4 / (2 * 2), S Q V_SQ = 4 / 2
    found = components(*blocks([[1, 2, 3], [1, 4, 7]]))
    assert (found.seed, found.question, found.cell) == pytest.approx((4 / 3, 3.0, 2.0))


def test_components_under_zero_are_cut():
    # seed means are equal while cells vary: a moment estimate of -S V_SQ
    found = components(*blocks([[1, 3, 2], [2, 1, 3]]))
    assert found.seed == 0.0
    assert found.cell > 0


def test_components_come_back_from_simulated_differences():
    rng = np.random.default_rng(0)
    truth = Components(4e-3, 0.05, 0.1)
    found = [components(*blocks(crossed(truth, 6, 400, rng))) for _ in range(400)]
    assert np.mean([c.seed for c in found]) == pytest.approx(truth.seed, rel=0.08)
    assert np.mean([c.question for c in found]) == pytest.approx(truth.question, rel=0.02)
    assert np.mean([c.cell for c in found]) == pytest.approx(truth.cell, rel=0.02)


@pytest.mark.parametrize("seed_variance", [0.0, 2e-4, 4e-3])
def test_ranges_hold_the_true_components_at_their_level(seed_variance):
    rng = np.random.default_rng(1)
    truth = Components(seed_variance, 0.05, 0.1)
    ranges = [component_ranges(*blocks(crossed(truth, 5, 100, rng)), level=0.8) for _ in range(1500)]
    for part in ("seed", "question", "cell"):
        held = [getattr(lo, part) <= getattr(truth, part) <= getattr(hi, part) for lo, hi in ranges]
        # a true 0 lies on the edge, so that its lower end always holds it
        assert 0.77 <= np.mean(held) <= (0.93 if seed_variance == 0.0 and part == "seed" else 0.84), part


def test_one_seed_has_no_components():
    with pytest.raises(ValueError, match="one seed"):
        components(*blocks([[1.0, 2.0, 3.0]]))


def test_power_without_an_effect_is_about_the_tests_level():
    assert power_of(Components(1e-3, 0.02, 0.0), 0.0, 10, 2000) == pytest.approx(0.05, abs=0.004)


def test_power_equals_the_noncentral_t_where_only_seeds_vary():
    c, seeds, difference = Components(1e-3, 0.0, 0.0), 6, 0.04
    shift, edge = difference / (c.seed / seeds) ** 0.5, stats.t.ppf(0.975, seeds - 1)
    exact = stats.nct.sf(edge, seeds - 1, shift) + stats.nct.cdf(-edge, seeds - 1, shift)
    assert power_of(c, difference, seeds, 50) == pytest.approx(exact, abs=0.002)


def test_power_equals_the_normal_test_where_both_kinds_are_many():
    c = Components(1e-3, 0.05, 0.1)
    difference = 2.5 * c.variance(3000, 100_000) ** 0.5
    assert power_of(c, difference, 3000, 100_000) == pytest.approx(stats.norm.sf(1.96 - 2.5), abs=0.003)


def test_power_is_the_same_for_either_sign_and_grows_with_everything():
    base = power_of(TYPICAL, 0.02, 5, 500)
    assert power_of(TYPICAL, -0.02, 5, 500) == pytest.approx(base)
    assert power_of(TYPICAL, 0.03, 5, 500) > base
    assert power_of(TYPICAL, 0.02, 9, 500) > base
    assert power_of(TYPICAL, 0.02, 5, 900) > base
    assert power_of(TYPICAL, 0.02, 5, 500, 0.05 / 10) < base


@pytest.mark.parametrize(("seeds", "questions", "alpha"), [(2, 400, 0.05), (5, 60, 0.05), (8, 900, 0.0025)])
def test_minimum_detectable_has_the_power_asked_for(seeds, questions, alpha):
    found = minimum_detectable(TYPICAL, seeds, questions, alpha=alpha, power=0.9)
    assert power_of(TYPICAL, found, seeds, questions, alpha) == pytest.approx(0.9, abs=1e-6)


def test_seeds_needed_is_the_first_count_with_the_power():
    c = Components(4e-3, 0.02, 0.05)
    found = seeds_needed(c, 0.05, 1000)
    assert power_of(c, 0.05, found, 1000) >= 0.8 > power_of(c, 0.05, found - 1, 1000)


def test_questions_needed_is_the_first_count_with_the_power():
    found = questions_needed(TYPICAL, 0.03, 5)
    assert power_of(TYPICAL, 0.03, 5, found) >= 0.8 > power_of(TYPICAL, 0.03, 5, found - 1)


def test_seeds_alone_do_not_make_the_error_of_questions_smaller():
    assert seeds_needed(Components(1e-4, 0.1, 0.1), 0.02, 500) is None
    assert questions_needed(Components(1e-2, 0.1, 0.1), 0.02, 3) is None


def test_differences_without_any_variance():
    still = Components(0.0, 0.0, 0.0)
    assert (power_of(still, 0.01, 2, 2), power_of(still, 0.0, 2, 2)) == (1.0, 0.0)
    assert minimum_detectable(still, 2, 2) == 0.0
    assert (seeds_needed(still, 0.01, 2), questions_needed(still, 0.01, 2)) == (2, 2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: power_of(TYPICAL, 0.1, 1, 100), "two of each"),
        (lambda: power_of(TYPICAL, 0.1, 2, 1), "two of each"),
        (lambda: power_of(TYPICAL, 0.1, 2, 100, 1.0), "alpha"),
        (lambda: minimum_detectable(TYPICAL, 2, 100, power=1.0), "power"),
        (lambda: minimum_detectable(TYPICAL, 2, 100, power=0.01), "power"),
        (lambda: seeds_needed(TYPICAL, 0.0, 100), "cannot be detected"),
        (lambda: Components(-1e-3, 0.0, 0.0), "under 0"),
        (lambda: Components(float("nan"), 0.0, 0.0), "not finite"),
        (lambda: component_ranges(*blocks([[1, 2], [2, 1]]), level=1.0), "level"),
    ],
)
def test_what_makes_no_sense_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
