"""Tasks whose gold is votes: read strictly, and kept as one table a split."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_harness.contract.errors import DataError
from w2s_harness.contract.types import SPLITS, Example, Task
from w2s_harness.data.reading.file_task import FolderTask, YamlTask, source_digest
from w2s_harness.data.rows.gold import NO_VOTE, gold_of, majority
from w2s_harness.data.rows.prepared import dump, parse, prepare
from w2s_harness.data.rows.splitting import cut

VOTES = ([1, 1, 0], [0, 0], [1], [0, 1, 0, 0])
BASE = "name: x\nkind: judged\nfolder: mine\n"


def judged_rows(split, votes=VOTES, **more):
    return [
        {
            "prompt": f"{split} p{q}",
            "first": f"a{q}",
            "second": f"b{q}",
            "votes": votes[q % len(votes)],
            **more,
        }
        for q in range(8)
    ]


@pytest.fixture
def folder(write):
    """`mine/`: three splits of eight comparisons with anonymous votes."""
    for split in SPLITS:
        write(f"mine/{split}.jsonl", judged_rows(split))
    return Path("mine")


def task(text: str) -> YamlTask:
    Path("task.yaml").write_text(text)
    return YamlTask(Path("task.yaml"))


def failure(read) -> str:
    with pytest.raises(DataError) as caught:
        prepare(read() if callable(read) else read, limit=None)
    return str(caught.value)


def spoiled(write, change, split="test", number=0):
    rows = judged_rows(split)
    rows[number] = change(rows[number])
    write(f"mine/{split}.jsonl", rows)


# -- what is read -----------------------------------------------------------------------------------------


def test_a_folder_with_votes_is_a_judged_task(folder):
    read = FolderTask(folder)
    assert read.kind == "judged"
    data = prepare(read, limit=None)
    assert data.kind == "preference"
    test = gold_of(data, "test")
    assert test.votes.voters == ()
    assert test.votes.counts.tolist() == [3, 2, 1, 4] * 2
    assert test.targets == pytest.approx([2 / 3, 0, 1, 1 / 4] * 2)
    assert test.votes.largest == pytest.approx([2 / 3, 1, 1, 3 / 4] * 2)
    assert test.labels.tolist() == [True, False, True, False] * 2


def test_yaml_names_a_judged_task_of_candidates_under_other_columns(here, write):
    rows = [
        {"q": f"q{i // 2}", "a": f"a{i}", "said": [i % 2, 1, i % 2], "by": ["x", "y", "z"]} for i in range(40)
    ]
    write("all.jsonl", rows)
    columns = "columns: {prompt: q, candidate: a, votes: said, voters: by}\n"
    data = prepare(task(f"name: x\nkind: judged\nfile: all.jsonl\n{columns}"), limit=None)
    assert data.kind == "verify"
    assert gold_of(data, "test").votes.voters == ("x", "y", "z")


def test_a_renamed_prompt_leaves_the_kind_to_the_other_columns(here, write):
    rows = [{"q": f"q{i}", "first": "a", "second": "b", "votes": [i % 2]} for i in range(40)]
    write("all.jsonl", rows)
    data = prepare(task("name: x\nkind: judged\nfile: all.jsonl\ncolumns: {prompt: q}\n"), limit=None)
    assert data.kind == "preference"


def test_voters_of_a_row_find_their_column_and_others_are_missing(here, write):
    for split in SPLITS:
        rows = judged_rows(split, votes=([1, 0], [0, None]), voters=["bo", "ann"])
        rows[0] |= {"votes": [1], "voters": ["cy"]}
        write(f"mine/{split}.jsonl", rows)
    votes = gold_of(prepare(FolderTask(Path("mine")), limit=None), "test").votes
    assert votes.voters == ("ann", "bo", "cy")
    assert votes.values[:3].tolist() == [[NO_VOTE, NO_VOTE, 1], [NO_VOTE, 0, NO_VOTE], [0, 1, NO_VOTE]]


def test_a_task_names_the_voters_of_all_its_rows(here, write):
    for split in SPLITS:
        write(f"mine/{split}.jsonl", judged_rows(split, votes=([1, None], [0, 1], [None, 0])))
    read = task(BASE + "voters: [ann, bo]\n")
    votes = gold_of(prepare(read, limit=None), "test").votes
    assert votes.voters == ("ann", "bo")
    assert votes.values[:3].tolist() == [[1, NO_VOTE], [0, 1], [NO_VOTE, 0]]
    assert source_digest(read) != source_digest(task(BASE + "voters: [ann, cy]\n"))


def test_an_answer_column_says_nothing_of_a_judged_candidate(here, write):
    for split in SPLITS:
        rows = [
            {"question": f"{split} {i // 2}", "choice": f"c{i}", "votes": [1, i % 2, i % 2], "answer": str(i)}
            for i in range(8)
        ]
        write(f"mine/{split}.jsonl", rows)
    data = prepare(FolderTask(Path("mine")), limit=None)
    assert set(data.texts["test"].answers) == {""}


# -- what is refused --------------------------------------------------------------------------------------

AT = "mine/test.jsonl:1: "
DOMAIN = "Write 0 or 1, or null for a named voter who did not vote."
ONE = "Give every row at least one vote, or leave the row out."
WHO = """Write the name of each vote's voter: ["ann", "bo"]."""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"votes": []}, f"votes are empty. {ONE}"),
        (
            {"votes": [2]},
            f"vote 1 of column 'votes' is 2. {DOMAIN}",
        ),
        (
            {"votes": [1, True]},
            f"vote 2 of column 'votes' is true. {DOMAIN}",
        ),
        (
            {"votes": [0.5]},
            f"vote 1 of column 'votes' is 0.5. {DOMAIN}",
        ),
        ({"votes": 1}, "column 'votes' holds 1. Write a list of votes: [1, 0, 1]."),
        ({"votes": None}, "column 'votes' holds null. Write a list of votes: [1, 0, 1]."),
        (
            {"label": "A"},
            "a label stands beside column 'votes'. The votes are a judged row's gold; remove the label.",
        ),
        (
            {"votes": [1, None]},
            "a vote is null and nobody knows whose it would have been. Name the voters, or leave the missing "
            "vote out.",
        ),
        (
            {"voters": ["a", "b", "c"]},
            "names its voters where others do not, or the reverse. Do one or the other.",
        ),
    ],
)
def test_a_bad_row_is_named_with_line_and_mend(folder, write, change, message):
    spoiled(write, lambda row: {**row, **change})
    assert failure(lambda: FolderTask(folder)) == AT + message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"voters": ["a", "b"]},
            "3 votes and 2 voters. Write one vote for each voter, null for who did not vote.",
        ),
        ({"voters": ["a", "b", "a"]}, "the voter 'a' votes twice. Keep one vote."),
        (
            {"voters": "abc"},
            f"column 'voters' holds \"abc\". {WHO}",
        ),
        (
            {"voters": ["a", "b", 3]},
            f"column 'voters' holds a name that is no text. {WHO}",
        ),
        (
            {"votes": [None, None, None]},
            f"holds no vote. {ONE}",
        ),
    ],
)
def test_odd_voters_are_named_with_line_and_mend(here, write, change, message):
    for split in SPLITS:
        write(f"mine/{split}.jsonl", judged_rows(split, votes=([1, 1, 0], [0, 0, 1]), voters=["a", "b", "c"]))
    rows = judged_rows("test", votes=([1, 1, 0], [0, 0, 1]), voters=["a", "b", "c"])
    write("mine/test.jsonl", [{**rows[0], **change}, *rows[1:]])
    assert failure(lambda: FolderTask(Path("mine"))) == AT + message


