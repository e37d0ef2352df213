import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_harness.contract.errors import DataError
from w2s_harness.scoring.points import accuracy, outcomes, pack, unpack_all


def test_a_tie_counts_half_whatever_the_label():
    got = outcomes([0.9, 0.9, 0.1, 0.1, 0.5, 0.5], [1, 0, 0, 1, 1, 0])
    assert got.tolist() == [1, 0, 1, 0, 0.5, 0.5]
    assert accuracy(got) == 0.5


@pytest.mark.parametrize("bad", [[np.nan, 0.1], [1.1, 0.1], [-0.1, 0.1], [np.inf, 0.1], [0.2]])
def test_predictions_that_are_no_probabilities_are_refused(bad):
    with pytest.raises(ValueError, match="prediction"):
        outcomes(bad, [0, 1])


def test_gold_other_than_0_and_1_is_refused():
    with pytest.raises(ValueError, match="gold"):
        outcomes([0.1, 0.2], [0, 2])


def test_no_rows_have_no_accuracy():
    with pytest.raises(ValueError, match="no rows"):
        accuracy(np.array([]))


def test_the_packed_form_is_numpys_packbits_with_ties_apart():
    right, ties = pack(np.array([1, 0, 1, 0.5]))
    assert base64.b64decode(right) == bytes([0b10100000])
    assert ties is not None
    assert base64.b64decode(ties) == bytes([0b00010000])
    assert pack(np.array([1.0, 0.0]))[1] is None


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), max_size=70))
def test_packing_loses_nothing(values):
    right, ties = pack(np.array(values))
    assert (ties is None) == (0.5 not in values)
    assert unpack_all([(right, ties)], len(values)).tolist() == [values]


TEXT = st.text("AQgwz09+/=-é \n", max_size=12)


@given(TEXT, st.one_of(st.none(), TEXT), st.integers(0, 40))
def test_foreign_text_unpacks_or_is_a_data_error(right, ties, n):
    try:
        assert unpack_all([(right, ties)], n).shape == (1, n)
    except DataError as bad:
        assert str(bad)


@pytest.mark.parametrize(
    ("right", "ties", "n", "says"),
    [
        ("!!", None, 8, "base64"),
        ("AAA=", None, 8, "2 bytes where 8 rows need 1"),
        ("/w==", None, 4, "behind the last of 4"),
        ("gA==", "gA==", 8, "same row"),
    ],
)
def test_what_is_wrong_with_packed_outcomes_is_said(right, ties, n, says):
    with pytest.raises(DataError, match=says):
        unpack_all([(right, ties)], n)


def test_several_are_unpacked_as_each_alone_and_one_bad_text_is_refused():
    rng = np.random.default_rng(0)
    rows = [rng.choice([0.0, 0.5, 1.0], 21), (rng.random(21) < 0.5).astype(float), np.full(21, 0.5)]
    packed = [pack(row) for row in rows]
    assert packed[1][1] is None
    assert np.array_equal(unpack_all(packed, 21), rows)
    with pytest.raises(DataError, match="same row"):
        unpack_all([*packed, (packed[1][0], packed[1][0])], 21)
    with pytest.raises(DataError, match="behind the last"):
        unpack_all([*packed, pack(np.ones(24))], 21)
