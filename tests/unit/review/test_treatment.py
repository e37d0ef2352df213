"""What a method did with its rows, by hand."""

import numpy as np
import pytest

from w2s_studies.review.treatment import TrainedRows, treatment

NAN = np.nan


def rows(weight, target, weak, gold, used=None):
    weight = np.array(weight, float)
    used = weight if used is None else np.array(used, float)
    return TrainedRows(weight, np.array(target, float), used, np.array(weak, float), np.array(gold, bool))


def test_dropped_rows_are_counted_with_what_the_teacher_knew_of_them():
    # the teacher is wrong on rows 0, 1 and 2; the method drops 0, 1 and 4
    found = treatment(
        [rows([0, 0, 1, 1, 0, 1], [NAN, NAN, 0.2, 0.9, NAN, 0.1], [0.2, 0.7, 0.2, 0.9, 0.8, 0.1],
              [1, 0, 1, 1, 1, 0], used=[0, 1, 1, 1, 0, 1])]
    )  # fmt: skip
    assert found.rows == 6
    assert found.weak_acc == 0.5
    assert found.dropped == 0.5
    assert found.dropped_wrong == pytest.approx(2 / 3)
    assert found.kept_wrong == pytest.approx(1 / 3)
    assert found.unused == pytest.approx(2 / 6)
    assert found.reweighted == 0 and found.effective == 1
    assert found.relabelled == 0 and found.mended is None and found.moved == 0
    assert found.target_acc == pytest.approx(2 / 3)


def test_relabelled_rows_lie_on_the_other_side_and_may_be_right_now():
    # row 0: flipped to right; row 1: flipped to wrong; row 2: hardened; row 3: as it was
    found = treatment([rows([1, 1, 1, 1], [0.9, 0.1, 1.0, 0.7], [0.3, 0.6, 0.6, 0.7], [1, 1, 1, 0])])
    assert found.relabelled == 0.5 and found.mended == 0.5
    assert found.moved == 0.25
    assert found.weak_acc == 0.5 and found.target_acc == 0.5


def test_weights_are_held_against_their_seeds_median():
    heavy = rows([2, 2, 2, 6], [1, 1, 1, 1], [0.8] * 4, [1, 1, 1, 0])
    light = rows([0.5, 0.5, 0.5, 0.5], [1, 1, 1, 1], [0.8] * 4, [1, 1, 1, 1])
    found = treatment([heavy, light])
    assert found.reweighted == 1 / 8
    assert found.weight_wrong == pytest.approx(3 / 10)
    assert found.effective == pytest.approx(10**2 / 16 / 8), "(sum v)^2 / sum v^2 over the rows"
    assert found.kept_wrong == 1 / 8


def test_a_tie_is_half_wrong():
    assert treatment([rows([1, 1], [0.5, 0.9], [0.5, 0.9], [1, 1])]).weak_acc == 0.75


def test_a_method_that_drops_all_has_no_kept_share():
    found = treatment([rows([0, 0], [NAN, NAN], [0.9, 0.1], [1, 1])])
    assert found.dropped == 1 and found.dropped_wrong == 0.5
    assert found.kept_wrong is None and found.target_acc is None and found.effective is None


def test_no_rows_is_an_error():
    with pytest.raises(ValueError, match="no training rows"):
        treatment([rows([], [], [], [])])