def test_a_row_without_votes_where_others_have_them(folder, write):
    spoiled(write, lambda row: {k: v for k, v in row.items() if k != "votes"}, number=4)
    assert failure(lambda: FolderTask(folder)) == (
        "mine/test.jsonl:5: no column 'votes'. Every row of a judged task has them. Give it votes, such as "
        "[1, 0, 1], or make the task's kind verify or preference."
    )


def test_a_judged_kind_without_votes(preference_folder):
    Path("task.yaml").write_text("name: x\nkind: judged\nfolder: chat\n")
    assert failure(lambda: YamlTask(Path("task.yaml"))).startswith(
        "chat/train_label.jsonl:1: no column 'votes'. Every row of a judged task has them."
    )


def test_rows_of_two_kinds(folder, write):
    rows = judged_rows("test")
    rows[3] = {"prompt": "test p3", "first": "a", "second": "b", "votes": [1], "choice": "c", "question": "q"}
    write("mine/test.jsonl", rows)
    prepare(FolderTask(folder), limit=None)  # other columns are ignored
    mixed = [Example(prompt="p", first="a", second="b", votes=(1,), group="p"),
             Example(prompt="q", candidate="a", votes=(0,), group="q")]  # fmt: skip
    assert failure(Given(mixed)) == (
        "task given, row 2: a verify row where the first is none. Keep to one kind of row."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "voters: [ann, ann]\n",
            "task.yaml:4: 'voters' is no list of different names. Write one for each vote: ",
        ),
        ("voters: []\n", "task.yaml:4: 'voters' is no list of different names. Write one for each vote: "),
        ("columns: {label: gold}\n", "task.yaml:4: unknown key 'label'"),
        ("columns: {answer: gold}\n", "task.yaml:4: unknown key 'answer'"),
    ],
)
def test_yaml_of_a_judged_task_is_read_strictly(folder, text, message):
    assert failure(lambda: task(BASE + text)).startswith(message)


