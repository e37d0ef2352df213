import numpy as np
import pytest
from scipy.special import ndtr, stdtrit

from w2s_harness.scoring.spread.blocks import block
from w2s_harness.scoring.spread.interval import (
    baselines,
    difference_intervals,
    fieller_interval,
    gap_interval,
    no_gap,
    pgr_intervals,
)


def pgr_interval(base, transfer):
    return pgr_intervals(base, [transfer])[0]


def experiment(rng, seeds, questions, per_question, margins, *, question=1.0, seed=0.1, both=0.3, shared=0.7):
    """Outcomes (S, N) of weak, transfer and ceiling; seeds and questions move all three together in part."""
    shape = (len(margins), seeds, questions, per_question)

    def effect(size, *axes):
        one = np.array([1 if axis not in axes else shape[axis] for axis in range(4)])
        common, own = rng.normal(size=(1, *one[1:])), rng.normal(size=(shape[0], *one[1:]))
        return size * (np.sqrt(shared) * common + np.sqrt(1 - shared) * own)

    latent = effect(question, 2) + effect(seed, 1) + effect(both, 1, 2) + rng.normal(size=shape)
    scale = np.sqrt(question**2 + seed**2 + both**2 + 1)
    hits = latent + scale * np.asarray(margins)[:, None, None, None] > 0
    return hits.reshape(shape[0], seeds, -1).astype(float), ndtr(np.asarray(margins))


def test_the_interval_is_the_formula_of_the_influence():
    rng = np.random.default_rng(0)
    (w, t, c), _ = experiment(rng, 4, 30, 1, [0.2, 0.7, 1.2])
    s, q = w.shape
    gap = c.mean() - w.mean()
    ratio = (t.mean() - w.mean()) / gap
    x = (t - w) - ratio * (c - w)
    seed, question = x.mean(axis=1), x.mean(axis=0)
    vs, vq = np.var(seed, ddof=1) / s, np.var(question, ddof=1) / q
    rest = x - seed[:, None] - question + x.mean()
    vsq = (rest**2).sum() / ((s - 1) * (q - 1) * s * q)
    y = question - x.mean()
    vq += 2 * ((abs((y**3).sum()) + 1) / ((y**2).sum() + 1) / q) ** 2
    v = max(vs + vq - vsq, vs, vq / 2)
    share = (vs / v) ** 2
    t2 = share * stdtrit(s - 1, 0.975) ** 2 + (1 - share) * stdtrit(q - 1, 0.975) ** 2
    half = np.sqrt(t2 * v) / gap

    clusters = np.arange(q)
    got = pgr_interval(baselines(range(s), w, c, clusters), block(range(s), t, clusters))
    assert got.bounds == pytest.approx((ratio - half, ratio + half))
    assert stdtrit(got.df, 0.975) ** 2 == pytest.approx(t2)
    assert got.reason is None


def test_rows_of_a_question_count_as_one_question():
    rng = np.random.default_rng(1)
    (w, t, c), _ = experiment(rng, 4, 60, 1, [0.2, 0.7, 1.2])
    once = pgr_interval(baselines(range(4), w, c, range(60)), block(range(4), t, range(60)))
    w, t, c = (np.repeat(x, 3, axis=1) for x in (w, t, c))
    clusters = np.repeat(np.arange(60), 3)
    thrice = pgr_interval(baselines(range(4), w, c, clusters), block(range(4), t, clusters))
    assert thrice.bounds == pytest.approx(once.bounds)


def test_a_method_that_is_the_ceiling_has_pgr_one_and_the_width_of_a_question():
    (w, _, c), _ = experiment(np.random.default_rng(2), 3, 50, 1, [0.2, 0.7, 1.2])
    base = baselines(range(3), w, c, range(50))
    half = stdtrit(49, 0.975) * np.sqrt(2) / 50 / base.gap
    for rows, pgr in ((c, 1.0), (w, 0.0)):
        got = pgr_interval(base, block(range(3), rows, range(50)))
        assert got.bounds == pytest.approx((pgr - half, pgr + half)) and "alike" in got.warning


def test_a_perfect_student_and_ceiling_are_not_certain():
    w = (np.random.default_rng(2).random((3, 50)) < 0.6).astype(float)
    base, perfect = baselines(range(3), w, np.ones((3, 50)), range(50)), block(range(3), w * 0 + 1, range(50))
    got = pgr_interval(base, perfect)
    # Agresti and Coull's upper bound of no error in 50 is .086, and the gap some .4
    assert got.low < 0.9 and got.high > 1.1 and "alike" in got.warning


def test_an_unbounded_fieller_set_is_a_reason_and_not_a_wild_ratio():
    rng = np.random.default_rng(3)
    (w, t, c), _ = experiment(rng, 3, 12, 1, [0.3, 0.5, 0.6])
    base = baselines(range(3), w, c, range(12))
    assert base.gap > 0.02
    low, high = gap_interval(base).bounds
    assert low < 0 < high
    for made in (pgr_interval, fieller_interval):
        got = made(base, block(range(3), t, range(12)))
        assert (got.bounds, got.df) == (None, None)
        assert "unbounded" in got.reason
        assert f"{low:.4f} to {high:.4f}" in got.reason


def test_the_fieller_set_is_bounded_just_where_the_gaps_interval_leaves_out_zero():
    rng = np.random.default_rng(4)
    seen = set()
    for _ in range(40):
        (w, t, c), _ = experiment(rng, 4, 25, 1, [0.2, 0.4, 0.8])
        base = baselines(range(4), w, c, range(25))
        transfer = block(range(4), t, range(25))
        bounded = no_gap(base, min_gap=0.0) is None
        seen.add(bounded)
        assert bounded == (gap_interval(base).low > 0)
        assert (fieller_interval(base, transfer, min_gap=0.0).bounds is not None) == bounded
        # far out the defining inequality says the same, whatever the method
        (far,) = difference_intervals(base, [block(range(4), c, range(25))], transfer, min_gap=0.0)
        assert (far.bounds is not None) == bounded
    assert seen == {True, False}


