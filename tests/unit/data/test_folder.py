import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w2s_harness.contract.errors import DataError, HarnessError
from w2s_harness.data.reading.file_task import FolderTask
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.data.rows.prepared import prepare

from .conftest import preference_rows, verify_rows


def failure(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        list(FolderTask(folder).load())
    return str(caught.value)


def test_reads_the_published_layout_of_a_verify_task(verify_folder):
    task = FolderTask(verify_folder)
    assert (task.name, task.kind, task.exposure) == ("mine", "verify", "public")
    first, *_, last = task.load()
    assert (first.prompt, first.candidate, first.label) == ("train_label q0", "choice 0", True)
    assert (first.group, first.subset, first.split) == ("train_label q0", "s0", "train_label")
    assert (last.candidate, last.label, last.split) == ("choice 1", False, "test")
    assert first.first is None


def test_reads_the_published_layout_of_a_preference_task(preference_folder):
    task = FolderTask(preference_folder)
    first, second, *_ = task.load()
    assert task.kind == "preference"
    assert (first.prompt, first.first, first.second) == ("train_label p0", "a0", "b0")
    assert (first.label, second.label, first.candidate, first.subset) == (True, False, None, "")


@pytest.mark.parametrize(
    ("value", "label"), [("A", True), ("first", True), (1, True), ("B", False), ("second", False), (0, False)]
)
def test_preference_labels_say_whether_the_first_is_better(preference_folder, write, value, label):
    write("chat/train_label.jsonl", [{**preference_rows("x")[0], "label": value}])
    assert next(FolderTask(preference_folder).load()).label is label


@pytest.mark.parametrize(("value", "label"), [(True, True), (1, True), (False, False), (0, False)])
def test_verify_labels(verify_folder, write, value, label):
    write("mine/train_label.jsonl", [{**verify_rows("x")[0], "label": value}])
    assert next(FolderTask(verify_folder).load()).label is label


@pytest.mark.parametrize(("value", "answer"), [("42", "42"), (" x ", "x"), (7, "7"), (None, ""), ("", "")])
def test_an_answer_column_says_what_a_candidate_comes_to(verify_folder, write, value, answer):
    rows = verify_rows("train_label")
    write("mine/train_label.jsonl", [{**rows[0], "answer": value}, *rows[1:]])
    first, second, *_ = FolderTask(verify_folder).load()
    assert (first.answer, second.answer) == (answer, "")


@pytest.mark.parametrize("value", [1.5, True, ["x"]])
def test_an_answer_is_a_text_or_a_whole_number(verify_folder, write, value):
    write("mine/train_label.jsonl", [{**verify_rows("train_label")[0], "answer": value}])
    message = failure(verify_folder)
    assert message.startswith("mine/train_label.jsonl:1: column 'answer' holds ")
    assert message.endswith(". Write a text, a whole number or null.")


def test_a_preference_reads_no_answer(preference_folder, write):
    write("chat/train_label.jsonl", [{**preference_rows("x")[0], "answer": ["any"]}])
    assert next(FolderTask(preference_folder).load()).answer == ""


@pytest.mark.parametrize("column", ["group", "question_id"])
def test_a_group_column_says_which_question_a_row_belongs_to(verify_folder, write, column):
    for split in ("train_label", "train_unlabel", "test"):
        rows = [{**r, column: f"{split}-{i % 3}"} for i, r in enumerate(verify_rows(split))]
        write(f"mine/{split}.jsonl", rows)
    groups = [e.group for e in FolderTask(verify_folder).load()]
    assert groups[:4] == ["train_label-0", "train_label-1", "train_label-2", "train_label-0"]


def test_a_whole_number_is_a_group(verify_folder, write):
    write("mine/train_label.jsonl", [{**verify_rows("x")[0], "group": 7}])
    assert next(FolderTask(verify_folder).load()).group == "7"


VERIFY = "Every verify row of this task has question, choice, label."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"choice": None}, "column 'choice' holds null. Write a text."),
        ({"choice": ["a"]}, "column 'choice' holds a list. Write a text."),
        ({"question": 3.5}, "column 'question' holds 3.5. Write a text."),
        ({"subset": {}}, "column 'subset' holds an object. Write a text."),
        ({"label": 2}, "column 'label' holds 2. Write true, false, 0 or 1."),
        ({"label": 1.0}, "column 'label' holds 1.0. Write true, false, 0 or 1."),
        ({"label": None}, "column 'label' holds null. Write true, false, 0 or 1."),
        ({"label": "yes\n"}, "column 'label' holds \"yes\\n\". Write true, false, 0 or 1."),
        ({"group": 1}, "has a column 'group' that the first row lacks. Give every row one."),
    ],
)
def test_a_mistyped_column_is_named_with_its_line(verify_folder, write, change, message):
    rows = verify_rows("test")
    write("mine/test.jsonl", [*rows[:2], {**rows[2], **change}, *rows[3:]])
    assert failure(verify_folder) == f"mine/test.jsonl:3: {message}"


def test_a_missing_column_is_named_with_its_near_name(verify_folder, write):
    rows = verify_rows("train_unlabel")
    rows[1]["lable"] = rows[1].pop("label")
    write("mine/train_unlabel.jsonl", rows)
    message = f"mine/train_unlabel.jsonl:2: no column 'label' (did you mean 'lable'?). {VERIFY}"
    assert failure(verify_folder) == message


