"""The fuzzing itself notices what it is there for, and does the same every time."""

from __future__ import annotations

import time

import mutants
import pytest
from bounds import fuzz

from w2s_harness.contract.errors import DataError


def refuse(body: bytes) -> None:
    raise DataError("a.jsonl:1: no. Mend it.")


def test_results_and_clear_errors_pass():
    assert fuzz([b"a", b"b"], bytes.decode) == 2
    assert fuzz([b"a"], refuse) == 0


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (lambda body: {}[body], "KeyError"),
        (lambda body: time.sleep(5), "HangError"),
        (lambda body: bytearray(2**26) * 4, "MemoryError"),
        (lambda body: [b"x" * 2**20 for _ in range(200)], "MemoryError"),
    ],
)
def test_what_breaks_the_bounds_is_named_with_its_input(read, said):
    with pytest.raises(AssertionError, match=rf"input 0 ended in {said}.*b'seen'"):
        fuzz([b"seen"], read, cap=2**26, patience_s=2.0)


def test_an_error_without_words_fails():
    def read(body: bytes) -> None:
        raise DataError("")

    with pytest.raises(AssertionError, match="without a word"):
        fuzz([b"x"], read)


def test_the_same_seed_gives_the_same_inputs():
    def drawn(name: str) -> list[bytes]:
        values = [{"a": [1, {"b": "c"}]}]
        by_value = mutants.of_values(name, 50, values, lambda v: repr(v).encode())
        return [*mutants.of_bytes(name, 50, [b"abc" * 9], [b"<", b">"]), *by_value]

    assert drawn("one") == drawn("one") != drawn("two")
    assert len(set(drawn("one"))) > 60
    assert max(map(len, mutants.of_bytes("long", 500, [b"abc" * 9], [b"<"], longest=99))) == 99
