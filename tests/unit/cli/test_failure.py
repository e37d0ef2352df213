from __future__ import annotations

import errno

import pytest

from w2s_harness.cli.failure import explain, one_line
from w2s_harness.errors import DataError, NothingSelectedError, StoreError, WorkerError


@pytest.mark.parametrize(
    ("bad", "code", "said"),
    [
        (DataError("a.jsonl:3: broken"), 4, "error: a.jsonl:3: broken"),
        (StoreError("full"), 4, "error: full"),
        (NothingSelectedError("none"), 5, "error: none"),
        (WorkerError("died"), 1, "error: died"),
        (
            OSError(errno.ENOSPC, "x", "/there"),
            4,
            "error: /there: no space left. Free some and run it again.",
        ),
        (
            KeyError("x"),
            3,
            "internal error: KeyError: 'x'. This is a bug in w2s-harness; --debug shows where.",
        ),
    ],
)
def test_one_line_and_the_exit_code(capsys, bad, code, said):
    assert explain(bad, debug=False) == code
    assert capsys.readouterr().err == f"{said}\n"


def test_a_reader_that_went_away_is_no_failure(capsys):
    assert explain(BrokenPipeError(), debug=False) == 0
    assert capsys.readouterr().err == ""


def test_debug_adds_the_traceback(capsys):
    try:
        raise DataError("bad")
    except DataError as bad:
        assert explain(bad, debug=True) == 4
    err = capsys.readouterr().err
    assert err.startswith("Traceback") and err.endswith("error: bad\n")


def test_control_characters_become_visible():
    assert one_line("a\nb\tc\x1b[31m\x07") == "a; b c\\x1b[31m\\x07"