def test_a_row_of_the_other_kind_is_named(verify_folder, write):
    write("mine/test.jsonl", [*verify_rows("test"), preference_rows("test")[0]])
    assert failure(verify_folder) == f"mine/test.jsonl:9: no column 'question'. {VERIFY}"


@pytest.mark.parametrize("value", [True, "C", "a", 2, None, [1]])
def test_a_preference_label_outside_its_domain(preference_folder, write, value):
    write("chat/test.jsonl", [{**preference_rows("test")[0], "label": value}])
    message = failure(preference_folder)
    assert message.startswith("chat/test.jsonl:1: column 'label' holds ")
    assert message.endswith(
        ' Write "A" or "first" or 1 (the first is better), or "B" or "second" or 0.',
    )


def test_a_missing_or_mistyped_group(verify_folder, write):
    rows = [{**r, "group": "g"} for r in verify_rows("train_label")]
    write("mine/train_label.jsonl", rows)
    message = "no column 'group'. Every row needs its question's id."
    assert failure(verify_folder) == f"mine/train_unlabel.jsonl:1: {message}"
    rows[2]["group"] = True
    write("mine/train_label.jsonl", rows)
    message = "column 'group' holds true. Write a text or a whole number."
    assert failure(verify_folder) == f"mine/train_label.jsonl:3: {message}"


def test_a_missing_file_is_named(verify_folder):
    needs = "A task folder holds train_label.jsonl, train_unlabel.jsonl and test.jsonl."
    (verify_folder / "test.jsonl").rename(verify_folder / "tests.jsonl")
    message = f"mine/test.jsonl: no such file (did you mean 'tests.jsonl'?). {needs}"
    assert failure(verify_folder) == message


@pytest.mark.parametrize("split", ["train_label", "test"])
def test_an_empty_file_is_named(verify_folder, write, split):
    write(f"mine/{split}.jsonl", [b""])
    message = f"mine/{split}.jsonl:1: holds no row. Write one JSON object per line."
    assert failure(verify_folder) == message


@pytest.mark.parametrize(
    ("row", "which"),
    [
        ({"text": "a"}, "neither"),
        ({"question": "a", "choice": "b", "prompt": "c", "first": "d", "second": "e"}, "both"),
    ],
)
def test_columns_that_tell_no_kind(verify_folder, write, row, which):
    write("mine/train_label.jsonl", [row])
    assert failure(verify_folder) == (
        f"mine/train_label.jsonl:1: the columns fit {which} of the two layouts. "
        "Write question, choice, label or prompt, first, second, label."
    )


def test_a_folder_whose_name_cannot_stand_in_a_cell_id(verify_folder):
    folder = verify_folder.rename("my,data")
    assert failure(folder) == (
        "my,data: 'my,data' cannot name a task (letters, digits and . _ + - only). Rename the folder."
    )


def test_the_name_is_the_folder_however_it_is_reached(verify_folder, monkeypatch):
    monkeypatch.chdir(verify_folder)
    assert FolderTask(Path()).name == "mine"


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["train_label", "train_unlabel", "test"]))
def test_any_bytes_in_a_file_are_data_or_one_line(tmp_path_factory, body, broken):
    folder = tmp_path_factory.mktemp("any") / "task"
    folder.mkdir()
    good = b'{"question": "a", "choice": "b", "label": true}\n'
    for split in ("train_label", "train_unlabel", "test"):
        (folder / f"{split}.jsonl").write_bytes(body if split == broken else good)
    with pytest.raises(HarnessError) as caught:
        prepare(FolderTask(folder), limit=None)
    assert str(caught.value).isprintable()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda v: st.lists(v), max_leaves=3
)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["question", "choice", "label", "prompt", "first", "second", "group", "subset"]),
        VALUES,
    )
)
def test_any_row_is_an_example_or_one_line(tmp_path_factory, row):
    folder = tmp_path_factory.mktemp("any") / "task"
    folder.mkdir()
    for split in ("train_label", "train_unlabel", "test"):
        (folder / f"{split}.jsonl").write_text(json.dumps(row))
    try:
        examples = list(FolderTask(folder).load())
    except DataError as bad:
        assert str(bad).isprintable()
    else:
        assert len(examples) == 3


@pytest.mark.parametrize(
    ("name", "kind", "rows"),
    [
        ("gsm8k-verify", "verify", (1841, 2103, 1324)),
        ("hh-harmless", "preference", (798, 921, 584)),
        ("mbpp-verify", "verify", (545, 636, 413)),
    ],
)
def test_real_data_loads_and_validates(shared_data, name, kind, rows):
    data = prepare(FolderTask(shared_data / name), limit=None)
    assert data.kind == kind
    assert tuple(len(data.texts[s]) for s in ("train_label", "train_unlabel", "test")) == rows
    limited = prepare(FolderTask(shared_data / name), limit=300)
    for split, texts in limited.texts.items():
        assert 290 <= len(texts) <= 300
        assert 0.2 < gold_of(limited, split).labels.mean() < 0.8
