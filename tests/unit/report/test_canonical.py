import json
import os
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w2s_harness.contract.errors import DataError, StoreError
from w2s_harness.report.document.canonical import document_bytes, encode, stable_bytes, write
from w2s_harness.report.document.document import Leaderboard, decode

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
VALUES = st.recursive(
    LEAVES, lambda v: st.lists(v, max_size=4) | st.dictionaries(KEYS, v, max_size=4), max_leaves=15
)


def names(folder):
    return [path.name for path in folder.iterdir()]


@given(VALUES)
def test_encoding_is_a_fixed_point_of_reading_and_writing(value):
    data = encode(value)
    assert json.loads(data) == value
    assert encode(json.loads(data)) == data
    assert data.endswith(b"\n")
    assert data.count(b"\n") == 1


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_reads_back_to_the_same_double_from_the_shortest_text(value):
    text = encode(value).decode().strip()
    assert struct.pack("d", float(text)) == struct.pack("d", value)
    digits = len(text.split("e")[0].replace("-", "").replace(".", "").strip("0"))
    if digits > 1:
        assert float(f"{value:.{digits - 2}e}") != value


@given(st.dictionaries(KEYS, st.integers(), max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_keys_changes_no_byte(value, random):
    items = list(value.items())
    random.shuffle(items)
    assert encode(dict(items)) == encode(value)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"rows": [1.0, float("nan")]}, r"nan .* at `\$.rows\[1\]`"),
        ({"a": {"b": float("inf")}}, r"inf .* at `\$.a.b`"),
        ({1: 2}, r"key 1 is no string"),
        ({"a": "\ud800"}, r"UTF-8 cannot carry.*`\$.a`"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_its_path(value, says):
    with pytest.raises(DataError, match=says):
        encode(value)


def test_two_runs_differ_in_timing_and_machine_only(board):
    other = msgspec.structs.replace(board, timing={"wall_s": 3.0}, machine={"run": "other"})
    assert document_bytes(other) != document_bytes(board)
    assert stable_bytes(other) == stable_bytes(board)
    changed = msgspec.structs.replace(board, plan={})
    assert stable_bytes(changed) != stable_bytes(board)


def test_a_whole_number_in_a_float_field_gives_the_same_bytes(board):
    whole = msgspec.structs.replace(board.rows[2], pgr=1)
    point = msgspec.structs.replace(board.rows[2], pgr=1.0)
    made = [document_bytes(msgspec.structs.replace(board, rows=[row])) for row in (whole, point)]
    assert made[0] == made[1]
    assert document_bytes(decode(made[0], "x")) == made[0]


def test_a_document_that_breaks_the_schema_is_not_written(board, tmp_path):
    path = tmp_path / "leaderboard.json"
    path.write_text("before")
    broken = msgspec.structs.replace(
        board, rows=[msgspec.structs.replace(board.rows[2], status="won", reason="r")]
    )
    with pytest.raises(DataError, match=r"\$.rows\[0\].status"):
        write(broken, path)
    nan = msgspec.structs.replace(board, timing={"wall_s": float("nan")})
    with pytest.raises(DataError, match=r"\$.timing.wall_s"):
        write(nan, path)
    assert path.read_text() == "before"
    assert names(tmp_path) == ["leaderboard.json"]


def test_a_failed_write_leaves_the_old_file_and_no_temporary(board, tmp_path, monkeypatch):
    path = tmp_path / "leaderboard.json"
    path.write_text("before")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        write(board, path)
    assert path.read_text() == "before"
    assert names(tmp_path) == ["leaderboard.json"]


def test_a_folder_in_the_way_is_said(board, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        write(board, tmp_path / "file" / "leaderboard.json")


def test_writing_makes_the_folder_and_replaces_the_file(board, tmp_path):
    path = tmp_path / "new" / "leaderboard.json"
    write(board, path)
    first = path.read_bytes()
    write(board, path)
    assert path.read_bytes() == first == document_bytes(board)
    assert names(path.parent) == ["leaderboard.json"]


def test_a_key_that_is_no_string_is_found_wherever_the_schema_leaves_room(board):
    open_fields = {f.name for f in msgspec.structs.fields(Leaderboard) if "Any" in str(f.type)}
    assert open_fields == {"plan", "timing", "machine"}
    for name in sorted(open_fields):
        odd = msgspec.structs.replace(board, **{name: {"a": [{"b": {1: 2}}]}})
        with pytest.raises(DataError, match=rf"key 1 is no string - at `\$.{name}.a\[0\].b`"):
            document_bytes(odd)
