import numpy as np
import pytest
from scipy.special import stdtrit

from w2s_harness.scoring.spread.blocks import Block, block, countable, estimate, merge
from w2s_harness.scoring.spread.twoway import degrees, effective, floor, moments, spread


def test_a_block_keeps_every_seeds_accuracy_with_questions_of_unequal_size():
    rows = np.array([[1, 0, 1, 1, 0], [0, 0, 1, 1, 1]])
    made = block([0, 1], rows, [7, 7, 7, 3, 9])
    assert made.values.shape == (2, 3)
    assert made.values.mean(axis=1) == pytest.approx([0.6, 0.6])


def test_rows_of_a_question_are_summed():
    rows = np.array([[1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.0]])
    # questions {0, 1} and {2, 3}: sums 1, 2 and 0, 1; scaled by Q / N = 1/2
    assert block([0, 1], rows, [0, 0, 1, 1]).values == pytest.approx(np.array([[0.5, 1.0], [0.0, 0.5]]))


def test_components_by_hand():
    # X = [[1, 2, 3], [3, 4, 8]]: mean 3.5, seed means 2 and 5, question means 2, 3, 5.5
    v = spread([Block((0, 1), np.array([[1.0, 2, 3], [3, 4, 8]]))])
    assert v.seeds == pytest.approx((1.5**2 + 1.5**2) / 2)
    assert v.questions == pytest.approx((1.5**2 + 0.5**2 + 2**2) / 6)
    # interaction: x - seed - question + mean = [[.5, .5, -1], [-.5, -.5, 1]]
    assert v.cells == pytest.approx(3.0 / (1 * 2 * 2 * 3))
    # y = [-1.5, -.5, 2]: 4.5 of cubes, 6.5 of squares
    assert v.floor == pytest.approx(2 * ((4.5 + 1) / (6.5 + 1) / 3) ** 2)
    assert v.total == pytest.approx(v.seeds + v.questions + v.floor - v.cells)
    assert v.df == degrees(v.seeds / v.total, 1, 2)


def test_degrees_interpolate_the_squared_quantile_and_are_exact_at_both_ends():
    assert degrees(1.0, 4, 99) == pytest.approx(4)
    assert degrees(0.0, 4, 99) == pytest.approx(99)
    t2 = 0.25 * stdtrit(4, 0.975) ** 2 + 0.75 * stdtrit(99, 0.975) ** 2
    assert stdtrit(degrees(0.5, 4, 99), 0.975) ** 2 == pytest.approx(t2)
    # Satterthwaite: 1 / (.25 / 4 + .25 / 99)
    assert 4 < degrees(0.5, 4, 99) < 1 / (0.25 / 4 + 0.25 / 99)


def test_the_variance_is_at_least_the_seeds_and_half_the_questions():
    noise = np.random.default_rng(0).normal(size=(40, 3, 4))
    found = [spread([Block((0, 1, 2), x)]) for x in noise]
    for v in found:
        questions = v.questions + v.floor
        assert v.total == max(v.seeds + questions - v.cells, v.seeds, questions / 2)
    assert any(v.total > v.seeds + v.questions + v.floor - v.cells for v in found)


def test_seeds_whose_means_happen_to_tie_do_not_make_an_estimate_certain():
    v = spread([Block((0, 1), np.array([[1.0, 0, 1, 0], [0.0, 1, 0, 1]]))])
    assert (v.seeds, v.questions) == (0.0, 0.0)
    x = np.array([[1.0, 0, 1, 0, 1, 0], [0.0, 1, 0, 1, 1, 0]])
    v = spread([Block((0, 1), x)])
    assert v.seeds == 0.0 and v.cells > v.questions / 2
    assert v.total >= v.questions / 2 > 0


def test_the_moments_of_terms_give_the_spread_of_their_combinations():
    rng = np.random.default_rng(4)
    one, two = rng.normal(size=(2, 4, 9))
    other = rng.normal(size=(5, 9))
    blocks = [Block((0, 1, 2, 3), one), Block((3, 2, 1, 0), two), Block((2, 3, 4, 5, 6), other)]
    found = moments([blocks[:1], blocks[1:]])
    for a, b in ((1.0, 0.0), (1.0, -1.0), (0.3, 2.0)):
        direct = spread([blocks[0].scaled(a), *(x.scaled(b) for x in blocks[1:])])
        got = found.spread([a, b])
        assert [got.seeds, got.questions, got.cells, got.total, got.df] == pytest.approx(
            [direct.seeds, direct.questions, direct.cells, direct.total, direct.df]
        )


