"""What of a split reaches a worker, by access and by what guards let through."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_harness.contract.access import COLUMNS, columns_of
from w2s_harness.contract.errors import WorkerError
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.data.rows.texts import Texts
from w2s_harness.run.cell.worker import releasing
from w2s_harness.run.cell.worker.releasing import released

ALL = COLUMNS


def split(groups, answers) -> Texts:
    n = len(groups)
    return Texts(
        rows=tuple(TextRow(f"q{g}", f"c{i}") for i, g in enumerate(groups)),
        groups=np.array(groups, np.int64),
        subsets=("",) * n,
        answers=tuple(answers),
    )


SPLIT = split([0, 0, 0, 1, 1, 2], ["4", "5", "4", "", "7", "9"])
ORDER = np.array([5, 2, 4, 1, 3, 0])


def test_nothing_but_the_number_without_access():
    assert released(SPLIT, ORDER, ("embeddings", "inference"), ALL) == wire.Released(6)


def test_groups_are_recoded_by_appearance_and_conflicts_are_positions():
    got = released(SPLIT, ORDER, ("groups",), ALL)
    assert wire.unpack(got.groups, dtype="i8").tolist() == [0, 1, 2, 1, 2, 1]
    assert wire.unpack(got.conflicts, dtype="i8").tolist() == [[1, 3], [3, 5]]
    assert got.texts is None


def test_texts_come_in_the_released_order_without_anything_else():
    got = released(SPLIT, ORDER, ("text",), ALL)
    assert got.texts == tuple(SPLIT.rows[i] for i in ORDER)
    assert got.groups is None and got.conflicts is None


def test_a_part_of_the_rows_in_an_order_with_repeats():
    got = released(SPLIT, np.array([1, 0, 1]), ("groups", "text"), ALL)
    assert wire.unpack(got.groups).tolist() == [0, 0, 0]
    assert wire.unpack(got.conflicts).tolist() == [[0, 1], [1, 2]]
    assert [t.candidate for t in got.texts] == ["c1", "c0", "c1"]


@pytest.mark.parametrize("column", sorted(ALL))
def test_a_guard_keeps_a_column_back(column):
    access = ("groups", "text")
    got = released(SPLIT, ORDER, access, ALL - {column})
    assert (got.groups is None) == (column == "group") and (got.conflicts is None) == (column == "conflicts")
    assert {t.prompt for t in got.texts} == ({""} if column == "prompt" else {"q0", "q1", "q2"})
    assert {t.candidate is None for t in got.texts} == {column == "candidate"}


def test_a_guard_that_keeps_all_text_back_leaves_none():
    assert released(SPLIT, ORDER, ("text",), columns_of(("groups",))).texts is None
    assert columns_of(()) == frozenset() and columns_of(("text",)) == {
        "prompt",
        "candidate",
        "first",
        "second",
    }


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["", "a", "b", "c"])), min_size=1, max_size=30))
def test_conflicts_are_all_pairs_of_one_question_with_different_answers(rows):
    data = split([g for g, _ in rows], [a for _, a in rows])
    found = wire.unpack(released(data, np.arange(len(rows)), ("groups",), ALL).conflicts).tolist()
    assert found == [
        [i, j]
        for i in range(len(rows))
        for j in range(i + 1, len(rows))
        if rows[i][0] == rows[j][0] and rows[i][1] and rows[j][1] and rows[i][1] != rows[j][1]
    ]


def test_too_many_conflicts_are_an_error_before_they_are_made(monkeypatch):
    monkeypatch.setattr(releasing, "MAX_CONFLICTS", 44)
    data = split([0] * 10 + [1], [str(i) for i in range(11)])
    with pytest.raises(
        WorkerError, match="45 pairs of rows have answers that exclude each other; at most 44"
    ):
        released(data, np.arange(11), ("groups",), ALL)
    assert released(data, np.arange(9), ("groups",), ALL).conflicts.shape == (36, 2)
