from __future__ import annotations

import pytest

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.kinds import PREFERENCE, VERIFY
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.students.lm.text import SEPARATOR, batches, encode, texts


def test_a_verify_row_is_one_text_and_a_preference_row_two():
    verify = texts([TextRow("q", candidate="c")], VERIFY)
    assert verify == [("q" + SEPARATOR, "c")]
    assert texts([TextRow("q", first="a", second="b")], PREFERENCE) == [("q\n", "a"), ("q\n", "b")]


def test_a_row_without_its_response_is_named():
    with pytest.raises(ModelError, match="row 1 holds no response"):
        texts([TextRow("q", candidate="c"), TextRow("q", first="a", second="b")], VERIFY)


def test_a_long_text_is_cut_from_the_questions_start(tokenizer):
    question, response = "Tom has 1 apples " * 30, " so the answer is 7"
    (whole,) = encode(tokenizer, [(question, response)], 10_000)
    (cut,) = encode(tokenizer, [(question, response)], 40)
    assert not whole.is_cut and cut.is_cut
    assert len(cut.ids) == 40
    assert cut.ids == whole.ids[-40:]
    assert cut.ids[cut.start : cut.stop] == whole.ids[whole.start : whole.stop]


def test_a_response_longer_than_the_context_keeps_its_end_and_something_before_it(tokenizer):
    (cut,) = encode(tokenizer, [("Tom has", " 1 2 3 4 5 6 7 8 9" * 9)], 12)
    assert len(cut.ids) == 12 and cut.start == 1 and cut.stop == 12 and cut.is_cut


def test_the_responses_tokens_do_not_depend_on_the_question(tokenizer):
    a, b = encode(tokenizer, [("Tom has\n", "apples"), ("how many are left\n", "apples")], 96)
    assert a.ids[a.start : a.stop] == b.ids[b.start : b.stop]


def test_batches_are_sorted_by_length_and_within_the_budget():
    found = batches([5, 1, 3, 9, 2, 100], 12)
    assert found == [[1, 4, 2], [0], [3], [5]]
    assert all(len(batch) == 1 or len(batch) * 100 >= 12 for batch in found)
