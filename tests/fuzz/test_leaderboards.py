"""The reader of leaderboards, and the views of whatever it accepts."""

from __future__ import annotations

import json

import mutants
from bounds import fuzz
from hypothesis import given
from hypothesis import strategies as st
from leaderboards import DOCUMENT

from w2s_harness.report import formats
from w2s_harness.report.document import document

TEXT = json.dumps(DOCUMENT).encode()
TOKENS = (
    b"{", b"}", b"[", b"]", b'"', b":", b",", b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-1e999",
    b"1E+308", b"9" * 4400, b"-0", b"0.1" + b"0" * 400, b"\\ud800", b"\\udc00\\ud800", b"\\u0000", b'"x":',
    b'[{"x":', b"\\",
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def shown(body: bytes) -> None:
    board = document.decode(body, "theirs.json")
    for view in formats.FORMATS:
        formats.render(board, view)


def test_the_document_that_is_mutated_is_valid():
    shown(TEXT)


def test_mutated_bytes(count):
    fuzz(mutants.of_bytes("leaderboard", count, [TEXT, b"{}"], TOKENS), shown)


def test_mutated_values(count):
    accepted = fuzz(
        mutants.of_values("leaderboard", count, [DOCUMENT], lambda d: json.dumps(d).encode()), shown
    )
    assert accepted > count / 20, "the mutants no longer reach the views"


def test_any_json(drawn):
    seen = []

    @drawn
    @given(JSON, st.sampled_from(sorted(DOCUMENT)))
    def one(value, key):
        seen.append(1)
        fuzz([json.dumps(value).encode(), json.dumps({**DOCUMENT, key: value}).encode()], shown)

    one()
    assert seen
