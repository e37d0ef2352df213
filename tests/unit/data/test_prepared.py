from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w2s_harness.contract.errors import DataError, PluginError, UsageError
from w2s_harness.contract.types import SPLITS, Example, Task
from w2s_harness.data.reading.file_task import FolderTask
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.data.rows.prepared import TextRow, dump, parse, prepare

from .conftest import verify_rows


class Given(Task):
    """A task of the rows it is given."""

    name = "given"
    kind = "verify"

    def __init__(self, rows, kind="verify"):
        self.rows = rows
        self.kind = kind

    def load(self):
        return self.rows


def verify(n, split=None, each=2):
    return [
        Example(
            prompt=f"{split} q{i // each}",
            candidate=f"c{i}",
            label=i % each == 0,
            group=f"{split} q{i // each}",
            subset="odd" if i % 2 else "even",
            split=split,
        )
        for i in range(n)
    ]


def three(n=8):
    return [row for split in SPLITS for row in verify(n, split)]


def failure(rows, limit=None, kind="verify", error=DataError):
    with pytest.raises(error) as caught:
        prepare(Given(rows, kind), limit=limit)
    return str(caught.value)


def test_holds_texts_labels_questions_and_subsets_in_file_order():
    data = prepare(Given(three(4)), limit=None)
    split, gold = data.texts["train_unlabel"], gold_of(data, "train_unlabel")
    assert (data.kind, list(data.texts)) == ("verify", list(SPLITS))
    assert split.rows[1] == TextRow("train_unlabel q0", "c1")
    assert gold.labels.tolist() == [True, False, True, False]
    assert split.groups.tolist() == [0, 0, 1, 1]
    assert split.groups.dtype == np.int64
    assert split.subsets == ("even", "odd", "even", "odd")
    assert len(split) == 4
    with pytest.raises(ValueError, match="read-only"):
        gold.labels[0] = False


def test_a_preference_task():
    rows = [
        Example(prompt=f"{s}{i}", first="a", second="b", label=i % 2 == 0, group=f"{s}{i}", split=s)
        for s in SPLITS
        for i in range(4)
    ]
    data = prepare(Given(rows, "preference"), limit=None)
    assert data.texts["test"].rows[0] == TextRow("test0", None, "a", "b")


# -- what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": 1}, "label is 1. It must be True or False."),
        ({"label": np.True_}, "label is a numpy.bool. It must be True or False."),
        ({"prompt": 5}, "prompt is 5. It must be a text."),
        ({"group": None}, "group is null. It must be a text."),
        ({"subset": 1}, "subset is 1. It must be a text."),
        ({"candidate": None}, "not a row of a verify task. Give prompt and candidate only."),
        ({"first": "a"}, "not a row of a verify task. Give prompt and candidate only."),
        ({"candidate": "\ud800"}, "candidate holds half of a surrogate pair. Write the character."),
        (
            {"split": "tests"},
            "unknown split \"tests\" (did you mean 'test'?). Use train_label, train_unlabel, test.",
        ),
        ({"split": None}, "states its split where others do not, or the reverse. Do one or the other."),
    ],
)
def test_a_broken_row_is_named(change, message):
    rows = three()
    rows[4] = replace(rows[4], **change)
    assert failure(rows) == f"task given, row 5: {message}"


def test_a_row_that_is_no_example():
    assert failure([*three(), {"prompt": "a"}]) == (
        "task given, row 25: an object is no Example. Yield w2s_harness.Example."
    )


def test_a_row_of_another_kind():
    rows = [replace(three()[0], candidate="x")]
    assert failure(rows, kind="preference") == (
        "task given, row 1: not a row of a preference task. Give prompt, first and second only."
    )
    assert failure(rows, kind="rank") == (
        "task given, row 1: the task's kind is 'rank'. Use verify, preference or judged."
    )


def test_a_task_without_rows():
    assert failure([]) == "task given: yields no row. Check its settings."
    assert failure(None, error=PluginError) == "task given: load() returned null. Yield Examples."


@pytest.mark.parametrize("rows", [0, 3])
@pytest.mark.parametrize("bad", [KeyError("label"), SystemExit(2), RecursionError("deep")])
def test_a_task_whose_load_raises_is_named(rows, bad):
    class Torn(Task):
        name, kind = "torn", "verify"

        def load(self):
            yield from verify(rows, "test")
            raise bad

    with pytest.raises(PluginError) as caught:
        prepare(Torn(), limit=None)
    after = " after 3 rows" if rows else ""
    start = f"task torn: load() raised {type(bad).__name__}{after}: "
    assert str(caught.value).startswith(start) and str(caught.value).endswith("or leave it out.")


def test_an_empty_split():
    assert failure(verify(8, "train_label") + verify(8, "test")) == (
        "task given, split train_unlabel: holds no row. Every split needs rows of both classes."
    )


