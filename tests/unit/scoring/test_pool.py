import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import chdtri, ndtr, stdtrit

from w2s_harness.scoring.comparisons.compare import all_between
from w2s_harness.scoring.spread.blocks import block
from w2s_harness.scoring.spread.interval import baselines, pgr_intervals
from w2s_harness.scoring.spread.pool import SCALE, difference_pools, pgr_pools
from w2s_harness.scoring.spread.twoway import spread


def experiment(rng, seeds, questions, margins, *, pool, n=200, question=1.0, both=0.3, shared=0.7):
    """Outcomes (S, Q) of weak, transfer and ceiling, each trained on 80 % of a newly drawn pool of n rows.

    What is learned is the mean of the drawn rows; with all n of them its sd over pools is `pool`.
    """

    def effect(size, *shape):
        common, own = rng.normal(size=(1, *shape)), rng.normal(size=(len(margins), *shape))
        return size * (np.sqrt(shared) * common + np.sqrt(1 - shared) * own)

    rows = effect(pool * np.sqrt(n), n)
    draws = [rng.permutation(n)[: int(0.8 * n)] for _ in range(seeds)]
    learned = np.stack([rows[:, drawn].mean(axis=1) for drawn in draws], axis=1)[:, :, None]
    noise = rng.normal(size=(len(margins), seeds, questions))
    latent = effect(question, 1, questions) + learned + effect(both, seeds, questions) + noise
    scale = np.sqrt(question**2 + pool**2 / 0.8 + both**2 + 1)
    return (latent + scale * np.asarray(margins)[:, None, None] > 0).astype(float), ndtr(np.asarray(margins))


def made(rng, seeds=5, questions=200, **effects):
    (w, t, c), (aw, at, ac) = experiment(rng, seeds, questions, [0.1, 0.8, 1.5], **effects)
    base = baselines(range(seeds), w, c, range(questions))
    return base, block(range(seeds), t, range(questions)), (w, t, c), (at - aw) / (ac - aw)


def one_seed(blocks):
    return spread(blocks).one_seed


def one_of(base, transfer):
    return pgr_pools(base, [transfer])[0]


def mixture(d, v, seeds):
    """P(|x| > d) of an estimate with V_Q + (1/S + 4) A, by a plain sum over the quantiles of chi-square."""
    n = 20_000
    chi = chdtri(seeds - 1, (np.arange(n) + 0.5) / n)
    draws = np.maximum(seeds * v.seeds * (seeds - 1) / chi - seeds * v.cells, 0.0)
    rest = (v.questions + v.floor) * (stdtrit(v.question_df, 0.975) / stdtrit(1e9, 0.975)) ** 2
    return float(np.mean(2 * ndtr(-d / np.sqrt(rest + (SCALE + 1 / seeds) * draws))))


def test_the_interval_is_the_formula():
    base, transfer, (w, t, c), _ = made(np.random.default_rng(0), pool=0.3)
    gap = c.mean() - w.mean()
    ratio = (t.mean() - w.mean()) / gap
    v = spread([block(range(5), (t - w) - ratio * (c - w), range(200))])
    pool = 4 * max(0.0, 5 * (v.seeds - v.cells))
    assert pool > 0
    got = one_of(base, transfer)
    assert got.estimate == pytest.approx(ratio) and got.se == pytest.approx(np.sqrt(v.total + pool) / gap)
    low, high = got.interval.bounds
    assert (low + high) / 2 == pytest.approx(ratio)
    assert mixture((high - low) / 2 * gap, v, 5) == pytest.approx(0.05, rel=0.01)
    assert got.normal_se == pytest.approx((high - low) / 2 / 1.959964)


def test_f_over_one_minus_f_is_four_where_a_seed_draws_four_fifths():
    assert pytest.approx(4.0) == SCALE


