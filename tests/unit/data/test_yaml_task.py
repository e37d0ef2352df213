from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w2s_harness.contract.errors import DataError, HarnessError
from w2s_harness.data.reading.file_task import YamlTask
from w2s_harness.data.rows.prepared import prepare

from .conftest import verify_rows


@pytest.fixture
def data(verify_folder, write):
    """`mine/`, and `all.jsonl` with 20 questions under other column names."""
    rows = [
        {"q": f"q{i // 2}", "answer": f"a{i}", "correct": i % 2, "model": "m", "qid": i // 2}
        for i in range(40)
    ]
    write("all.jsonl", rows)
    return Path("task.yaml")


COLUMNS = "columns: {prompt: q, candidate: answer, label: correct, subset: model, group: qid}\n"


def task(text: str) -> YamlTask:
    Path("task.yaml").write_text(text)
    return YamlTask(Path("task.yaml"))


def failure(text: str) -> str:
    with pytest.raises(DataError) as caught:
        list(task(text).load())
    return str(caught.value)


def test_a_folder_named_from_yaml(data):
    read = task("name: sums\nkind: verify\nfolder: mine\nexposure: private\nguards: {shortcuts: {top: 3}}\n")
    assert (read.name, read.kind, read.exposure) == ("sums", "verify", "private")
    assert read.guards == {"shortcuts": {"top": 3}}
    assert len(list(read.load())) == 24


def test_three_files_relative_to_the_yaml(data, monkeypatch, tmp_path):
    files = "files: {train_label: mine/train_label.jsonl, train_unlabel: mine/test.jsonl,"
    read = task(f"name: x\nkind: verify\n{files} test: mine/train_unlabel.jsonl}}")
    assert (read.exposure, dict(read.guards)) == ("public", {})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    examples = list(YamlTask(Path("../task.yaml")).load())
    assert (examples[8].prompt, examples[8].split) == ("test q0", "train_unlabel")


def test_one_file_is_split_by_question_with_renamed_columns(data):
    prepared = prepare(task(f"name: x\nkind: verify\nfile: all.jsonl\n{COLUMNS}"), limit=None)
    assert [len(s) for s in prepared.texts.values()] == [10, 10, 20]
    row = prepared.texts["test"].rows[0]
    assert row.prompt.startswith("q")
    assert row.candidate.startswith("a")
    assert set(prepared.texts["test"].subsets) == {"m"}


def test_a_question_may_be_its_own_group(data):
    read = task(f"{BASE}folder: mine\ncolumns: {{group: question}}\n")
    assert [e.group == e.prompt for e in read.load()] == [True] * 24


def test_a_column_that_is_the_candidate_is_an_answer_only_where_the_yaml_says_so(data):
    base = "name: x\nkind: verify\nfile: all.jsonl\n"
    assert {e.answer for e in task(base + COLUMNS).load()} == {""}
    both = COLUMNS.replace("candidate: answer", "candidate: answer, answer: answer")
    assert all(e.answer == e.candidate for e in task(base + both).load())


def test_a_task_says_that_its_texts_hold_programs(data):
    base = "name: x\nkind: verify\nfolder: mine\n"
    assert task(base).holds_code is False
    assert task(f"{base}holds_code: true\n").holds_code is True
    assert failure(f"{base}holds_code: 1\n") == "task.yaml:4: 'holds_code' is 1. Write true or false."
    assert task(base).share_true is None and task(f"{base}share_true: 0.5\n").share_true == 0.5
    wrong = "task.yaml:4: 'share_true' is 1. Write a share between 0 and 1."
    assert failure(f"{base}share_true: 1\n") == wrong


def test_one_file_with_sizes(data):
    sizes = "splits: {train_label: 5, train_unlabel: 12, test: 8}\n"
    prepared = prepare(task(f"name: x\nkind: verify\nfile: all.jsonl\n{sizes}{COLUMNS}"), limit=None)
    assert [len(s) for s in prepared.texts.values()] == [4, 12, 8]


BASE = "name: x\nkind: verify\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "task.yaml:1: the YAML is no mapping. Write `key: value` lines."),
        ("- a\n", "task.yaml:1: the YAML is no mapping. Write `key: value` lines."),
        (
            BASE + "folder: [mine\n",
            "task.yaml:4: not YAML: expected ',' or ']', but got '<stream end>'. Mend that line.",
        ),
        ("a: b: c\n", "task.yaml:1: not YAML: mapping values are not allowed here. Mend that line."),
        ("a: 1\nb: \x07\n", "task.yaml:2: not YAML: special characters are not allowed. Mend that line."),
        (
            "a: 1\n---\nb: 1\n",
            "task.yaml:2: not YAML: but found another document. Mend that line.",
        ),
        ("a: &x [*x]\n", "task.yaml:1: holds an alias (*name) to a collection. Write the value out."),
        (
            BASE + "folder: !!python/name:os.system x\n",
            "task.yaml:3: holds 'x', which is no plain text, whole number, finite number, boolean or null. "
            "Put it in quotes.",
        ),
        (
            BASE + 'folder: "\\U00110000"\n',
            "task.yaml:3: not YAML: an escape or a version is out of range. Mend that line.",
        ),
        (
            'name: x\nkind: "\\UFFFFFFFF"\n',
            "task.yaml:2: not YAML: an escape or a version is out of range. Mend that line.",
        ),
        (
            f"{BASE}file: all.jsonl\nsplits: {{test: -0x{'f' * 5000}}}\n",
            f"task.yaml:4: holds '-0x{'f' * 57}...', which is no plain text, whole number, finite number, "
            "boolean or null. Put it in quotes.",
        ),
        *(
            (
                f"{BASE}file: all.jsonl\nsplits: {{test: {odd}}}\n",
                f"task.yaml:4: holds '{odd}', which YAML readers take for different numbers or for none. "
                "Write it in decimals, or put it in quotes.",
            )
            for odd in ("0_1", "1_000", "010", "1:30", "1_0.5")
        ),
        ("name: x\nname: y\n", "task.yaml:2: holds the key 'name' a second time. Keep one."),
        ("yes: 1\n", "task.yaml:1: holds a key that is no text. Put it in quotes."),
        (
            BASE + "folde: mine\n",
            "task.yaml:3: unknown key 'folde' (did you mean 'folder'?). Mend or remove it.",
        ),
        ("kind: verify\nfolder: mine\n", "task.yaml:1: no key 'name'. Add it."),
        ("name: 7\nkind: verify\n", "task.yaml:1: 'name' is 7. Write a text, in quotes if need be."),
        (
            "kind: verify\nname: a/b\n",
            "task.yaml:2: 'a/b' cannot name a task (letters, digits and . _ + - only). Give it another name.",
        ),
        (
            "name: x\nkind: verfy\n",
            "task.yaml:2: kind 'verfy' is unknown (did you mean 'verify'?). "
            "Write verify or preference or judged.",
        ),
        (
            BASE + "exposure: fresh\nfolder: mine\n",
            "task.yaml:3: exposure 'fresh' is unknown. Write public or private.",
        ),
        (BASE, "task.yaml:1: names no data. Give one of folder, files or file."),
        (
            BASE + "folder: mine\nfile: all.jsonl\n",
            "task.yaml:4: names folder and file. Give one of folder, files or file.",
        ),
        (BASE + "folder: nowhere\n", "task.yaml:3: no such folder: nowhere. Check the path."),
        (BASE + "file: nowhere.jsonl\n", "task.yaml:3: no such file: nowhere.jsonl. Check the path."),
        (BASE + "files: mine\n", "task.yaml:3: 'files' is \"mine\". Write a mapping."),
        (BASE + "files:\n  test: all.jsonl\n", "task.yaml:3: no key 'files.train_label'. Add it."),
        (
            BASE + "files:\n  train: all.jsonl\n",
            "task.yaml:4: unknown key 'train' (did you mean 'train_label'?). Mend or remove it.",
        ),
        (
            BASE + "folder: mine\nsplits: {test: 1}\n",
            "task.yaml:4: 'splits' goes with 'file' only. Remove it.",
        ),
        (
            BASE + "file: all.jsonl\nsplits:\n  train_label: 5\n  train_unlabel: 0\n",
            "task.yaml:6: 'splits.train_unlabel' is 0. Write a number of rows, at least 1.",
        ),
        (
            BASE + "file: all.jsonl\nsplits: {train_label: 5}\n",
            "task.yaml:4: no key 'splits.train_unlabel'. Write a number of rows, at least 1.",
        ),
        (
            BASE + "file: all.jsonl\ncolumns:\n  first: a\n",
            "task.yaml:5: unknown key 'first' (known: prompt, candidate, label, subset, group, answer). "
            "Mend or remove it.",
        ),
        (
            BASE + "file: all.jsonl\ncolumns:\n  prompt: choice\n",
            "task.yaml:5: 'prompt' and 'candidate' both read the column 'choice'. Name another.",
        ),
        (
            BASE + 'file: all.jsonl\ncolumns:\n  prompt: "a\\nb"\n',
            "task.yaml:5: 'a\\nb' cannot be a column. Write its name.",
        ),
        (BASE + "folder: mine\nguards: []\n", "task.yaml:4: 'guards' is a list. Write a mapping."),
        (
            BASE + "file: all.jsonl\n",
            "all.jsonl:1: no column 'question'. Every verify row of this task has question, choice, label.",
        ),
        (
            BASE + "folder: mine\ncolumns: {subset: model}\n",
            "mine/train_label.jsonl:1: no column 'model'. "
            "Every verify row of this task has question, choice, label, model.",
        ),
    ],
)
def test_names_file_line_and_mend(data, text, message):
    assert failure(text) == message


