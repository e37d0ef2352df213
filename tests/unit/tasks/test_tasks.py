"""What all three generated tasks promise."""

import ast
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import w2s_tasks
from w2s_harness import UsageError
from w2s_tasks import chat, code, math
from w2s_tasks.draws import is_held_out

TASKS = {"math": math.MathTask, "code": code.CodeTask, "chat": chat.ChatTask}


@pytest.fixture(scope="module", params=TASKS)
def task(request):
    return TASKS[request.param](data_seed=2**100 + 7, label_rows=200, unlabel_rows=200, test_rows=400)


@pytest.fixture(scope="module")
def rows(task):
    return list(task.load())


def test_hooks_offer_the_tasks():
    assert [module.w2s_tasks()[0].name for module in (math, code, chat)] == ["math", "code", "chat"]


def test_default_sizes(task):
    default = type(task)()
    assert (default.label_rows, default.unlabel_rows, default.test_rows) == (1000, 1000, 2000)


def test_sizes_are_as_asked(rows):
    assert Counter(row.split for row in rows) == {"train_label": 200, "train_unlabel": 200, "test": 400}


def test_rows_that_are_no_multiple_of_the_candidates(task):
    odd = list(replace(task, label_rows=6, unlabel_rows=7, test_rows=9).load())
    assert Counter(row.split for row in odd) == {"train_label": 6, "train_unlabel": 7, "test": 9}


def test_too_few_rows_are_refused(task):
    with pytest.raises(UsageError, match="train_label of 3 rows"):
        list(replace(task, label_rows=3).load())


def test_same_seed_same_rows(task, rows):
    assert list(task.load()) == rows


def test_another_seed_other_questions(task, rows):
    other = {row.prompt for row in replace(task, data_seed=3).load()}
    assert len(other & {row.prompt for row in rows}) < 0.05 * len(other)


def test_a_split_size_does_not_move_the_other_splits(task, rows):
    shorter = [row for row in replace(task, test_rows=100).load() if row.split != "test"]
    assert shorter == [row for row in rows if row.split != "test"]


def test_no_question_is_in_two_splits_or_groups(rows):
    groups = {}
    for row in rows:
        assert groups.setdefault(row.prompt, (row.split, row.group)) == (row.split, row.group)
    assert len(groups) == len({row.group for row in rows})


def test_every_prompt_is_of_the_half_that_pretraining_never_sees(rows):
    assert all(is_held_out(row.prompt) for row in rows)


def test_only_the_holdout_is_shifted(rows):
    shifted = {split: Counter(row.subset for row in rows if row.split == split) for split in TASKS_SPLITS}
    assert shifted["test"]["out-of-distribution"] == 100
    assert all(set(shifted[split]) == {"in-distribution"} for split in TASKS_SPLITS[:2])


TASKS_SPLITS = ("train_label", "train_unlabel", "test")


@pytest.mark.parametrize("difficulty", [1, 2, 3])
def test_labels_balance_by_split_and_subset(task, difficulty):
    # 400 preference rows in up to 3 levels x 7 faults: one odd row a stratum at most.
    tally = Counter()
    for row in replace(task, difficulty=difficulty).load():
        tally[row.split, row.subset, row.label] += 1
    for split, subset, _ in list(tally):
        assert abs(tally[split, subset, True] - tally[split, subset, False]) <= 14


@pytest.mark.parametrize("stratum", ["length", "position"])
def test_labels_balance_by_length_and_position(task, stratum):
    rows = list(replace(task, test_rows=2000).load())
    strata: dict[int, list[bool]] = {}
    for place, row in enumerate(rows):
        if row.candidate is None:
            longer = len(row.first) - len(row.second)
            key = (longer > 0) - (longer < 0) if stratum == "length" else 0
        else:
            key = len(row.candidate) // 25 if stratum == "length" else place % 4
        strata.setdefault(key, []).append(row.label)
    for labels in strata.values():
        if len(labels) >= 150:
            assert abs(sum(labels) / len(labels) - 0.5) < 0.1


def test_verify_rows_have_one_to_three_right_candidates(task, rows):
    if task.kind == "verify":
        right = Counter(row.group for row in rows if row.label)
        assert set(right.values()) == {1, 2, 3}
        assert len(right) == len({row.group for row in rows})


def test_only_math_says_what_candidates_come_to_and_only_code_holds_programs(task, rows):
    assert {bool(row.answer) for row in rows} == {task.name == "math"}
    assert task.holds_code == (task.name == "code")


def test_nothing_is_executed():
    for path in Path(w2s_tasks.__file__).parent.glob("*.py"):
        called = {
            node.func.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not called & {"exec", "eval", "compile", "__import__"}, path


def test_a_filler_is_no_word_of_a_task():
    from w2s_tasks.draws import WORDS

    listed = {word for words in chat.TOPICS.values() for word in words}
    listed |= {*chat.STARTS, *chat.ENDS, *chat.POLITE, *chat.BLUNT}
    assert not listed & set(WORDS)
    assert len(set(WORDS)) == len(WORDS)
