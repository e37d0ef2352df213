"""Where decisions stand beside others', by hand."""

import numpy as np
import pytest

from w2s_studies.review.measuring import beside, subsets

GOLD = np.array([1, 1, 0, 0], bool)
MINE = np.array([0.9, 0.4, 0.3, 0.5])
OTHER = np.array([0.8, 0.7, 0.9, 0.9])


def test_beside_counts_decisions_that_part_and_who_is_right_there():
    found = beside("its teacher", [MINE], [OTHER], GOLD)
    assert found.parted == 0.5, "rows 1 and 2; the tie parts from nobody"
    assert found.right == 0.5, "row 2 is right, row 1 is not"
    assert found.agreement == pytest.approx((1 + 0 + 0 + 0.5) / 4)


def test_two_that_never_part_have_no_share():
    assert beside("twin", [MINE], [MINE], GOLD).right is None


def test_subsets_hold_the_teachers_own_rows_by_seed():
    teachers = [np.array([0.9, 0.9, 0.9, 0.1]), np.array([0.9, 0.9, 0.1, 0.1])]
    marks = {"first": np.array([1, 1, 0, 0], bool), "none": np.zeros(4, bool)}
    found = {s.name: s for s in subsets([MINE, MINE], [OTHER, OTHER], teachers, GOLD, marks)}
    assert set(found) == {"first", "teacher right", "teacher wrong"}, "a part without rows is left out"
    assert (found["first"].rows, found["first"].accuracy, found["first"].vanilla) == (2, 0.5, 1.0)
    assert found["first"].difference == -0.5
    wrong = found["teacher wrong"]
    assert wrong.accuracy == 1.0 and wrong.vanilla == 0.0
    right = found["teacher right"]
    # seed 0: rows 0, 1, 3 come to 1 + 0 + 1/2; seed 1: all four to 1 + 0 + 1 + 1/2
    assert right.rows == round(7 / 2) and right.accuracy == pytest.approx(4 / 7)
