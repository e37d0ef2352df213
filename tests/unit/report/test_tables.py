import csv
import io
from pathlib import Path

import msgspec
import pytest

from w2s_harness.errors import UsageError
from w2s_harness.report.canonical import document_bytes
from w2s_harness.report.csv_table import CSV_COLUMNS
from w2s_harness.report.notation import NOT_ISOLATED
from w2s_harness.report.tables import UNVERIFIED, blocks, render

GOLDENS = Path(__file__).parent / "goldens"


@pytest.mark.parametrize(
    ("view", "golden"), [("text", "board.txt"), ("md", "board.md"), ("csv", "board.csv")]
)
def test_the_views_are_as_they_were(board, view, golden):
    assert render(board, view) == (GOLDENS / golden).read_text(encoding="utf-8")


def test_the_json_view_is_the_canonical_document(board):
    assert render(board, "json").encode() == document_bytes(board)


def test_an_unknown_view_names_the_near_one(board):
    with pytest.raises(UsageError, match=r"did you mean 'text'.*text, md, csv, json"):
        render(board, "txt")


def test_the_order_of_rows_in_the_document_changes_no_view(board):
    reversed_rows = msgspec.structs.replace(board, rows=board.rows[::-1])
    for view in ("text", "md", "csv"):
        assert render(reversed_rows, view) == render(board, view)


def test_csv_holds_the_doubles_in_full(board):
    lines = list(csv.DictReader(io.StringIO(render(board, "csv"))))
    assert tuple(lines[0]) == CSV_COLUMNS
    by_label = {(line["task"], line["method"]): line for line in lines}
    assert float(by_label["math", "logconf"]["pgr"]) == 0.7512
    assert by_label["math", "broken"]["pgr"] == ""
    assert len(lines) == len(board.rows)


def test_a_gap_that_is_not_significant_is_no_gap(board):
    math = board.settings[0]
    unclear = msgspec.structs.replace(math, gap_ci=(-0.01, 0.6), reason="Fieller's set is unbounded")
    block = blocks(msgspec.structs.replace(board, settings=[unclear]))[0]
    assert block.gap == "Fieller's set is unbounded"
    assert "transfer" in block.columns
    assert "PGR" not in block.columns


def test_one_seed_still_shows_pgr(board):
    alone = msgspec.structs.replace(board.settings[0], gap_ci=None, reason="one seed")
    block = blocks(msgspec.structs.replace(board, settings=[alone]))[0]
    assert block.gap is None
    assert "PGR" in block.columns


def test_unverified_rows_and_failed_controls_are_said(board):
    assert UNVERIFIED not in render(board, "text")
    rows = [msgspec.structs.replace(board.rows[0], isolation="L0", unverified=NOT_ISOLATED)]
    controls = [msgspec.structs.replace(board.controls[0], ok=False, because="it has a gap")]
    said = render(msgspec.structs.replace(board, rows=rows, controls=controls), "text")
    assert UNVERIFIED in said
    assert said.startswith("CONTROL FAILED weak=strong on math, tiny: it has a gap\n\n")


def test_no_view_passes_a_control_character_on(board):
    for view in ("text", "md", "csv"):
        assert all(c == "\n" or c.isprintable() for c in render(board, view))
