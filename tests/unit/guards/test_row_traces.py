"""Rows of a task are found in files in the guises that a method could give them."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from w2s_plugins.guards.looks.carried_data import search

ROWS = [
    [f'Anna buys {i} "pens" and\n{3 * i} books. How many things?', f"First {i}, then it is {4 * i} things."]
    for i in range(40)
    for _ in range(2)
]
GROUPS = [i // 2 for i in range(80)]


def both(row):
    return "\n".join(row)


@pytest.mark.parametrize(
    "write",
    [
        lambda rows: "\n".join(r[0] for r in rows).encode(),
        lambda rows: json.dumps([{"q": r[0]} for r in rows], indent=1).encode(),
        lambda rows: f"TABLE = {[r[0] for r in rows]!r}".encode(),
        lambda rows: "\n".join(r[0].upper() for r in rows).encode("utf-16"),
        lambda rows: "\n".join(r[0].replace(" ", "\n    ") for r in rows).encode(),
    ],
)
def test_texts_quoted_escaped_wrapped_or_in_another_encoding(write):
    found = search({"a.txt": b"nothing here", "m.py": write(ROWS)}, ROWS, GROUPS)
    assert (found.rows, found.texts, found.of, found.file, found.how) == (80, 40, 80, "m.py", "text")


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "blake2b"])
@pytest.mark.parametrize("of", [lambda r: r[0], lambda r: r[1], both, "".join, " ".join])
def test_hex_digests(name, of):
    digests = [hashlib.new(name, of(r).encode()).hexdigest() for r in ROWS]
    for text in ("\n".join(digests), str({d[:16].upper(): 1 for d in digests}), "".join(digests)):
        found = search({"m.py": text.encode()}, ROWS, GROUPS)
        assert found.rows >= 40 and found.how == "digest"


def test_short_blake2b_digests():
    text = " ".join(hashlib.blake2b(r[0].encode(), digest_size=8).hexdigest() for r in ROWS)
    assert search({"m.py": text.encode()}, ROWS, GROUPS).rows == 80


def test_raw_digests_in_a_binary_file():
    data = b"\x93\0" + b"".join(hashlib.sha256(both(r).encode()).digest() for r in ROWS)
    assert search({"m.bin": data}, ROWS, GROUPS).rows >= 40


def test_digests_of_responses_joined_with_the_prompt():
    rows = [[f"Request number {i}, please", f"yes {i}", f"no {i}"] for i in range(30)]
    text = "\n".join(hashlib.md5((r[0] + r[2]).encode()).hexdigest() for r in rows)
    assert search({"m.py": text.encode()}, rows, list(range(30))).rows == 30


def test_an_instruction_that_all_questions_share_is_no_trace():
    rows = [["Is the following review positive?", f"number {i}"] for i in range(30)]
    assert search({"m.py": b'"""Is the following review positive?"""'}, rows, list(range(30))) is None


def test_short_texts_and_other_files_are_no_trace():
    rows = [[f"2 + {i}", "it is so"] for i in range(30)]
    files = {"m.py": "\n".join(r[0] for r in rows).encode(), "n.bin": bytes(range(256)) * 100, "e": b""}
    assert search(files, rows, list(range(30))) is None


def test_digests_of_anything_else_are_no_trace():
    text = "\n".join(hashlib.sha256(str(i).encode()).hexdigest() for i in range(5000))
    blob = base64.b64decode(base64.b64encode(hashlib.sha512(b"x").digest() * 500))
    assert search({"uv.lock": text.encode(), "x.so": b"\0" + blob}, ROWS, GROUPS) is None
