import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.data.rows.texts import Texts, order_key, release_order


def split(rows, groups=None, subsets=None):
    n = len(rows)
    return Texts(
        tuple(rows),
        np.arange(n) if groups is None else groups,
        ("",) * n if subsets is None else subsets,
        ("",) * n,
    )


KEY = order_key(0, "math/tiny/vanilla/s0", "actual")
ROWS = [TextRow(f"q{i // 2}", f"c{i}") for i in range(200)]


def test_is_a_permutation_and_the_same_every_time():
    order = release_order(split(ROWS), key=KEY)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(200))
    np.testing.assert_array_equal(order, release_order(split(ROWS), key=KEY))


@settings(deadline=None)
@given(st.permutations(range(40)))
def test_file_order_does_not_show_in_what_is_released(shuffled):
    rows = ROWS[:40]
    expected = [rows[i] for i in release_order(split(rows), key=KEY)]
    other = [rows[i] for i in shuffled]
    assert [other[i] for i in release_order(split(other), key=KEY)] == expected


def test_questions_and_subsets_do_not_move_a_row():
    plain = release_order(split(ROWS), key=KEY)
    rng = np.random.default_rng(0)
    other = split(ROWS, rng.integers(0, 9, 200), tuple(map(str, range(200))))
    np.testing.assert_array_equal(plain, release_order(other, key=KEY))


def test_the_order_tells_nothing_of_position():
    order = release_order(split(ROWS), key=KEY)
    assert abs(np.corrcoef(order, np.arange(200))[0, 1]) < 0.25


def test_rows_of_equal_texts_are_not_in_file_order():
    twins = [TextRow("q", "c")] * 400
    order = release_order(split(twins), key=KEY)
    ascending = (np.diff(order) > 0).mean()
    assert 0.4 < ascending < 0.6
    other = release_order(split(twins), key=order_key(1, "math/tiny/vanilla/s0", "actual"))
    assert abs(np.corrcoef(np.argsort(order), np.argsort(other))[0, 1]) < 0.25


def test_texts_that_join_to_the_same_are_told_apart():
    rows = [
        TextRow("p", None, "a", "b"),
        TextRow("p", None, "b", "a"),
        TextRow("pa", None, "", "b"),
        TextRow("pa", "b"),
        TextRow("p", "ab"),
    ]
    expected = [rows[i] for i in release_order(split(rows), key=KEY)]
    for turn in range(1, 5):
        other = rows[turn:] + rows[:turn]
        assert [other[i] for i in release_order(split(other), key=KEY)] == expected


@pytest.mark.parametrize(
    "other",
    [
        (1, "math/tiny/vanilla/s0", "actual"),
        (0, "math/tiny/vanilla/s1", "actual"),
        (0, "math/tiny/vanilla/s0", "flipped"),
        (0, "math/tiny/vanilla", "/s0actual"),
    ],
)
def test_every_part_of_the_key_counts(other):
    key = order_key(*other)
    assert len(key) == 32
    assert key != KEY
    assert not np.array_equal(release_order(split(ROWS), key=key), release_order(split(ROWS), key=KEY))


def test_a_short_key_is_refused():
    with pytest.raises(ValueError, match="a release key has 32 bytes, not 0"):
        release_order(split(ROWS), key=b"")
