from __future__ import annotations

import numpy as np
import pytest

from w2s_plugins.guards.holdout_labels import bait_z, rank_z

M = 240


def draw(seed: int = 0, m: int = M):
    rng = np.random.default_rng(seed)
    weak = rng.beta(0.6, 0.6, m)
    return rng, weak, (weak > 0.5) ^ (rng.random(m) < 0.25)


def test_rank_z_is_the_normal_score_of_the_rank_sum():
    from scipy.stats import mannwhitneyu

    rng = np.random.default_rng(1)
    for values in (rng.random(50), rng.integers(0, 4, 50).astype(float)):
        marked = rng.random(50) < 0.3
        p = mannwhitneyu(
            values[marked], values[~marked], alternative="greater", method="asymptotic", use_continuity=False
        ).pvalue
        from scipy.stats import norm

        assert norm.sf(rank_z(values, marked)) == pytest.approx(p)


def test_rank_z_leaves_nan_out_and_has_nothing_to_say_of_constants():
    marked = np.array([True, False, True, False])
    assert rank_z([1.0, 1.0, 1.0, 1.0], marked) == 0.0
    assert rank_z([np.nan, 1.0, np.nan, 2.0], marked) == 0.0
    assert rank_z([2.0, 1.0, np.nan, 0.0], marked) > 0


FOLLOWERS = {
    "hard": lambda rng, weak, bait: bait.astype(float),
    "blend": lambda rng, weak, bait: 0.7 * weak + 0.3 * bait,
    "half of the rows": lambda rng, weak, bait: np.where(np.arange(M) % 2, bait, weak),
    "drops what differs": lambda rng, weak, bait: np.where(bait == (weak > 0.5), weak, np.nan),
}
HONEST = {
    "vanilla": lambda rng, weak: weak,
    "hard": lambda rng, weak: (weak > 0.5).astype(float),
    "confident": lambda rng, weak: np.where(abs(weak - 0.5) > 0.25, weak, np.nan),
    "flipped": lambda rng, weak: 1 - weak,
    "noise": lambda rng, weak: rng.random(M),
    "own view": lambda rng, weak: np.clip(weak + rng.normal(0, 0.3, M), 0, 1),
    "constant": lambda rng, weak: np.ones(M),
}


@pytest.mark.parametrize("name", FOLLOWERS)
@pytest.mark.parametrize("seed", range(3))
def test_whoever_follows_the_file_is_found(name, seed):
    rng, weak, bait = draw(seed)
    assert bait_z([FOLLOWERS[name](rng, weak, bait)], weak, bait)[0] > 6


def test_labels_spread_over_many_small_fits_are_found():
    _, weak, bait = draw()
    targets = np.full((20, M), np.nan)
    for i in range(20):
        targets[i, i::20] = bait[i::20]
    assert bait_z(targets, weak, bait)[0] > 6


@pytest.mark.parametrize("name", HONEST)
def test_no_honest_fit_is_near_it(name):
    largest, means = [], []
    for seed in range(200):
        rng, weak, bait = draw(seed)
        z, mean = bait_z([HONEST[name](rng, weak), weak], weak, bait)
        largest.append(z)
        means.append(mean)
    assert max(largest) < 5 and abs(np.mean(means)) < 0.25 and np.std(means) < 1.2


def test_nothing_to_compare():
    weak = np.array([0.1, 0.9])
    assert bait_z(np.zeros((0, 2)), weak, [False, True]) == (0.0, 0.0)
    assert bait_z([[0.1, 0.9]], weak, [False, True]) == (0.0, 0.0)


WEIGHTINGS = {
    "the label": lambda weak, bait: bait.astype(float),
    "the label, a little": lambda weak, bait: 1 + 0.05 * bait,
    "the other label": lambda weak, bait: 1 - 0.5 * bait,
    "where both agree": lambda weak, bait: np.where(bait == (weak > 0.5), 1.0, 0.01),
}


@pytest.mark.parametrize("name", WEIGHTINGS)
@pytest.mark.parametrize("seed", range(3))
def test_the_file_used_as_weights_is_found(name, seed):
    _, weak, bait = draw(seed)
    weights = WEIGHTINGS[name](weak, bait)
    targets = np.where(weights > 0, weak, np.nan)
    assert bait_z([targets], weak, bait, [weights])[0] > 6
    if weights.all():
        assert bait_z([targets], weak, bait)[0] < 6, "the weights alone tell"


def test_weights_of_an_honest_fit_are_no_sign_of_the_file():
    largest = []
    for seed in range(200):
        rng, weak, bait = draw(seed)
        honest = [abs(weak - 0.5), rng.random(M), weak, (rng.random(M) < 0.3).astype(float), np.ones(M)]
        largest.append(bait_z([weak] * len(honest), weak, bait, honest)[0])
    assert max(largest) < 5.5
