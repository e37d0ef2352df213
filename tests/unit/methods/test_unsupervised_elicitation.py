"""Mutual predictability, logical consistency and the search for both."""

from __future__ import annotations

import numpy as np
import pytest
from fake_student import index, problem, student
from richer_student import RicherConnection, targets

from w2s_harness.contract.worker.handles import Shown
from w2s_harness.contract.worker.student import Student
from w2s_plugins.methods import unsupervised_elicitation as unsupervised
from w2s_plugins.methods.unsupervised_elicitation import Labelled, UnsupervisedElicitation

NO_PAIRS = np.zeros((0, 2), np.int64)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_each_row_is_left_out_exactly():
    draw = rng(1)
    x, penalty = draw.standard_normal((12, 3)), 2.0
    given = {0: 1.0, 4: -1.0, 7: 1.0, 9: -1.0}
    state = Labelled.empty(x, penalty)
    for i, value in given.items():
        state = state.put(i, value)
    state = state.put(4, 1.0)  # a label that changes, beside labels that are new
    given[4] = 1.0
    for i in range(12):
        others = [j for j in given if j != i]
        a = x[others].T @ x[others] + penalty * np.eye(3)
        w = np.linalg.solve(a, x[others].T @ np.array([given[j] for j in others]))
        assert state.left_out()[i] == pytest.approx(x[i] @ w)


def test_mutual_predictability_by_hand():
    # Two equal rows of length 1, penalty 1: each predicts the other by 1 / (1 + 1) = .5, so P is .75 or .25.
    empty = Labelled.empty(np.ones((2, 1)), 1.0)
    assert empty.put(0, 1.0).put(1, 1.0).predictability() == pytest.approx(np.log(0.75))
    assert empty.put(0, 1.0).put(1, -1.0).predictability() == pytest.approx(np.log(0.25))


def test_the_score_subtracts_every_contradiction():
    method = UnsupervisedElicitation(alpha=10.0)
    state = Labelled.empty(np.ones((2, 1)), 1.0).put(0, 1.0).put(1, 1.0)
    assert method.score(state, np.array([[0, 1]])) == pytest.approx(10 * np.log(0.75) - 1)
    assert method.score(state.put(1, -1.0), np.array([[0, 1]])) == pytest.approx(10 * np.log(0.25))


def test_a_contradiction_is_mended_by_the_consistent_labels_that_score_best():
    # Rows 0 to 3 lie on the right side; 4 contradicts 0 and lies on the wrong one: it is 4 that gives way.
    x = np.array([[1.0], [1.1], [0.9], [1.0], [-1.0], [-1.2]])
    state = Labelled.empty(x, 0.5)
    for i, value in enumerate([1.0, 1.0, 1.0, 1.0, 1.0, -1.0]):
        state = state.put(i, value)
    mended = UnsupervisedElicitation().mended(state, np.array([[0, 4]]), rng())
    assert mended.label.tolist() == [1, 1, 1, 1, -1, -1]


def test_unlabelled_rows_that_could_contradict_labelled_ones_come_first():
    pairs = np.array([[0, 2], [1, 3]])
    near = unsupervised.partners(4, pairs)
    assert [part.tolist() for part in near] == [[2], [3], [0], [1]]
    draws = rng()
    drawn = [unsupervised.sample(np.array([1.0, 0, 0, 0]), pairs, draws) for _ in range(2000)]
    # Row 2 contradicts row 0, which has a label: weight 100 of 103.
    assert np.mean(np.array(drawn) == 2) == pytest.approx(100 / 103, abs=0.02)


def test_the_search_spreads_a_few_labels_over_two_clusters():
    side = np.where(np.arange(60) % 2 == 0, 1.0, -1.0)
    x = np.column_stack([2 * side, np.zeros(60)]) + 0.5 * rng(2).standard_normal((60, 2))
    found = UnsupervisedElicitation(iterations=500, penalty=1.0).search(x, side, NO_PAIRS, rng())
    assert (found.label * side >= 0).all()
    assert (found.label != 0).all()


def test_a_worse_set_is_kept_only_while_it_is_hot():
    # The likelier label of each row is taken against what it does to the others: with no heat U never falls.
    x = rng(3).standard_normal((30, 4))
    cold = UnsupervisedElicitation(iterations=200, first_temperature=1e-9, last_temperature=1e-9)
    hot = UnsupervisedElicitation(iterations=200, first_temperature=1e9)
    start = np.where(rng(4).random(30) > 0.5, 1.0, -1.0)
    begun = UnsupervisedElicitation(iterations=0).search(x, start, NO_PAIRS, rng())
    assert cold.score(cold.search(x, start, NO_PAIRS, rng()), NO_PAIRS) >= cold.score(begun, NO_PAIRS)
    assert (hot.search(x, start, NO_PAIRS, rng()).label != 0).all()
    assert (cold.search(x, start, NO_PAIRS, rng()).label == 0).any()


def run(kind, weak, x, margins=(), pairs=(), templates=("plain",), **settings):
    connection = RicherConnection(embeddings=x, margins=margins)
    asked = Student(connection, kind=kind, layers=3, features=2, templates=templates)
    shown = Shown(("groups",), None, np.array(pairs, np.int64).reshape(-1, 2))
    UnsupervisedElicitation(**settings).fit(problem(weak, kind, shown), asked, rng())
    (fit,) = connection.fits
    return index(fit.rows), np.array(targets(fit))


def test_first_labels_are_the_students_own_and_the_teacher_is_not_asked():
    side = np.where(np.arange(40) % 2 == 0, 1.0, -1.0)
    x = np.column_stack([2 * side, 0.1 * rng(5).standard_normal(40)])
    for weak in (0.9, 0.1):
        rows, told = run("preference", [weak] * 40, x, margins=side, iterations=400)
        assert told.tolist() == ((1 + side[rows]) / 2).tolist()


def test_without_a_template_the_teacher_gives_the_sign():
    side = np.where(np.arange(40) % 2 == 0, 1.0, -1.0)
    x = np.column_stack([2 * side, 0.1 * rng(6).standard_normal(40)])
    for told in (1.0, -1.0):
        rows, labels = run(
            "preference", 0.5 + 0.1 * told * side, x, templates=(), iterations=600, start=1, penalty=1.0
        )
        assert labels.tolist() == ((1 + told * side[rows]) / 2).tolist()


def test_conflicting_candidates_are_not_both_called_right():
    x = np.random.default_rng(7).standard_normal((40, 2)) + 1.0
    pairs = [(i, i + 1) for i in range(0, 40, 2)]
    rows, told = run("verify", [0.5] * 40, x, margins=np.arange(40.0), pairs=pairs, iterations=600, alpha=1.0)
    label = dict(zip(rows.tolist(), told.tolist(), strict=True))
    both = [pair for pair in pairs if label.get(pair[0]) == 1.0 and label.get(pair[1]) == 1.0]
    assert len(both) <= 1


def test_access_names_what_it_reads():
    assert UnsupervisedElicitation.access == ("embeddings", "groups")
    assert student(RicherConnection()).templates == ("plain", "other")