def test_voters_of_a_task_and_of_a_row(folder, write):
    spoiled(write, lambda row: {**row, "votes": [1], "voters": ["ann"]}, split="train_label")
    assert failure(lambda: task(BASE + "voters: [ann]\n")) == (
        "mine/train_label.jsonl:1: column 'voters' where the task names its voters. Remove one of the two."
    )


def test_voters_belong_to_judged_tasks_alone(verify_folder):
    assert failure(lambda: task("name: x\nkind: verify\nfolder: mine\nvoters: [ann]\n")) == (
        "task.yaml:4: 'voters' goes with the kind judged only. Remove it."
    )


def test_a_split_with_one_majority(folder, write):
    write("mine/test.jsonl", judged_rows("test", votes=([1, 1, 0],)))
    assert failure(lambda: FolderTask(folder)) == (
        "mine/test.jsonl: most votes on every row are 1. Every split needs rows of both majorities."
    )


class Given(Task):
    """A task of the rows it is given."""

    name = "given"
    kind = "judged"

    def __init__(self, rows, kind="judged"):
        self.rows = rows
        self.kind = kind

    def load(self):
        return self.rows


BESIDE = "has a label beside its votes. The votes are the gold; remove the label."
STRAY = "votes in a preference task. Remove them, or make the task's kind judged."
ROW = Example(prompt="p", first="a", second="b", votes=(1, 0), group="g")


@pytest.mark.parametrize(
    ("row", "kind", "message"),
    [
        (replace(ROW, label=True), "judged", BESIDE),
        (replace(ROW, votes=None), "judged", "no votes. Every row of a judged task needs them."),
        (replace(ROW, votes=[1]), "judged", "votes are a list. Give a tuple of 0, 1 and None."),
        (replace(ROW, votes=(3,)), "judged", "a vote is neither 0 nor 1. Write 0 or 1."),
        (replace(ROW, label=True), "preference", STRAY),
        (replace(ROW, votes=None), "preference", "label is null. It must be True or False."),
        (
            replace(ROW, candidate="c", first=None, second=None, answer="4"),
            "judged",
            "an answer is what one candidate comes to. Leave it out of a judged task.",
        ),
    ],
)  # fmt: skip
def test_a_python_task_is_checked_too(row, kind, message):
    assert failure(Given([row], kind)) == f"task given, row 1: {message}"


# -- what is kept -----------------------------------------------------------------------------------------


@given(
    st.lists(st.sampled_from([0, 1, None]), min_size=1, max_size=7).filter(
        lambda v: any(x is not None for x in v)
    )
)
def test_the_label_of_a_judged_row_is_the_majority_and_of_a_tie_the_first_vote(votes):
    cast = [v for v in votes if v is not None]
    ones, zeros = cast.count(1), cast.count(0)
    assert majority(votes) == (cast[0] == 1 if ones == zeros else ones > zeros)


@pytest.mark.parametrize("named", [True, False])
def test_a_dump_holds_the_votes(here, write, named):
    for split in SPLITS:
        more = {"voters": ["b", "a"]} if named else {}
        write(f"mine/{split}.jsonl", judged_rows(split, votes=([1, 0], [0, 0], [1, 1]), **more))
    data = prepare(FolderTask(Path("mine")), limit=None)
    again = parse(dump(data))
    assert again.digest == data.digest
    for split in SPLITS:
        ours, theirs = gold_of(data, split).votes, gold_of(again, split).votes
        assert np.array_equal(ours.values, theirs.values) and ours.voters == theirs.voters
        assert not theirs.values.flags.writeable


def test_another_vote_is_other_data_and_the_same_majority(folder, write):
    before = prepare(FolderTask(folder), limit=None)
    spoiled(write, lambda row: {**row, "votes": [1, 1, 1]})
    after = prepare(FolderTask(folder), limit=None)
    assert before.digest != after.digest
    assert (gold_of(before, "test").labels == gold_of(after, "test").labels).all()


def test_half_of_a_holdout_keeps_its_rows_votes(folder, write):
    write(
        "mine/test.jsonl",
        [r | {"prompt": f"{r['prompt']} {i}"} for i in range(5) for r in judged_rows("test")],
    )
    data = prepare(FolderTask(folder), limit=None)
    by_row = dict(zip(data.texts["test"].rows, gold_of(data, "test").votes.values.tolist(), strict=True))
    part = cut(data, "final", root=0, name="x")
    assert len(part.texts["test"]) < len(data.texts["test"])
    assert [by_row[row] for row in part.texts["test"].rows] == gold_of(part, "test").votes.values.tolist()