def test_fieller_and_the_two_way_interval_agree_where_the_gap_is_clear():
    (w, t, c), _ = experiment(np.random.default_rng(5), 6, 600, 1, [0.1, 0.7, 1.5])
    base, transfer = baselines(range(6), w, c, range(600)), block(range(6), t, range(600))
    two, fieller = pgr_interval(base, transfer), fieller_interval(base, transfer)
    width = two.high - two.low
    assert fieller.bounds == pytest.approx(two.bounds, abs=width / 10)


def test_a_gap_under_min_gap_is_a_reason():
    (w, t, c), _ = experiment(np.random.default_rng(6), 3, 40, 1, [0.2, 0.7, 1.2])
    transfer = block(range(3), t, range(40))
    same = pgr_interval(baselines(range(3), w, w, range(40)), transfer)
    assert (same.bounds, same.reason) == (None, "the gap 0.0000 is under min_gap 0.02")
    negative = pgr_interval(baselines(range(3), c, w, range(40)), transfer)
    assert negative.bounds is None
    assert negative.reason.startswith("the gap -0.")


def test_one_seed_gives_a_reason_and_leaves_the_gap_open():
    (w, t, c), _ = experiment(np.random.default_rng(7), 1, 200, 1, [0.1, 0.7, 1.5])
    base = baselines([0], w, c, range(200))
    assert no_gap(base) is None
    assert "one seed" in gap_interval(base).reason
    assert "one seed" in pgr_interval(base, block([0], t, range(200))).reason


def test_one_question_gives_a_reason():
    (w, t, c), _ = experiment(np.random.default_rng(8), 3, 1, 50, [0.1, 0.7, 1.5])
    base = baselines(range(3), w, c, [0] * 50)
    assert "one question" in pgr_interval(base, block(range(3), t, [0] * 50)).reason


def test_more_baseline_seeds_narrow_the_interval_and_move_no_point():
    rng = np.random.default_rng(9)
    (w, t, c), _ = experiment(rng, 16, 2000, 1, [0.1, 0.7, 1.5], seed=0.3, shared=0.0)
    transfer = block(range(100, 105), t[:5], range(2000))
    few = pgr_interval(baselines(range(5), w[:5], c[:5], range(2000)), transfer)
    many = pgr_interval(baselines(range(16), w, c, range(2000)), transfer)
    assert many.high - many.low < few.high - few.low


def test_the_difference_of_two_methods_in_pgr():
    (w, t, c), _ = experiment(np.random.default_rng(10), 5, 300, 1, [0.1, 0.7, 1.5])
    base = baselines(range(5), w, c, range(300))
    (got,) = difference_intervals(base, [block(range(5), t, range(300))], block(range(5), w, range(300)))
    assert got == pgr_interval(base, block(range(5), t, range(300)))


REGIMES = {
    "questions rule": ({"question": 1.0, "seed": 0.03, "both": 0.5}, 5, 200, 1),
    "seeds rule": ({"question": 0.2, "seed": 0.3, "both": 0.0}, 5, 200, 1),
    "several rows per question": ({"question": 1.0, "seed": 0.1, "both": 0.3}, 5, 100, 4),
    "three seeds": ({"question": 0.7, "seed": 0.1, "both": 0.3}, 3, 200, 1),
}


@pytest.mark.parametrize("regime", REGIMES)
def test_coverage_of_crossed_seeds_and_questions(regime):
    effects, seeds, questions, per_question = REGIMES[regime]
    rng = np.random.default_rng(list(regime.encode()))
    clusters = np.repeat(np.arange(questions), per_question)
    covered = total = 0
    for _ in range(300):
        (w, t, c), (aw, at, ac) = experiment(rng, seeds, questions, per_question, [0.1, 0.8, 1.5], **effects)
        base = baselines(range(seeds), w, c, clusters)
        got = pgr_interval(base, block(range(seeds), t, clusters))
        assert got.bounds is not None
        covered += got.low <= (at - aw) / (ac - aw) <= got.high
        total += 1
    # .95 within 3 binomial standard errors below; above, few seeds make t cautious
    assert 0.91 <= covered / total <= 0.99


def test_coverage_with_baseline_seeds_of_their_own():
    rng = np.random.default_rng(12)
    covered = 0
    for _ in range(300):
        (w, t, c), (aw, at, ac) = experiment(
            rng, 13, 150, 1, [0.1, 0.8, 1.5], question=0.7, seed=0.25, both=0.3
        )
        base = baselines(range(8), w[:8], c[:8], range(150))
        got = pgr_interval(base, block(range(8, 13), t[8:], range(150)))
        covered += got.low <= (at - aw) / (ac - aw) <= got.high
    assert 0.91 <= covered / 300 <= 0.99


def test_rows_resampled_inside_seeds_would_cover_too_little():
    # the error that the two-way interval exists for: the seeds' standard error alone
    rng = np.random.default_rng(13)
    covered = 0
    for _ in range(300):
        (w, t, c), (aw, at, ac) = experiment(rng, 5, 200, 1, [0.1, 0.8, 1.5], seed=0.03)
        gap = c.mean() - w.mean()
        per_seed = (t.mean(axis=1) - w.mean()) / gap
        half = stdtrit(4, 0.975) * per_seed.std(ddof=1) / np.sqrt(5)
        covered += abs(per_seed.mean() - (at - aw) / (ac - aw)) <= half
    assert covered / 300 < 0.9