@given(
    seeds=st.integers(2, 6),
    questions=st.integers(2, 40),
    accuracies=st.tuples(*[st.floats(0, 1)] * 4),
    draw=st.integers(0, 2**32 - 1),
    alike=st.booleans(),
)
def test_it_holds_the_interval_of_this_pool(seeds, questions, accuracies, draw, alike):
    rng = np.random.default_rng(draw)
    shape = (4, 1 if alike else seeds, questions)
    x = (rng.random(shape) < np.array(accuracies)[:, None, None]) * np.ones((4, seeds, questions))
    clusters = rng.integers(0, 1 + questions // 2, questions) if draw % 2 else range(questions)
    w, t, other, c = (block(range(seeds), each, clusters) for each in x)
    base = baselines(range(seeds), x[0], x[3], clusters)
    inner, outer = pgr_intervals(base, [t, w, c]), pgr_pools(base, [t, w, c])
    for here, new in zip(inner, (found.interval for found in outer), strict=True):
        assert (here.bounds is None) == (new.bounds is None)
        assert here.bounds is None or (new.low <= here.low and here.high <= new.high)
        assert here.bounds is None or here.low + here.high == pytest.approx(new.low + new.high)
    for one, new in zip(all_between([t, w, c], other), difference_pools([t, w, c], other), strict=True):
        assert (one.ci is None) == (new is None)
        if one.ci is not None and new is not None:
            assert new.bounds[0] <= one.ci[0] and one.ci[1] <= new.bounds[1] and new.p >= one.p
            assert new.p > 0.05 or new.bounds[0] > 0 or new.bounds[1] < 0


def test_seeds_that_do_not_matter_give_no_pool_variance():
    same = np.tile(np.random.default_rng(1).normal(size=(1, 50)), (4, 1))
    assert one_seed([block(range(4), same, range(50))]) == pytest.approx(0.0, abs=1e-15)


def test_one_seed_is_the_variance_between_draws():
    rng = np.random.default_rng(2)
    shifts = rng.normal(size=(400, 1))
    values = shifts + rng.normal(size=(1, 60)) + rng.normal(size=(400, 60))
    assert one_seed([block(range(400), values, range(60))]) == pytest.approx(np.var(shifts), rel=0.05)


def test_blocks_without_common_seeds_count_as_fully_correlated():
    values = np.random.default_rng(3).normal(size=(6, 1)) * np.ones((6, 30))
    one = block(range(6), values, range(30))
    other = block(range(10, 16), values, range(30))
    assert one_seed([one, other]) == pytest.approx(4 * one_seed([one]))
    assert one_seed([one, one.scaled(-1.0)]) == pytest.approx(0.0, abs=1e-15)


def test_without_a_gap_or_with_one_seed_there_is_a_reason_and_no_number():
    _, transfer, (w, _, c), _ = made(np.random.default_rng(4), pool=0.1)
    lone = one_of(baselines([0], w[:1], c[:1], range(200)), block([0], w[:1], range(200)))
    flat = one_of(baselines(range(5), w, w, range(200)), transfer)
    for got, why in ((lone, "one seed"), (flat, "under min_gap")):
        assert (got.estimate, got.se, got.normal_se, got.interval.bounds) == (None, None, None, None)
        assert why in got.interval.reason


REGIMES = {
    "the pool rules": ({"pool": 0.3, "question": 0.3}, 5, 200),
    "pool and questions": ({"pool": 0.15}, 5, 200),
    "questions rule": ({"pool": 0.02}, 5, 200),
    "three seeds": ({"pool": 0.15}, 3, 200),
    "many questions": ({"pool": 0.1}, 5, 2000),
}


@pytest.mark.parametrize("regime", REGIMES)
def test_coverage_over_new_pools(regime):
    effects, seeds, questions = REGIMES[regime]
    rng = np.random.default_rng(list(regime.encode()))
    covered = []
    for _ in range(300):
        base, transfer, _, truth = made(rng, seeds, questions, **effects)
        bounds = one_of(base, transfer).interval.bounds
        covered.append(bounds[0] <= truth <= bounds[1])
    # where the seeds' noise hides the pool it is cautious; at worst .915 in a long simulation
    assert np.mean(covered) >= 0.88


def test_the_interval_of_one_pool_covers_too_little_of_new_ones():
    # the error that the pool's interval exists for
    rng = np.random.default_rng(6)
    covered = []
    for _ in range(200):
        base, transfer, _, truth = made(rng, 5, 2000, pool=0.1)
        bounds = pgr_intervals(base, [transfer])[0].bounds
        covered.append(bounds[0] <= truth <= bounds[1])
    assert np.mean(covered) < 0.75


def test_a_difference_between_two_pools_keeps_its_level():
    rng = np.random.default_rng(7)
    for effects, questions in (({"pool": 0.3, "question": 0.3}, 200), ({"pool": 0.1}, 600)):
        scores = [one_of(*made(rng, 5, questions, **effects)[:2]) for _ in range(600)]
        pairs = zip(scores[::2], scores[1::2], strict=True)
        z = [(a.estimate - b.estimate) / np.hypot(a.normal_se, b.normal_se) for a, b in pairs]
        assert np.mean(np.abs(z) > 1.645) / 2 <= 0.05


def two_methods(rng, seeds=5, questions=200, **effects):
    outcomes, truth = experiment(rng, seeds, questions, [0.1, 0.6, 0.9, 1.5], **effects)
    return [block(range(seeds), x, range(questions)) for x in outcomes], truth


def test_the_difference_for_new_pools_is_wider_by_the_same_part():
    (_, a, b, _), _ = two_methods(np.random.default_rng(5), pool=0.3)
    v = spread([a, b.scaled(-1.0)])
    centre = a.values.mean() - b.values.mean()
    (got,) = difference_pools([a], b)
    assert sum(got.bounds) / 2 == pytest.approx(centre)
    assert mixture(got.bounds[1] - centre, v, 5) == pytest.approx(0.05, rel=0.01)
    assert got.p == pytest.approx(mixture(abs(centre), v, 5), rel=0.01)


def test_p_for_new_pools_keeps_its_level_in_the_tail_and_finds_what_is_there():
    rng, null, there = np.random.default_rng(9), [], []
    for _ in range(400):
        (a, _, _, b), _ = two_methods(rng, 5, 200, pool=0.3, question=0.3)
        (same, other, _, _), _ = experiment(rng, 5, 200, [0.6] * 4, pool=0.3, question=0.3)
        alike = [block(range(5), x, range(200)) for x in (same, other)]
        null.append(difference_pools(alike[:1], alike[1])[0].p)
        there.append(difference_pools([b], a)[0].p)
    assert np.mean(np.array(null) <= 0.005) <= 0.015 and np.mean(np.array(null) <= 0.05) <= 0.08
    assert np.mean(np.array(there) <= 0.05) > 0.6


def test_rows_together_and_rows_with_seeds_of_their_own_give_the_same():
    (_, a, b, c), _ = two_methods(np.random.default_rng(6), pool=0.2)
    apart = block(range(10, 15), c.values, range(200))
    together = difference_pools([a, apart, c], b)
    alone = [difference_pools([x], b)[0] for x in (a, apart, c)]
    assert alone == together
    assert difference_pools([block([0], a.values[:1], range(200))], b) == [None]


@pytest.mark.parametrize("regime", REGIMES)
def test_a_difference_covers_over_new_pools(regime):
    effects, seeds, questions = REGIMES[regime]
    rng = np.random.default_rng(list(regime.encode()))
    held = []
    for _ in range(300):
        (_, a, b, _), truth = two_methods(rng, seeds, questions, **effects)
        low, high = difference_pools([b], a)[0].bounds
        held.append(low <= truth[2] - truth[1] <= high)
    # .93 to 1 in a long simulation; 300 draws of .93 have a standard error of .015
    assert np.mean(held) >= 0.9


def test_the_interval_of_a_difference_on_one_pool_covers_too_little_of_new_ones():
    rng, held = np.random.default_rng(8), []
    for _ in range(200):
        (_, a, b, _), truth = two_methods(rng, 5, 2000, pool=0.1)
        low, high = all_between([b], a)[0].ci
        held.append(low <= truth[2] - truth[1] <= high)
    assert np.mean(held) < 0.8
