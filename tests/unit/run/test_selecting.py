from __future__ import annotations

import pytest

from w2s_harness.contract.errors import UsageError
from w2s_harness.run.session.choice import matches_expression

CELL = "math/tiny/confident[margin=0.3]/s1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("math", True),
        ("code", False),
        ("math and confident", True),
        ("math and not confident", False),
        ("code or s1", True),
        ("code or math and s2", False),
        ("(code or math) and s1", True),
        ("not (code or chat)", True),
        ("not not math", True),
        ("math/*/s1", True),
        ("*/s2", False),
        ("code or chat or math", True),
        ("(((math)))", True),
    ],
)
def test_words_globs_and_operators(text, expected):
    assert matches_expression(text)(CELL) is expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a name is missing"),
        ("math and", "a name is missing"),
        ("or math", "a name is missing"),
        ("not", "a name is missing"),
        ("(math", "a closing parenthesis is missing"),
        ("math)", r"'\)' is out of place"),
        ("math code", "'code' is out of place"),
        ("()", "a name is missing"),
    ],
)
def test_a_broken_expression_says_what_is_wrong(text, said):
    with pytest.raises(UsageError, match=said):
        matches_expression(text)


@pytest.mark.parametrize("text", ["not " * 3000 + "x", "(" * 3000 + "x" + ")" * 3000, "a or " * 6000 + "a"])
def test_what_nobody_would_write_is_one_line(text):
    with pytest.raises(UsageError, match=r"-k '.{60}': .*(deep|words)"):
        matches_expression(text)


def test_what_somebody_would_write_is_read():
    assert matches_expression("not " * 40 + "math")(CELL) is True
    assert matches_expression(" or ".join(["x"] * 2000 + ["math"]))(CELL) is True
