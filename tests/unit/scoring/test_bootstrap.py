import numpy as np
import pytest

from w2s_harness.scoring.spread import bootstrap
from w2s_harness.scoring.spread.blocks import Block, block
from w2s_harness.scoring.spread.bootstrap import crossed_intervals, disagreements, replicates
from w2s_harness.scoring.spread.interval import Interval, baselines, pgr_intervals


def made(rng, seeds=8, questions=400, margins=(0.1, 0.8, 1.5), seed=0.15):
    easy = rng.normal(size=(1, questions))
    w, t, c = (
        (easy + seed * rng.normal(size=(seeds, 1)) + rng.normal(size=(seeds, questions)) + m > 0).astype(
            float
        )
        for m in margins
    )
    return baselines(range(seeds), w, c, range(questions)), block(range(seeds), t, range(questions))


def disagreement(base, transfer):
    own = pgr_intervals(base, [transfer])[0].bounds
    return disagreements(base, [transfer], [own])[0]


def test_the_same_name_gives_the_same_draws_to_every_method():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 4, 30))
    blocks = [Block((0, 1, 2, 3), x), Block((0, 1, 2, 3), y)]
    both = replicates([[blocks[0]], [blocks[1]]], name="n", draws=50)
    assert np.array_equal(both[:, 1], replicates([[blocks[1]]], name="n", draws=50)[:, 0])
    assert np.allclose(both.sum(axis=1), replicates([blocks], name="n", draws=50)[:, 0])
    assert not np.array_equal(both[:, 0], replicates([[blocks[0]]], name="other", draws=50)[:, 0])


def test_draws_do_not_depend_on_how_many_are_made_at_once(monkeypatch):
    one = [Block((0, 1, 2), np.random.default_rng(1).normal(size=(3, 40)))]
    whole = replicates([one], name="n", draws=30)
    assert len(whole) == 30
    monkeypatch.setattr(bootstrap, "_CELLS", 40 * 30)
    assert np.allclose(replicates([one], name="n", draws=30), whole)


def test_the_variance_is_that_of_the_pigeonhole_bootstrap():
    # Owen (2007): seeds and questions resampled independently; exact for a mean of x_sq
    x = np.random.default_rng(2).normal(size=(6, 20))
    x += np.random.default_rng(3).normal(size=(6, 1))
    s, q = x.shape
    seeds = np.var(x.mean(axis=1)) / s
    questions = np.var(x.mean(axis=0)) / q
    rest = x - x.mean(axis=1, keepdims=True) - x.mean(axis=0) + x.mean()
    found = replicates([[Block(tuple(range(s)), x)]], name="n", draws=40_000)[:, 0]
    assert found.var() == pytest.approx(seeds + questions + (rest**2).sum() / (s * q) ** 2, rel=0.03)


def test_it_agrees_with_the_two_way_interval_where_there_is_much_data():
    base, transfer = made(np.random.default_rng(4), seeds=16, questions=1500)
    two, crossed = pgr_intervals(base, [transfer])[0], crossed_intervals(base, [transfer])[0]
    assert crossed.bounds == pytest.approx(two.bounds, abs=0.12 * (two.high - two.low))
    assert crossed.df is None
    assert disagreement(base, transfer) is None


def test_a_block_with_seeds_of_its_own_takes_those_that_were_drawn():
    base, _ = made(np.random.default_rng(5), seeds=8)
    constant = Block((3, 4), np.full((2, 400), 0.6))
    found = replicates([[constant]], name="n", draws=100)
    assert np.allclose(found, 0.6)
    with_base = replicates([[constant], [base.weak]], name="n", draws=400)
    assert 300 < len(with_base) < 400  # (6/8)^8 of the draws hold neither seed
    assert np.allclose(with_base[:, 0], 0.6)


def test_it_has_a_reason_just_where_the_two_way_interval_has_one():
    rng = np.random.default_rng(6)
    reasons = set()
    for questions, margins in ((30, (0.3, 0.5, 0.7)), (400, (0.5, 0.6, 0.5)), (400, (0.1, 0.8, 1.5))):
        for seeds in (1, 4):
            base, transfer = made(rng, seeds, questions, margins)
            two = pgr_intervals(base, [transfer])[0]
            crossed = crossed_intervals(base, [transfer], draws=500)[0]
            assert (two.bounds is None) == (crossed.bounds is None)
            assert two.reason == crossed.reason
            reasons.add(two.reason is None)
            if two.bounds is None:
                assert disagreement(base, transfer) is None
    assert reasons == {True, False}


def test_no_width_is_no_disagreement():
    base, _ = made(np.random.default_rng(7))
    assert disagreement(base, base.ceiling) is None


def test_a_gap_hardly_above_its_error_is_a_disagreement_in_a_sentence():
    rng, found = np.random.default_rng(8), []
    for _ in range(40):
        base, transfer = made(rng, 5, 60, (0.2, 1.2, 0.8), seed=0.3)
        said = disagreement(base, transfer)
        if said is not None:
            found.append(said)
    assert found
    assert all("where pgr_ci is" in s and "more than half a width apart" in s for s in found)
    assert any("Fieller's set is" in s for s in found)


@pytest.mark.parametrize(
    ("check", "far"),
    [
        (Interval(0.1, 0.9, None), False),
        (Interval(-0.29, 1.0, None), False),
        (Interval(-0.31, 1.0, None), True),
        (Interval(None, None, None, "why"), True),
    ],
)
def test_half_a_width_is_the_limit(check, far):
    assert bootstrap._far((0.1, 0.9), check) is far


def test_no_draws_are_refused():
    base, transfer = made(np.random.default_rng(9))
    with pytest.raises(ValueError, match="0 draws"):
        crossed_intervals(base, [transfer], draws=0)
