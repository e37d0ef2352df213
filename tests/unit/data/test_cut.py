import numpy as np
import pytest

from w2s_harness.contract.errors import DataError
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.data.rows.gold import Gold, gold_of
from w2s_harness.data.rows.splitting import cut
from w2s_harness.data.rows.texts import TaskData, Texts


def split(labels, groups):
    n = len(labels)
    rows = tuple(TextRow(f"q{g}", f"c{i}", None, None) for i, g in enumerate(groups))
    return Texts(rows, np.array(groups, np.int64), ("",) * n, ("",) * n), Gold(np.array(labels, bool))


def data(labels, groups):
    train = split([True, False], [0, 1])
    splits = {"train_label": train, "train_unlabel": train, "test": split(labels, groups)}
    texts, gold = ({name: held[i] for name, held in splits.items()} for i in (0, 1))
    return TaskData("verify", texts, gold, "digest", "answers")


GROUPS = [g for g in range(10) for _ in range(4)]
WHOLE = data([True, False] * 20, GROUPS)


def test_the_halves_share_no_question_and_hold_all_rows():
    feedback, final = (cut(WHOLE, part, root=0, name="t").texts["test"] for part in ("feedback", "final"))
    questions = [{row.prompt for row in half.rows} for half in (feedback, final)]
    assert not questions[0] & questions[1]
    assert len(questions[0]) == len(questions[1]) == 5
    assert sorted(r.candidate for r in (*feedback.rows, *final.rows)) == sorted(f"c{i}" for i in range(40))


def test_rows_keep_their_labels_and_questions_are_numbered_by_first_appearance():
    half = cut(WHOLE, "feedback", root=0, name="t")
    assert [bool(label) for label in gold_of(half, "test").labels] == [
        int(r.candidate[1:]) % 2 == 0 for r in half.texts["test"].rows
    ]
    assert list(half.texts["test"].groups) == [g for g in range(5) for _ in range(4)]


def test_training_splits_and_digest_stay_and_the_part_is_named():
    half = cut(WHOLE, "final", root=0, name="t")
    assert half.texts["train_unlabel"] is WHOLE.texts["train_unlabel"]
    assert (half.digest, half.part) == ("digest", "final")
    assert cut(WHOLE, "whole", root=0, name="t") is WHOLE


def test_the_cut_is_the_root_seeds():
    def prompts(root):
        return {r.prompt for r in cut(WHOLE, "feedback", root=root, name="t").texts["test"].rows}

    assert prompts(0) == prompts(0)
    assert len({frozenset(prompts(root)) for root in range(5)}) > 1


def test_a_half_of_one_class_is_refused():
    one_sided = data([True] * 39 + [False], GROUPS)
    with pytest.raises(DataError, match="half of its holdout lacks a class"):
        for part in ("feedback", "final"):
            cut(one_sided, part, root=0, name="t")
