import numpy as np
import pytest

from w2s_harness.scoring.points import brier, ece, teacher_errors


def test_brier_by_hand():
    assert brier([[0.9, 0.2], [0.5, 0.5]], [1, 0]) == pytest.approx((0.01 + 0.04 + 0.25 + 0.25) / 4)


def test_ece_by_hand():
    # two bins: {.1, .3} against labels {0, 1} is |.2 - .5|, {.9, .7} against {1, 1} is |.8 - 1|
    got = ece([[0.1, 0.3, 0.9, 0.7]], [0, 1, 1, 1], bins=2)
    assert got == pytest.approx(0.5 * 0.3 + 0.5 * 0.2)


def test_a_bin_holds_its_upper_edge_and_the_first_also_nothing():
    # .5 belongs with .1: |.3 - .5|; alone it would be |.1 - 0| / 2 + |.5 - 1| / 2
    assert ece([[0.1, 0.5]], [0, 1], bins=2) == pytest.approx(0.2)
    assert ece([[0.0, 1.0]], [0, 1]) == 0.0


def test_seeds_are_averaged_and_not_pooled():
    # pooled, the errors +.4 and -.4 of one bin would cancel
    assert ece([[0.9, 0.9], [0.1, 0.1]], [1, 0], bins=1) == pytest.approx(0.4)


def test_calibrated_probabilities_have_little_error_and_overconfident_ones_much():
    rng = np.random.default_rng(0)
    p = rng.random((2, 20_000))
    y = (rng.random(20_000) < p[0]).astype(int)
    assert ece(p[:1], y) < 0.02
    assert ece((p[:1] > 0.5).astype(float), y) == pytest.approx(0.25, abs=0.02)


def test_teacher_errors_is_the_share_that_is_imitated():
    teacher = [[1, 0, 0, 1], [0, 1, 1, 1]]
    method = [[0, 0, 1, 1], [0, 1, 0, 1]]
    assert teacher_errors(method, teacher) == pytest.approx((1 / 2 + 1) / 2)
    assert teacher_errors(teacher, teacher) == 1.0


def test_a_tie_is_half_an_error():
    assert teacher_errors([[0.5, 0.0]], [[0.0, 0.5]]) == pytest.approx((0.5 * 1 + 1 * 0.5) / 1.5)


def test_a_seed_whose_teacher_makes_no_error_is_left_out():
    assert teacher_errors([[0, 0], [0, 1]], [[1, 1], [0, 1]]) == 1.0
    assert teacher_errors([[0, 1]], [[1, 1]]) is None


@pytest.mark.parametrize(
    ("p", "y"),
    [
        ([[0.5]], [0, 1]),
        ([[1.2, 0.1]], [0, 1]),
        ([[np.nan, 0.1]], [0, 1]),
        ([[0.1, 0.2]], [0, 2]),
        ([[]], []),
    ],
)
def test_what_is_no_prediction_is_refused(p, y):
    for score in (brier, ece):
        with pytest.raises(ValueError, match=r"prediction|gold"):
            score(p, y)


def test_outcomes_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="match"):
        teacher_errors([[0, 1]], [[0, 1], [0, 1]])
    with pytest.raises(ValueError, match="outside"):
        teacher_errors([[0, 2]], [[0, 1]])
