import json
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from w2s_harness.contract.errors import DataError, HarnessError
from w2s_harness.data.reading import strict_json
from w2s_harness.data.reading.strict_json import read_jsonl, read_numbered


def failure(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        list(read_numbered(path))
    return str(caught.value)


def test_yields_objects_with_their_line_numbers(write):
    path = write("a.jsonl", [{"x": 1}, {"x": "é\u2028"}])
    assert list(read_numbered(path)) == [(1, {"x": 1}), (2, {"x": "é\u2028"})]
    assert list(read_jsonl(str(path))) == [{"x": 1}, {"x": "é\u2028"}]


def test_tolerates_blank_lines_at_the_end_and_carriage_returns(write):
    path = write("a.jsonl", [b'{"x": 1}\r', b"", b"  \t\r"])
    assert list(read_numbered(path)) == [(1, {"x": 1})]


def test_reads_a_last_line_without_newline(here):
    Path("a.jsonl").write_bytes(b'{"x": 1}\n{"x": 2}')
    assert [row["x"] for row in read_jsonl("a.jsonl")] == [1, 2]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"x": "\xff"}', "a.jsonl:2: byte 8 is not UTF-8. Save the file as UTF-8."),
        (
            b"\xef\xbb\xbf{}",
            "a.jsonl:2: starts with a byte order mark. Save the file as UTF-8 without it.",
        ),
        (
            b'{"x": 1',
            "a.jsonl:2: not JSON: Expecting ',' delimiter, column 8. Write one JSON object per line.",
        ),
        (b"[1]", "a.jsonl:2: the line holds no object. Write {...} on every line."),
        (b"null", "a.jsonl:2: the line holds no object. Write {...} on every line."),
        (b'{"x": 1, "x": 1}', "a.jsonl:2: the key 'x' stands twice. Keep one."),
        (b'{"y": {"a\\nb": 1, "a\\nb": 2}}', "a.jsonl:2: the key 'a\\nb' stands twice. Keep one."),
        (b'{"x": NaN}', "a.jsonl:2: NaN is not JSON. Write null or a number."),
        (b'{"x": 1e400}', "a.jsonl:2: '1e400' is too large a number. Write it as text."),
        (
            b'{"x": 0_1}',
            "a.jsonl:2: not JSON: Expecting ',' delimiter, column 8. Write one JSON object per line.",
        ),
        (
            b'{"x": "\0"}',
            "a.jsonl:2: byte 8 is a NUL, as in UTF-16 or a binary file. Save the file as UTF-8.",
        ),
        (b'{"x": -Infinity}', "a.jsonl:2: -Infinity is not JSON. Write null or a number."),
        (b'{"x": "\\ud800"}', "a.jsonl:2: a \\u escape is half of a surrogate pair. Write the character."),
        (
            b'{"x": ' + b"[" * 200_000,
            "a.jsonl:2: the JSON is nested too deeply. Write one flat object per line.",
        ),
        (
            b'{"x": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
            "a.jsonl:2: the JSON is nested too deeply. Write one flat object per line.",
        ),
        (b'{"x": ' + b"9" * 5000 + b"}", "a.jsonl:2: a number is too long. Write it as text."),
    ],
)
def test_names_file_line_and_mend(write, line, message):
    assert failure(write("a.jsonl", [b"{}", line])) == message


def test_a_blank_line_between_rows_is_named(write):
    path = write("a.jsonl", [b"{}", b"", b"", b"{}"])
    assert failure(path) == "a.jsonl:2: a blank line stands between rows. Remove it."


def test_paired_surrogate_escapes_are_a_character(write):
    path = write("a.jsonl", [b'{"x": "\\ud83d\\ude00"}'])
    assert list(read_jsonl(path)) == [{"x": "\U0001f600"}]


def test_a_line_over_the_limit_is_refused_and_one_below_is_read(write, monkeypatch):
    monkeypatch.setattr(strict_json, "MAX_LINE", 2**20)
    path = write("a.jsonl", [b'{"x": "' + b"a" * (2**20 - 10) + b'"}'])
    assert len(next(read_jsonl(path))["x"]) == 2**20 - 10
    long = write("b.jsonl", [b'{"x": "' + b"a" * 2**20 + b'"}'])
    assert failure(long) == "b.jsonl:1: the line is over 1 MiB. Write one JSON object per line."


def test_files_that_are_none(here):
    assert failure(Path("a.jsonl")) == "a.jsonl: no such file. Check the path."
    assert failure(here).endswith(": not a regular file but a folder. Name a file.")
    os.mkfifo("pipe")
    assert failure(Path("pipe")) == "pipe: not a regular file but a pipe. Name a file."
    assert failure(Path("a\0b")) == "'a\\x00b': not a path (it holds a NUL). Name a file."
    assert failure(Path("a" * 5000)).endswith("cannot be read (File name too long). Check the file.")


JSONISH = st.lists(
    st.sampled_from([b"{", b"}", b"[", b"]", b'"', b":", b",", b"1", b"\\u", b"d800", b"\n", b"\xff", b"NaN"])
).map(b"".join)


@settings(deadline=None)
@given(st.binary() | JSONISH)
def test_any_bytes_are_rows_or_one_line(tmp_path_factory, body):
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(body)
    try:
        rows = list(read_numbered(path))
    except HarnessError as bad:
        assert str(bad).isprintable()
        assert str(bad).startswith(str(path))
    else:
        assert len(rows) == len([line for line in body.split(b"\n") if line.strip(b" \t\r\n")])


class Thing(msgspec.Struct, forbid_unknown_fields=False):
    a: object = None


PIECES = st.lists(
    st.sampled_from(
        ['"a"', '"b"', '"a\\":"', '"\\u0022:"', ":", ": ", " :", ",", "{", "}", "1", "1.5", "[", "]"]
    ),
    max_size=12,
).map("".join)


@settings(deadline=None, max_examples=400)
@given(PIECES | st.recursive(st.integers() | st.just("x:"), st.lists).map(json.dumps))
def test_the_fast_reading_takes_nothing_that_the_strict_one_refuses(text):
    text = '{"a":1,' + text + "}"
    try:
        value = strict_json.value_of(text, "x", mend="")
    except DataError:
        assert strict_json._plainly(text, Thing) is None
    else:
        assert strict_json.struct_of(text, Thing, "x", mend="").a == value["a"]


def test_a_second_key_that_an_odd_spelling_would_hide():
    for text in (
        '{"a":1,"a":2,"b" :3}',
        '{"a":1,"a":2,"b":"\\u0022:"}',
        '{"a": 1, "a": 2}',
        '{"x":{"a":1,"a":1}}',
    ):
        with pytest.raises(DataError, match="the key 'a' stands twice"):
            strict_json.struct_of(text, Thing, "x", mend="")