def test_a_one_class_split(verify_folder, write):
    write("mine/test.jsonl", [{**r, "label": 0} for r in verify_rows("test")])
    with pytest.raises(DataError) as caught:
        prepare(FolderTask(verify_folder), limit=None)
    assert str(caught.value) == (
        "mine/test.jsonl: every label is false. Every split needs rows of both classes."
    )


def test_a_split_of_one_question():
    rows = [r if r.split != "test" else replace(r, group="g") for r in three()]
    assert failure(rows) == (
        "task given, split test: all rows belong to one question. Every split needs at least two."
    )


def test_two_right_answers_to_one_question_that_differ():
    rows = three()
    rows[0], rows[1] = (replace(r, answer=a, label=True) for r, a in ((rows[0], "42"), (rows[1], "42.0")))
    assert failure(rows) == (
        "task given, row 2: the answers '42.0' and '42' (task given, row 1) to one question are both right. "
        "Write them alike, or leave answers out."
    )
    rows[1] = replace(rows[1], label=False)
    split = prepare(Given(rows), limit=None).texts["train_label"]
    assert split.answers == ("42", "42.0", *[""] * 6)


def test_a_preference_has_no_answer():
    row = Example(prompt="p", first="a", second="b", label=True, group="g", answer="a")
    assert failure([row], kind="preference") == (
        "task given, row 1: an answer is what one candidate comes to. Leave it out of a preference task."
    )


def test_the_same_row_in_two_splits(verify_folder, write):
    write("mine/test.jsonl", [*verify_rows("test"), {**verify_rows("train_label")[1], "label": 1}])
    with pytest.raises(DataError) as caught:
        prepare(FolderTask(verify_folder), limit=None)
    assert str(caught.value) == (
        "mine/test.jsonl:9: the same row stands in train_label (mine/train_label.jsonl:2). "
        "Remove one of the two."
    )


def test_a_question_in_two_splits(verify_folder, write):
    write("mine/test.jsonl", [*verify_rows("test"), {**verify_rows("train_label")[2], "choice": "new"}])
    with pytest.raises(DataError) as caught:
        prepare(FolderTask(verify_folder), limit=None)
    assert str(caught.value) == (
        "mine/test.jsonl:9: its question stands in train_label too (mine/train_label.jsonl:3). "
        "Keep all rows of a question in one split."
    )


def test_a_preference_with_its_responses_exchanged_is_the_same_row():
    rows = [
        Example(prompt="p", first=f"a{s}{i}", second="b", label=i % 2 == 0, group=f"{s}{i}", split=s)
        for s in SPLITS
        for i in range(4)
    ]
    rows.append(replace(rows[0], first="b", second=rows[0].first, group="other", split="test"))
    assert failure(rows, kind="preference") == (
        "task given, row 13: the same row stands in train_label (task given, row 1). Remove one of the two."
    )


# -- splits and limits -----------------------------------------------------------------------------------


def test_splits_by_question_at_the_default_fractions():
    data = prepare(Given(verify(400)), limit=None)
    assert [len(s) for s in data.texts.values()] == [100, 100, 200]
    prompts = [{row.prompt for row in s.rows} for s in data.texts.values()]
    assert not prompts[0] & prompts[1]
    assert not (prompts[0] | prompts[1]) & prompts[2]
    assert [row.prompt for row in data.texts["test"].rows] != sorted(
        row.prompt for row in data.texts["test"].rows
    )


@settings(deadline=None)
@given(st.permutations(verify(60)))
def test_the_split_depends_on_the_questions_alone(rows):
    expected = prepare(Given(verify(60)), limit=None)
    data = prepare(Given(rows), limit=None)
    for split in SPLITS:
        assert {r.candidate for r in data.texts[split].rows} == {
            r.candidate for r in expected.texts[split].rows
        }
        order = [int(r.candidate[1:]) for r in data.texts[split].rows]
        positions = {int(e.candidate[1:]): i for i, e in enumerate(rows)}
        assert order == sorted(order, key=positions.__getitem__)


@settings(deadline=None)
@given(st.integers(4, 50), st.integers(1, 4), st.randoms(use_true_random=False))
def test_a_limit_keeps_whole_questions_both_classes_and_file_order(limit, each, random):
    rows = []
    for split in SPLITS:
        labels = [True] * 30 + [False] * 10
        random.shuffle(labels)
        part = verify(40, split, each)
        rows += [replace(r, label=v) for r, v in zip(part, labels, strict=True)]
    whole = prepare(Given(rows), limit=None)
    try:
        cut = prepare(Given(rows), limit=limit)
    except UsageError:
        assert limit < 2 * each
        return
    for split, kept in cut.texts.items():
        full = whole.texts[split].rows
        assert len(kept) <= limit
        assert len(kept) > min(limit, 40) - each
        assert 0 < gold_of(cut, split).labels.sum() < len(kept)
        assert kept.groups.max() >= 1
        where = [full.index(row) for row in kept.rows]
        assert where == sorted(where)
        for prompt in {row.prompt for row in kept.rows}:
            assert sum(r.prompt == prompt for r in kept.rows) == sum(r.prompt == prompt for r in full)


