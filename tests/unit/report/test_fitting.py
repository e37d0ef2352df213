"""Lines that end between words, on any terminal."""

import msgspec
import pytest

from w2s_harness.report.formats import render
from w2s_harness.report.tables.column import placed
from w2s_harness.report.tables.fitting import fitted, phrases, table, wrapped
from w2s_harness.report.tables.method_columns import COLUMNS, UNTESTED, setting_tables

ROWS = [("method", "own", "guards"), ("mine[margin=0.3,soft=true]", "-.36 (-.58 to -.13)", "ok, 1 off")]


def test_a_table_that_fits_is_left_alone():
    assert table(ROWS, 200) == table(ROWS)
    assert [len(lines) for lines in table(ROWS)] == [1, 1]


@pytest.mark.parametrize(("width", "whole"), [(50, True), (30, False)])
def test_a_name_is_broken_before_a_range_of_numbers_and_no_word_at_all(width, whole):
    lines = table(ROWS, width)[1]
    assert max(map(len, lines)) <= width
    assert any("(-.58 to -.13)" in line for line in lines) == whole
    known = {"mine[", "margin=0.3,", "soft=true]", "margin=0.3,soft=true]", "mine[margin=0.3,"}
    assert {word for line in lines for word in line.split()} <= known | set(" ".join(ROWS[1][1:]).split())


def test_a_sentence_is_broken_at_spaces_and_a_command_nowhere():
    said = "Read what it says (w2s-harness show math/tiny/logconf/s0) and then decide about it."
    assert wrapped(said, 42) == [
        "Read what it says",
        "  (w2s-harness show math/tiny/logconf/s0)",
        "  and then decide about it.",
    ]
    assert wrapped("a very/long/path/without/spaces", 10) == ["a", "  very/long/path/without/spaces"]


def test_a_line_goes_on_below_its_last_column_and_a_command_can_be_copied():
    text = "  chat   Requests with checkable instructions.\nagain  w2s-harness run --tasks math --seeds 0,1,2"
    assert fitted(text, 30).split("\n") == [
        "  chat   Requests with",
        "         checkable",
        "         instructions.",
        "again  w2s-harness run --tasks math --seeds 0,1,2",
    ]
    assert fitted(text) == text


def test_phrases_keep_together():
    parts = ["vanilla* .41 (C=0.003)", "zero-shot* .77 (train:min)", "own of a perfect teacher .17"]
    assert phrases(parts, 60) == [" " + "   ".join(parts[:2]), f" {parts[2]}"]
    assert phrases([]) == []


def test_a_difference_without_a_p_value_is_not_called_insignificant(board):
    none = {"p": None, "p_pool": None, "p_holm": None, "significant": False}
    rows = [
        msgspec.structs.replace(r, vs_vanilla_star=msgspec.structs.replace(r.vs_vanilla_star, **none))
        if r.vs_vanilla_star
        else r
        for r in board.rows
    ]
    changed = msgspec.structs.replace(board, rows=rows)
    table = setting_tables(changed)[0]
    found = {row.method: {c.head: c.cell(row) for c in placed(COLUMNS, table)} for row in table.above}
    assert found["logconf"]["vs vanilla*"] == "+.23  untested"
    assert found["vanilla"]["vs vanilla*"] == "-.07  reference"
    assert UNTESTED in render(changed, "text") and UNTESTED not in render(board, "text")
