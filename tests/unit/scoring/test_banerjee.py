import numpy as np
import pytest
from scipy import stats

from w2s_harness.scoring.spread.together import critical, p_values


def test_with_one_component_it_is_the_t_test():
    found = p_values([0.1, -0.3], [0.01, 0.01], [0.0, 0.0], 4.0, 99.0)
    assert found == pytest.approx(2 * stats.t.sf([1.0, 3.0], 4))
    assert p_values(0.2, 0.0, 0.01, 4.0, 99.0) == pytest.approx(2 * stats.t.sf(2.0, 99))


def test_it_solves_its_own_equation_far_into_the_tail():
    p = float(p_values(0.5, 0.0004, 0.0009, 4.0, 499.0))
    of_seeds, of_questions = stats.t.isf(p / 2, 4), stats.t.isf(p / 2, 499)
    assert p < 1e-3 and of_seeds**2 * 0.0004 + of_questions**2 * 0.0009 == pytest.approx(0.25)


def test_no_difference_and_no_error():
    assert p_values([0.0, 0.1, 0.0], [0.0, 0.0, 0.1], [0.0, 0.0, 0.1], 4.0, 99.0).tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_the_level_holds_whatever_the_shares_are(share):
    rng, n, df = np.random.default_rng(3), 40_000, (3.0, 60.0)
    true = np.array([share, 1 - share])
    seeds, rest = (v * rng.chisquare(d, n) / d for v, d in zip(true, df, strict=True))
    p = p_values(rng.normal(0, 1, n), seeds, rest, *df)
    for level in (0.05, 0.0025):
        assert (p <= level).mean() <= level + 3 * np.sqrt(level / n)


def test_a_level_is_reached_just_where_the_p_value_is_at_most_it():
    rng = np.random.default_rng(4)
    columns = (rng.normal(0, 0.3, 500), rng.random(500) / 100, rng.random(500) / 100)
    columns[0][:2], columns[1][1:3], columns[2][1:3] = 0.0, 0.0, 0.0
    p, reaches = p_values(*columns, 4.0, 99.0), critical(*columns, 4.0, 99.0)
    for level in (1e-9, 1e-4, 0.05, 0.7, 1.0):
        assert np.array_equal(reaches(level), p <= level)