def test_a_rare_class_survives_a_small_limit():
    rows = [replace(r, label=r.candidate == "c77", group=f"{r.split} {r.candidate}") for r in three(100)]
    data = prepare(Given(rows), limit=5)
    assert all(gold_of(data, s).labels.sum() == 1 and len(data.texts[s]) == 5 for s in SPLITS)


def test_a_limit_over_the_rows_changes_nothing():
    assert prepare(Given(three()), limit=8).digest == prepare(Given(three()), limit=None).digest


def test_a_limit_that_leaves_too_little():
    message = (
        "--limit 3: leaves split train_label of task given without two questions and both classes. Raise it."
    )
    assert failure(three(), limit=3, error=UsageError) == message
    for limit in (0, -1, True, 2.0):
        message = "not a number of rows. Give a whole number, at least 1."
        assert failure(three(), limit=limit, error=UsageError).endswith(message)


# -- bytes -----------------------------------------------------------------------------------------------


def test_a_dump_reads_back_the_same():
    data = prepare(Given([replace(r, answer=r.candidate) for r in three()]), limit=None)
    read = parse(dump(data))
    assert read.digest == data.digest
    assert dump(read) == dump(data)
    for split in SPLITS:
        a, b = data.texts[split], read.texts[split]
        assert (a.rows, a.subsets, a.answers) == (b.rows, b.subsets, b.answers)
        np.testing.assert_array_equal(gold_of(data, split).labels, gold_of(read, split).labels)
        np.testing.assert_array_equal(a.groups, b.groups)
        assert gold_of(read, split).labels.dtype == np.bool_
        assert not b.groups.flags.writeable


@pytest.mark.parametrize("change", [{"label": False}, {"candidate": "z"}, {"subset": "z"}])
def test_the_digest_sees_every_part(change):
    rows = three()
    other = [replace(rows[0], **change), *rows[1:]]
    assert prepare(Given(rows), limit=None).digest != prepare(Given(other), limit=None).digest


def test_answers_have_a_digest_of_their_own():
    one, other = (
        prepare(Given([replace(r, answer=a + r.candidate) for r in three()]), limit=None) for a in "ab"
    )
    assert one.digest == other.digest == prepare(Given(three()), limit=None).digest
    assert one.answers_digest != other.answers_digest


def test_a_dump_of_the_older_format_is_refused():
    tree = msgspec.msgpack.decode(dump(prepare(Given(three()), limit=None)))
    older = ["w2s-data/2", tree[1], *([scored, answers] for scored, answers, _ in tree[2:])]
    with pytest.raises(DataError, match="cached task data: not readable"):
        parse(msgspec.msgpack.encode(older))


def test_the_digest_sees_the_questions():
    rows = three()
    other = [replace(r, group=r.candidate + r.split) for r in rows]
    assert prepare(Given(rows), limit=None).digest != prepare(Given(other), limit=None).digest


def damaged(**changes):
    """A dump whose first split differs in the named places."""
    tree = msgspec.msgpack.decode(dump(prepare(Given(three()), limit=None)))
    for place, value in changes.items():
        scored = tree[2][0]
        if place == "answers":
            tree[2] = [scored, value]
        else:
            scored[["rows", "labels", "groups", "subsets"].index(place)] = value
    return msgspec.msgpack.encode(tree)


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": b"\x01"},
        {"labels": b"\x02" * 8},
        {"groups": b"\0" * 8},
        {"groups": np.full(8, 99, "<i8").tobytes()},
        {"groups": np.full(8, -1, "<i8").tobytes()},
        {"subsets": ["a"]},
        {"answers": ["a"]},
        {"answers": [1] * 8},
        {"rows": [["p", None, "a", "b"]] * 8},
        {"rows": [["p", "c", "a", None]] * 8},
        {"rows": [["p", "c", None, None, "extra"]] * 8},
        {"rows": [], "labels": b"", "groups": b"", "subsets": [], "answers": []},
    ],
)
def test_damaged_bytes_are_refused(changes):
    with pytest.raises(DataError, match=r"^cached task data: .*Remove it and run again\.$"):
        parse(damaged(**changes))


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_refused(body):
    with pytest.raises(DataError):
        parse(body)


def test_an_undamaged_tree_is_accepted():
    assert parse(damaged()).kind == "verify"
