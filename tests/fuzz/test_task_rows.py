"""The readers of task data: JSON lines, folders, and what is made of their rows."""

from __future__ import annotations

import json
import shutil

import mutants
import pytest
from bounds import fuzz
from hypothesis import given
from hypothesis import strategies as st

from w2s_harness.contract.errors import DataError
from w2s_harness.contract.types import SPLITS
from w2s_harness.data.reading.file_task import data_task, source_digest
from w2s_harness.data.reading.strict_json import read_numbered
from w2s_harness.data.rows.prepared import dump, parse, prepare

TOKENS = (
    b"{", b"}", b"[", b"]", b'"', b":", b",", b"{}\n", b"[]\n", b"null", b"true", b"1", b"NaN",
    b"-Infinity", b"1e999", b"9" * 4400, b"-0", b"\\ud800", b"\\ud83d\\ude00", b"\\u0000", b"\\u2028",
    b"\\", b'"x":', b'[{"x":', b"\n\n", b"\t", b'"question": ', b'"label": 2', b'"group": 1',
    b'"subset": null', "é\u2028\u202e".encode(), b"//", b"'", b"x" * 999,
)  # fmt: skip


def verify_rows(split: str) -> list[dict[str, object]]:
    return [
        {
            "question": f"{split} q{i // 2}",
            "choice": f"c{i}é",
            "label": i % 2 == 0,
            "subset": "hard",
            "group": f"{split}{i // 2}",
        }
        for i in range(6)
    ]


def preference_rows(split: str) -> list[dict[str, object]]:
    return [{"prompt": f"{split} p{i}", "first": "a", "second": "b", "label": "AB"[i % 2]} for i in range(4)]


def judged_rows(split: str) -> list[dict[str, object]]:
    return [
        {
            "prompt": f"{split} p{i}",
            "first": "a",
            "second": "b",
            "votes": [i % 2, None, 1],
            "voters": ["x", "y", "z"],
        }
        for i in range(4)
    ]


KINDS = {"verify": verify_rows, "preference": preference_rows, "judged": judged_rows}


def as_lines(rows: object) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def folder(tmp_path, kind):
    """A valid task whose unlabelled split is to be overwritten."""
    made = tmp_path / "mine"
    made.mkdir()
    for split in SPLITS:
        (made / f"{split}.jsonl").write_bytes(as_lines(KINDS[kind](split)))
    yield made
    shutil.rmtree(made)


def reader(folder, name):
    """Prepare the task with `body` in one of its files; what comes out has to survive its cache."""

    def read(body: bytes) -> None:
        (folder / f"{name}.jsonl").write_bytes(body)
        task = data_task(folder)
        source_digest(task)
        prepared = prepare(task, limit=None)
        assert parse(dump(prepared)).digest == prepared.digest

    return read


def test_the_rows_that_are_mutated_are_valid(folder, kind):
    reader(folder, "train_label")(as_lines(KINDS[kind]("train_label")))


@pytest.mark.parametrize("split", ["train_label", "test"])
def test_mutated_files(count, folder, kind, split):
    corpus = [as_lines(KINDS[kind](split)), *(as_lines(rows(split)[:2]) for rows in KINDS.values())]
    fuzz(mutants.of_bytes(f"rows/{kind}/{split}", count // 2, corpus, TOKENS), reader(folder, split))


def test_mutated_rows(count, folder, kind):
    rows = KINDS[kind]("train_label")
    accepted = fuzz(mutants.of_values(kind, count, [rows], as_lines), reader(folder, "train_label"))
    assert accepted > count / 50, "the mutants no longer reach the splits"


def test_mutated_lines_say_where_they_break(count, tmp_path):
    path = tmp_path / "any.jsonl"

    def read(body: bytes) -> None:
        path.write_bytes(body)
        try:
            list(read_numbered(path))
        except DataError as bad:
            assert str(bad).isprintable() and str(bad).startswith(f"{path}:")
            raise

    fuzz(mutants.of_bytes("lines", count, [as_lines(verify_rows("test"))], TOKENS), read)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def test_any_rows(drawn, folder, kind):
    columns = st.sampled_from(sorted({*KINDS[kind]("")[0], "group", "question_id", "subset", "x"}))
    changes = st.lists(st.tuples(st.integers(0, 3), columns, JSON), max_size=4)
    seen = []

    @drawn
    @given(changes)
    def one(changed):
        rows = KINDS[kind]("train_label")
        for at, column, value in changed:
            rows[at][column] = value
        seen.append(1)
        fuzz([as_lines(rows)], reader(folder, "train_label"))

    one()
    assert seen
