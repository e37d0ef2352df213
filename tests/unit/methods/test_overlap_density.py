"""Which half of the rows is kept."""

from __future__ import annotations

import numpy as np
import pytest
from fake_student import index, problem, student
from richer_student import RicherConnection, targets

from w2s_plugins.methods import overlap_density
from w2s_plugins.methods.overlap_density import OverlapDensity

LINE = np.array([[0.0], [1.0], [3.0], [10.0]])
LABEL = np.array([True, True, False, False])


def test_neighbours_of_like_label_and_density_by_hand():
    alike, density = overlap_density.neighbourhood(LINE, LABEL, 2, odd=False)
    # Row 0: 1 (like) and 3 (not), at 1 and 3. Row 3: 3 (like) and 1 (not), at 7 and 9.
    assert alike.tolist() == [0.5, 0.5, 0.0, 0.5]
    assert density == pytest.approx(-np.log([2.0, 1.5, 2.5, 8.0]))


def test_a_swap_is_a_neighbour_with_the_opposite_label_but_not_of_its_own_row():
    x, label = np.array([[2.0], [-2.1]]), np.array([True, False])
    alike, density = overlap_density.neighbourhood(x, label, 1, odd=True)
    # -2.1 turned round is 2.1 and called right: the nearest to 2, and of like label.
    assert alike.tolist() == [1.0, 1.0]
    assert density == pytest.approx(-np.log([0.1, 0.1]))


def test_middling_doubt_is_preferred():
    weak = np.array([0.11002786, 0.5, 0.999])  # the first has an entropy of ln(2) / 2
    score = overlap_density.middling(weak, 1.0)
    assert score[:2] == pytest.approx([0.0, -(np.log(2) ** 2) / 2], abs=1e-6)
    assert score[2] < score[1]


def test_out_of_fold_score_comes_from_a_regression_that_did_not_see_the_row():
    x = np.array([[-2.0], [-1.0], [1.0], [2.0], [1.5]])
    label = np.array([False, False, True, True, False])  # the last is wrong
    folds = np.arange(5)
    score = overlap_density.out_of_fold(x, label, folds, 1.0, odd=True)
    theta = overlap_density.logistic(x[:4], label[:4].astype(float), 1.0, odd=True)
    assert score[4] == pytest.approx(-np.log1p(np.exp(theta[0] * 1.5)))
    assert theta[1] == 0.0
    assert int(np.argmin(score)) == 4


def test_the_regression_is_at_its_optimum():
    x = np.random.default_rng(0).standard_normal((50, 3))
    y = (x[:, 0] > 0.3).astype(float)
    theta = overlap_density.logistic(x, y, 2.0, odd=False)
    p = 1 / (1 + np.exp(-(x @ theta[:-1] + theta[-1])))
    assert x.T @ (p - y) + 2.0 * theta[:-1] == pytest.approx(np.zeros(3), abs=1e-6)


@pytest.mark.parametrize(
    ("label", "kept"),
    [
        ([1, 1, 1, 0, 0, 0], [0, 1, 3]),
        ([0, 0, 0, 0, 0, 1], [0, 1, 5]),
        ([1, 1, 1, 1, 1, 1], [0, 1, 2]),
    ],
)
def test_half_is_kept_balanced_by_class_as_far_as_there_are_rows(label, kept):
    score = np.array([6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    got = overlap_density.best_of_each_class(score, np.array(label, bool), 0.5)
    assert got.tolist() == kept


def test_rows_whose_label_their_neighbourhood_denies_are_left_out_and_soft_labels_are_kept():
    draw = np.random.default_rng(1)
    side = np.where(np.arange(80) < 40, 1.0, -1.0)
    x = np.column_stack([3 * side, np.zeros(80)]) + 0.3 * draw.standard_normal((80, 2))
    weak = 0.5 + 0.35 * side
    wrong = [3, 17, 44, 61]
    weak[wrong] = 1 - weak[wrong]
    connection = RicherConnection(embeddings=x)
    OverlapDensity().fit(problem(weak), student(connection), np.random.default_rng(0))
    (fit,) = connection.fits
    kept = index(fit.rows)
    assert not set(wrong) & set(kept.tolist())
    assert (len(kept), int((weak[kept] > 0.5).sum())) == (40, 20)
    assert targets(fit) == pytest.approx(weak[kept])
