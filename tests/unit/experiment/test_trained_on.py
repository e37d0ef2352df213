"""The rows behind the student that came back, followed through requests."""

import numpy as np
import pytest

from w2s_harness.experiment.trained_on import MOST_SHOWN, TrainedOn
from w2s_harness.wire import messages as wire

ORDER = np.array([3, 1, 0, 2])


def fit(index, targets, *, phase="train", weight=None, swap=None, **rest):
    return wire.Fit(
        wire.RowsRef(phase, wire.pack(index, "i8"), None if swap is None else wire.pack(swap, "u1")),
        wire.pack(targets),
        None if weight is None else wire.pack(weight),
        **rest,
    )


def handled(number):
    return wire.Handled(number)


@pytest.fixture
def seen():
    return TrainedOn(ORDER)


def test_rows_are_told_in_the_draws_order_with_weights_and_mean_targets(seen):
    seen.served(fit([0, 1, 0], [1.0, 0.2, 0.0], weight=[1.0, 2.0, 3.0]), handled(7))
    weight, target, used = seen.behind(7).rows
    assert list(weight) == [0, 2, 0, 4], "handle 0 is position 3 of the draw"
    assert target[3] == pytest.approx(0.25) and target[1] == pytest.approx(0.2)
    assert np.isnan(target[[0, 2]]).all()
    assert list(used) == list(weight)


def test_a_swapped_row_is_read_unswapped(seen):
    seen.served(fit([0, 1], [0.9, 0.9], swap=[True, False]), handled(1))
    _, target, _ = seen.behind(1).rows
    assert target[3] == pytest.approx(0.1) and target[1] == pytest.approx(0.9)


def test_only_fits_behind_the_returned_handle_count(seen):
    seen.served(fit([0], [1.0]), handled(1))
    seen.served(fit([1], [1.0]), handled(2))
    seen.served(fit([2], [0.0], loss="logconf"), handled(3))
    seen.served(wire.Ensemble((1, 3)), handled(4))
    found = seen.behind(4)
    assert list(found.rows[0]) == [1, 0, 0, 1]
    assert list(found.rows[2]) == [1, 1, 0, 1]
    assert found.facts["fits"] == 3 and found.facts["behind"] == 2
    assert found.facts["losses"] == ["logconf", "xent"]


def test_a_fit_that_went_on_from_another_keeps_its_rows(seen):
    seen.served(fit([0], [1.0]), handled(1))
    seen.served(fit([1], [1.0], init=1), handled(2))
    assert list(seen.behind(2).rows[0]) == [0, 1, 0, 1]


def test_heads_priors_and_test_rows_are_named(seen):
    seen.served(wire.Head(wire.pack([1.0])), handled(1))
    seen.served(wire.Prior(), handled(2))
    seen.served(fit([0], [1.0], phase="test"), handled(3))
    seen.served(wire.Ensemble((1, 2, 3)), handled(4))
    facts = seen.behind(4).facts
    assert (facts["heads"], facts["priors"], facts["on_test"], facts["fits"]) == (1, 1, 1, 0)


def test_a_refused_request_leaves_no_mark(seen):
    seen.served(fit([0], [1.0]), wire.Refused("no"))
    assert seen.behind(1).facts["fits"] == 0


def test_with_code_of_its_own_all_fits_stand_behind_it(seen):
    seen.served(fit([0], [1.0]), handled(1))
    seen.served(fit([1], [0.0]), handled(2))
    found = seen.behind(None)
    assert found.facts["own"] and found.facts["behind"] == 2
    assert list(found.rows[0]) == [0, 1, 0, 1]


def test_what_a_fit_was_told_of_a_row_is_the_mean_of_its_copies_by_weight(seen):
    seen.served(fit([0, 1, 0, 2], [1.0, 0.2, 0.0, 0.7], weight=[3.0, 2.0, 1.0, 0.0]), handled(7))
    seen.served(fit([3, 3], [0.3, 0.3], swap=[True, False], loss="logconf"), handled(8))
    seen.served(fit([0], [1.0], phase="test"), handled(9))
    targets, weights = seen.told()
    assert targets.shape == weights.shape == (2, 4)
    assert targets[0, [3, 1]].tolist() == pytest.approx([0.75, 0.2]) and np.isnan(targets[0, [0, 2]]).all()
    assert weights[0].tolist() == pytest.approx([0, 2 / 3, 0, 4 / 3]), "mean 1 over the rows that count"
    assert targets[1, 2] == pytest.approx(0.5) and weights[1].tolist() == [0, 0, 1, 0]


def test_few_shot_examples_are_told_too_each_context_once(seen):
    assert seen.told().shape == (2, 0, 4)
    asked = wire.ZeroShot(wire.RowsRef("train", wire.pack([0], "i8")), shots=((0, 1.0), (2, 0.0)))
    for request in (asked, asked, wire.Prior(shots=((1, 1.0),))):
        seen.served(request, wire.Values((wire.pack([0.0]),)))
    seen.served(wire.Prior(shots=((3, 1.0),)), wire.Refused("no"))
    targets, weights = seen.told()
    assert np.array_equal(targets, [[0, np.nan, np.nan, 1], [np.nan, 1, np.nan, np.nan]], equal_nan=True)
    assert weights.tolist() == [[1, 0, 0, 1], [0, 1, 0, 0]]


def test_contexts_beyond_the_most_are_told_of_together(seen):
    for i in range(MOST_SHOWN + 2):
        seen.served(wire.Prior(shots=((i % 4, i / 100),)), handled(i))
    targets, weights = seen.told()
    assert len(targets) == MOST_SHOWN + 1 and (weights[-1] > 0).sum() == 2