def test_equal_sets_of_seeds_are_matched_in_any_order():
    a, b = np.random.default_rng(1).normal(size=(2, 3, 5))
    straight = [Block((0, 1, 2), a), Block((0, 1, 2), b)]
    shuffled = [Block((0, 1, 2), a), Block((2, 0, 1), b[[2, 0, 1]])]
    assert len(merge(shuffled)) == 1
    assert spread(shuffled) == spread(straight)
    assert spread(straight).seeds == pytest.approx(np.var((a + b).mean(axis=1), ddof=1) / 3)


def test_disjoint_seeds_are_independent_components():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(3, 6)), rng.normal(size=(5, 6))
    v = spread([Block((0, 1, 2), a), Block((10, 11, 12, 13, 14), b)])
    va, vb = np.var(a.mean(axis=1), ddof=1) / 3, np.var(b.mean(axis=1), ddof=1) / 5
    vq = np.var(a.mean(axis=0) + b.mean(axis=0), ddof=1) / 6
    assert v.seeds == pytest.approx(va + vb)
    assert v.questions == pytest.approx(vq)
    assert v.df == degrees(v.seeds / v.total, (va + vb) ** 2 / (va**2 / 2 + vb**2 / 4), 5)


def test_overlapping_seeds_carry_the_covariance_of_the_shared_ones():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(3, 6)), rng.normal(size=(5, 6))
    b[:3] += a  # seeds 0, 1, 2 move together
    v = spread([Block((0, 1, 2), a), Block((0, 1, 2, 3, 4), b)])
    am, bm = a.mean(axis=1), b.mean(axis=1)
    apart = np.var(am, ddof=1) / 3 + np.var(bm, ddof=1) / 5
    shared = np.cov(am, bm[:3])[0, 1]
    bound = np.sqrt(np.var(am, ddof=1) * np.var(bm, ddof=1))
    assert v.seeds == pytest.approx(apart + 2 * 3 * np.clip(shared, -bound, bound) / 15)


def test_a_sum_that_is_constant_has_the_floor_and_finite_df():
    v = spread([Block((0, 1), np.full((2, 3), 0.1)), Block((0, 1), np.full((2, 3), -0.1))])
    assert v.total == v.floor == pytest.approx(2 / 9) and v.df == 2.0


def test_the_floor_is_a_question_where_all_is_alike_and_nothing_where_half_is():
    one, half = np.zeros((1, 100)), np.tile([0.5, -0.5], 50)[None]
    assert floor(one) == pytest.approx(2 / 100**2)
    one[0, 0] = 1.0
    # one error: the same, as Agresti and Coull have it
    assert floor(one - 0.01) == pytest.approx(2 / 100**2, rel=0.05)
    assert floor(half)[0] < 0.001 * (0.25 / 100)


def test_questions_of_unequal_size_weigh_by_their_rows():
    rng = np.random.default_rng(4)
    clusters = np.repeat(np.arange(20), [60, 60] + [2] * 18)
    rows = (rng.random((3, clusters.size)) < 0.7).astype(float)
    v, shares = spread([block(range(3), rows, clusters)]), np.bincount(clusters) / clusters.size
    by_question = np.bincount(clusters, weights=rows.mean(axis=0) - rows.mean()) / clusters.size
    assert v.questions == pytest.approx(np.sum(by_question**2 / (1 - shares)))
    assert v.question_df == pytest.approx(np.sum(shares**2) ** 2 / np.sum(shares**4) - 1)
    assert effective(20, shares) == pytest.approx(1 / np.sum(shares**2))
    alike = block(range(3), rows[:, :120], np.arange(120) // 6)
    assert alike.shares is None and spread([alike]).question_df == 19.0


def test_the_estimate_is_the_sum_of_means():
    assert estimate([Block((0,), np.array([[1.0, 3.0]])), Block((4, 5), np.ones((2, 2)))]) == pytest.approx(
        3.0
    )


@pytest.mark.parametrize(("shape", "says"), [((1, 4), "one seed"), ((4, 1), "one question")])
def test_one_seed_or_question_gives_no_spread(shape, says):
    one = [Block(tuple(range(shape[0])), np.zeros(shape))]
    assert says in countable(one)
    with pytest.raises(ValueError, match=says):
        spread(one)


@pytest.mark.parametrize(
    ("seeds", "rows", "clusters"),
    [
        ([0], [[1, 0], [0, 1]], [0, 1]),
        ([0, 1], [[1, 0], [0, 1]], [0, 1, 2]),
        ([0, 0], [[1, 0], [0, 1]], [0, 1]),
        ([0, 1], [[1, 0], [0, np.nan]], [0, 1]),
        ([0, 1], [[], []], []),
    ],
)
def test_arrays_that_do_not_fit_are_refused(seeds, rows, clusters):
    with pytest.raises(ValueError, match="rows"):
        block(seeds, rows, clusters)
