from __future__ import annotations

import math

import numpy as np
import pytest

from w2s_harness.scoring.comparisons.own_part import DRAWS, NORMAL, draws_variance, pooled, size, verdict
from w2s_harness.scoring.spread.blocks import block
from w2s_harness.scoring.spread.twoway import spread


def made(mean, *, seeds=5, n=2000, sd=0.3, seed=0, draws=0.0):
    rng = np.random.default_rng(seed)
    x = mean + sd * rng.standard_normal((seeds, n)) + 0.005 * rng.standard_normal((seeds, 1))
    return size(range(seeds), x - x.mean() + mean, np.arange(n), draws)


def test_the_interval_adds_the_draws_to_the_two_way_error():
    bare, blurred = made(0.1), made(0.1, draws=0.05)
    low, high = bare.bounds
    assert blurred.bounds[1] - 0.1 == pytest.approx(math.hypot(high - 0.1, NORMAL * DRAWS * 0.05))
    assert low < 0.1 < high


def test_without_draws_it_is_the_two_way_interval():
    from w2s_harness.scoring.comparisons.compare import all_between

    rng = np.random.default_rng(1)
    x = rng.standard_normal((4, 60))
    found = size(range(4), x, np.arange(60) // 2)
    nothing = block(range(4), np.zeros((4, 60)), np.arange(60) // 2)
    alone = all_between([block(range(4), x, np.arange(60) // 2)], nothing)[0]
    assert found.bounds == pytest.approx(alone.ci)
    assert spread([block(range(4), x, np.arange(60) // 2)]).total > 0


def test_one_seed_has_no_interval_and_no_verdict():
    one = size([0], np.ones((1, 9)), np.arange(9))
    assert one.bounds is None and verdict(one, one, one) == (None, None)


@pytest.mark.parametrize(
    ("echo", "decoy", "above", "word"),
    [
        (0.1, 0.1, 0.05, "weak supervision"),
        (0.1, 0.1, -0.05, "own, under elicitation"),
        (-0.05, -0.03, 0.05, "elicitation"),
        (0.0, 0.005, -0.05, "elicitation"),
        (-0.05, 0.1, 0.05, "unclear"),
        (0.1, 0.0, 0.1, "unclear"),
        (0.1, 0.1, 0.0001, "unclear"),
    ],
)
def test_the_verdict_needs_both_worlds_and_the_readouts(echo, decoy, above, word):
    sizes = [made(x, sd=0.1, seed=i) for i, x in enumerate((echo, decoy, above))]
    assert verdict(*sizes)[0] == word


def test_an_unclear_row_says_how_many_seeds_more_would_tell():
    # seeds differ by much, questions do not: more seeds tell
    rng = np.random.default_rng(0)
    x = 0.1 + np.repeat(rng.standard_normal((4, 1)) * 0.4, 500, axis=1)
    wide, sure = size(range(4), x - x.mean() + 0.1, np.arange(500)), made(0.2, seeds=4)
    word, more = verdict(wide, sure, sure)
    assert word == "unclear" and more is not None and more > 1
    assert verdict(made(0.1, draws=0.2), sure, sure) == ("unclear", None)


def test_the_variance_of_draws_is_within_seeds_and_of_pairs_about_their_mean():
    rng = np.random.default_rng(2)
    seed, draw = rng.normal(0, 0.5, (4000, 1, 1)), rng.normal(0, 0.1, (4000, 3, 1))
    assert draws_variance(seed + draw) == pytest.approx(0.01, rel=0.05)
    pair = rng.normal(0, 0.2, (4000, 1, 1)) * np.array([1.0, -1.0])
    assert draws_variance(seed + pair) == pytest.approx(0.04, rel=0.1)
    assert draws_variance(seed[:, :, 0][:, :, None] + 0 * pair[:, :, :1]) == pytest.approx(0.25, rel=0.1)
    assert draws_variance(np.ones((1, 1, 1))) == 0.0


def test_one_wild_method_does_not_blur_the_others():
    assert pooled([0.01, 0.01, 25.0]) == pytest.approx(0.1) and pooled([]) == 0.0
