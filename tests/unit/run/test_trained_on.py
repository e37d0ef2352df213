"""The rows behind the student that came back, followed through requests."""

import numpy as np
import pytest

from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.run.cell.trained_on import TrainedOn

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
    assert weight == pytest.approx([0, 2 / 3, 0, 4 / 3]), "handle 0 is position 3 of the draw"
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
    seen.served(wire.EnsembleOf((1, 3)), handled(4))
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
    seen.served(wire.EnsembleOf((1, 2, 3)), handled(4))
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


def test_looks_hold_every_copy_of_a_row_by_its_weight(seen):
    seen.served(fit([0, 0, 1], [1.0, 0.0, 0.2], weight=[3.0, 1.0, 4.0]), handled(1))
    targets, weights = seen.looks()
    assert targets[0, 3] == pytest.approx(0.75), "gold in the first copy shows, whatever the last one says"
    assert targets[0, 1] == pytest.approx(0.2) and np.isnan(targets[0, [0, 2]]).all()
    assert list(weights[0]) == [0, 1, 0, 1]


@pytest.mark.parametrize("k", [1e-300, 0.01, 7.0])
def test_a_constant_weight_is_none(k, seen):
    seen.served(fit([0, 1], [1.0, 0.2], weight=[k, k]), handled(1))
    targets, weights = seen.looks()
    assert list(weights[0]) == [0, 1, 0, 1] and targets[0, 3] == 1.0


def test_a_row_of_no_weight_was_told_nothing(seen):
    seen.served(fit([0, 1], [1.0, 0.2], weight=[0.0, 2.0]), handled(1))
    targets, weights = seen.looks()
    assert np.isnan(targets[0, 3]) and list(weights[0]) == [0, 1, 0, 0]


def test_shots_are_one_look_more_however_often_they_were_shown(seen):
    assert [a.shape for a in seen.looks()] == [(0, 4), (0, 4)]
    seen.served(fit([0], [1.0]), handled(1))
    seen.served(wire.Prior(shots=((1, 1.0), (2, 0.0))), handled(2))
    seen.served(wire.Prior(shots=((2, 1.0),)), wire.Refused("no"))
    rows = wire.RowsRef("train", wire.pack([0], "i8"))
    seen.served(wire.ZeroShotMargins(rows, shots=((1, 0.0),)), wire.Values((wire.pack([0.0]),)))
    targets, weights = seen.looks()
    assert targets.shape == (2, 4)
    assert targets[1, 1] == 0.5 and targets[1, 0] == 0.0 and np.isnan(targets[1, [2, 3]]).all()
    assert weights[1] == pytest.approx([2 / 3, 4 / 3, 0, 0])