def test_a_yaml_that_is_not_utf8(data):
    data.write_bytes(b"name: x\nkind: \xff\n")
    with pytest.raises(DataError, match=r"^task\.yaml:2: byte 7 is not UTF-8\. Save the file as UTF-8\.$"):
        YamlTask(data)


def test_deep_yaml_is_one_line(data):
    message = "task.yaml:1: the YAML is nested too deeply. Write it flat."
    assert failure("- " * 2000) == message


def test_sizes_over_the_rows(data):
    sizes = "splits: {train_label: 20, train_unlabel: 20, test: 1}\n"
    with pytest.raises(DataError) as caught:
        prepare(task(f"{BASE}file: all.jsonl\n{sizes}{COLUMNS}"), limit=None)
    assert str(caught.value) == "task x: the splits ask for 41 rows and there are 40. Lower the sizes."


def test_too_few_questions_to_split(data, write):
    write("all.jsonl", verify_rows("x", questions=7))
    with pytest.raises(DataError) as caught:
        prepare(task(f"{BASE}file: all.jsonl"), limit=None)
    assert str(caught.value) == (
        "task x: 7 questions are too few to be split in three (at least 8). "
        "Add questions, or mark the splits."
    )


PIECES = (
    "name|kind|: |\n|  |verify|file|- |{|}|[|]|&a |*a|!!int |"
    "!|'|\"|\\ud800|!!timestamp x|!!bool x|<<|1:60|.nan|0x|\0|? |>\n|%"
)
YAMLISH = st.lists(st.sampled_from(PIECES.split("|"))).map("".join)


@settings(deadline=None)
@given(st.binary() | YAMLISH.map(str.encode))
def test_any_bytes_are_a_task_or_one_line(tmp_path_factory, body):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(body)
    with pytest.raises(HarnessError) as caught:
        YamlTask(path)
    assert str(caught.value).isprintable()
    assert str(caught.value).startswith(f"{path}:")


def test_a_yaml_that_is_far_too_long(data):
    message = "task.yaml:1: over 65536 bytes. Its YAML names data files only."
    assert failure("a: " + "x" * 2**16) == message
