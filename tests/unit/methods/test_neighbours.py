"""`knn-smooth` and `label-propagation` on points whose neighbours can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from fake_student import problem, student
from richer_student import RicherConnection, targets

from w2s_harness.contract.worker.student import Student
from w2s_harness.contract.worker.wire import messages as wire
from w2s_plugins.methods import knn_smooth, label_propagation
from w2s_plugins.methods.knn_smooth import KnnSmooth
from w2s_plugins.methods.label_propagation import LabelPropagation

LINE = [[0.0, 5.0], [1.0, 5.0], [3.0, 5.0], [10.0, 5.0]]
RNG = np.random.default_rng(0)


def fitted(method, weak, embeddings, kind="verify"):
    connection = RicherConnection(embeddings=embeddings)
    method.fit(problem(weak, kind), student(connection, kind), RNG)
    (fit,) = connection.fits
    return connection, targets(fit)


def test_dimensions_are_standardised_and_a_constant_one_drops_out():
    found = knn_smooth.standardised(np.array([[0.0, 7.0], [200.0, 7.0]]))
    assert found.tolist() == [[-1.0, 0.0], [1.0, 0.0]]
    assert np.array_equal(found, label_propagation.standardised(np.array([[0.0, 7.0], [200.0, 7.0]])))


def test_a_label_is_mixed_with_the_mean_of_its_nearest_neighbours():
    # On the line 0, 1, 3, 10 the two nearest of 0 are 1 and 3, of 1: 0 and 3, of 3: 1 and 0, of 10: 3 and 1.
    weak = [0.0, 1.0, 0.4, 0.8]
    _, found = fitted(KnnSmooth(neighbours=2, share=0.5), weak, LINE)
    assert found == pytest.approx([0.35, 0.6, 0.45, 0.75])
    _, found = fitted(KnnSmooth(neighbours=2, share=1.0), weak, LINE)
    assert found == pytest.approx([0.7, 0.2, 0.5, 0.7])
    assert fitted(KnnSmooth(share=0.0), weak, LINE)[1] == pytest.approx(weak)


def test_more_neighbours_than_rows_are_all_the_others_and_one_row_keeps_its_label():
    _, found = fitted(KnnSmooth(neighbours=50, share=1.0), [0.0, 1.0, 0.4, 0.8], LINE)
    assert found == pytest.approx([2.2 / 3, 0.4, 0.6, 1.4 / 3])
    assert fitted(KnnSmooth(), [0.3], [[1.0, 2.0]])[1] == [0.3]


def test_a_preference_finds_the_swap_of_another_that_says_the_same():
    # Rows 0 and 1 are near each other when row 1 is read the other way round: its label there is 1 - .2.
    weak, embeddings = [0.9, 0.2, 0.5], [[4.0, 1.0], [-4.1, -1.0], [0.1, 9.0]]
    connection, found = fitted(KnnSmooth(neighbours=1, share=1.0), weak, embeddings, "preference")
    assert found[:2] == pytest.approx([0.8, 0.1])
    rows, swaps = [r.rows for r in connection.requests if isinstance(r, wire.Embed)]
    assert rows.swap is None and wire.unpack(swaps.swap, dtype="u1").tolist() == [1, 1, 1]


def test_a_preference_is_no_neighbour_of_its_own_swap():
    points = np.array([[0.01], [5.0], [-0.01], [-5.0]])
    assert knn_smooth.neighbours(points, 2, 2).tolist() == [[1, 3], [0, 2]]


def test_blocks_change_no_neighbour(monkeypatch):
    points = np.random.default_rng(1).normal(size=(40, 3))
    whole = knn_smooth.neighbours(points, 20, 4)
    near = label_propagation.nearest(points, 4)[0]
    monkeypatch.setattr(knn_smooth, "BLOCK", 7)
    monkeypatch.setattr(label_propagation, "BLOCK", 7)
    assert np.array_equal(knn_smooth.neighbours(points, 20, 4), whole)
    assert np.array_equal(label_propagation.nearest(points, 4)[0], near)


@pytest.mark.parametrize("method", [KnnSmooth(), LabelPropagation()])
def test_without_a_probes_vector_the_last_layer_is_read(method):
    connection = RicherConnection(embeddings=LINE)
    asked = Student(connection, kind="verify", layers=5, features=0, templates=())
    method.fit(problem([0.1, 0.9, 0.4, 0.6]), asked, RNG)
    assert connection.requests[0].layer == 4


def test_the_graph_holds_an_edge_where_either_end_chose_it_and_is_normalised():
    # 0 and 1 choose each other, 3 chooses 1; squared distances 1, 1, 4: sigma^2 is their median, 1.
    source, target, weight = label_propagation.graph(np.array([[0.0], [1.0], [3.0]]), 1)
    near, far = np.exp(-0.5), np.exp(-2.0)
    whole = np.zeros((3, 3))
    whole[source, target] = weight
    degree = np.array([near, near + far, far])
    affinity = np.array([[0, near, 0], [near, 0, far], [0, far, 0]])
    assert whole == pytest.approx(affinity / np.sqrt(np.outer(degree, degree)))


def test_the_scores_settle_at_the_closed_form_of_the_paper():
    points = np.random.default_rng(2).normal(size=(30, 2))
    weak = np.random.default_rng(3).random(30)
    source, target, weight = edges = label_propagation.graph(points, 4)
    s = np.zeros((30, 30))
    s[source, target] = weight
    for alpha in (0.5, 0.99):
        exact = (1 - alpha) * np.linalg.solve(np.eye(30) - alpha * s, np.column_stack([1 - weak, weak]))
        found = label_propagation.spread(edges, weak, alpha)
        assert found == pytest.approx(exact[:, 1] / exact.sum(1), abs=1e-4)
    assert label_propagation.spread(edges, weak, 0.0) == pytest.approx(weak)


def test_a_wrong_label_inside_a_cluster_is_outvoted_and_the_balance_stays():
    # Two clusters of three; one label in each is wrong. Sum of w is 3, so three rows become 1.
    points = [[0.0, 0.1], [0.2, 0.0], [0.1, 0.2], [9.0, 9.1], [9.2, 9.0], [9.1, 9.2]]
    weak = [0.9, 0.8, 0.3, 0.1, 0.2, 0.7]
    _, found = fitted(LabelPropagation(neighbours=2), weak, points)
    assert found == [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]


def test_preferences_are_decided_at_one_half_row_by_row():
    # All three say the same thing once row 1 is turned round; row 2's label is the odd one out.
    points = [[3.0, 3.1], [-3.1, -3.0], [3.2, 3.0]]
    _, found = fitted(LabelPropagation(neighbours=2), [0.9, 0.1, 0.4], points, "preference")
    assert found == [1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: KnnSmooth(neighbours=0), "neighbours is 0"),
        (lambda: KnnSmooth(share=1.5), "share is 1.5"),
        (lambda: LabelPropagation(neighbours=0), "neighbours is 0"),
        (lambda: LabelPropagation(alpha=1.0), "alpha is 1.0"),
    ],
)
def test_senseless_parameters_are_refused(make, what):
    with pytest.raises(ValueError, match=what):
        make()
