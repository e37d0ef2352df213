import csv
import io
import re
from pathlib import Path

import msgspec
import pytest

from w2s_harness.contract.errors import UsageError
from w2s_harness.report.document import document
from w2s_harness.report.document.canonical import descriptions, document_bytes
from w2s_harness.report.formats import FORMATS, render
from w2s_harness.report.notation import NOT_ISOLATED
from w2s_harness.report.tables.column import lines, placed
from w2s_harness.report.tables.legend import UNVERIFIED, basis, brief
from w2s_harness.report.tables.method_columns import COLUMNS, SettingTable, setting_tables
from w2s_harness.report.views.csv_table import CSV_COLUMNS

GOLDENS = Path(__file__).parent / "goldens"


def heads(table):
    return [one.head for one in placed(COLUMNS, table)]


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


def test_every_format_renders_and_ends_its_last_line(board):
    assert tuple(FORMATS) == ("text", "md", "csv", "json", "latex")
    assert all(render(board, name).endswith("\n") for name in FORMATS)


def test_no_column_of_a_table_or_of_csv_is_declared_twice(board):
    table = setting_tables(board)[0]
    places = [column.place for column in COLUMNS if column.place]
    assert len(set(places)) == len(places) and len(set(heads(table))) == len(heads(table))
    named = [name for column in COLUMNS for name in column.csv]
    assert len(set(named)) == len(named) and tuple(named) == CSV_COLUMNS


def test_every_column_of_csv_begins_at_a_field_of_the_document():
    paths = [path for column in COLUMNS for path in column.csv.values() if isinstance(path, str)]
    known = {"Row": [p for p in paths if not p.startswith("setting.")]}
    known["SettingRecord"] = [p.removeprefix("setting.") for p in paths if p.startswith("setting.")]
    for name, those in known.items():
        assert {path.split(".")[0] for path in those} <= set(descriptions()[name])


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
    table = setting_tables(msgspec.structs.replace(board, settings=[unclear]))[0]
    assert table.gap == "Fieller's set is unbounded"
    assert "transfer" in heads(table)
    assert "PGR" not in heads(table)


def test_one_seed_still_shows_pgr(board):
    alone = msgspec.structs.replace(board.settings[0], gap_ci=None, reason="one seed")
    table = setting_tables(msgspec.structs.replace(board, settings=[alone]))[0]
    assert table.gap is None
    assert "PGR" in heads(table)


def test_a_reference_that_has_a_column_gets_no_second_one(board):
    bare = [msgspec.structs.replace(s, vanilla_star={}) for s in board.settings]
    rows = [
        msgspec.structs.replace(r, versus=[r.vs_vanilla_star] if r.vs_vanilla_star else [])
        for r in board.rows
    ]
    for row in rows:
        row.versus[:] = [msgspec.structs.replace(c, against="vanilla") for c in row.versus]
    table = setting_tables(msgspec.structs.replace(board, settings=bare, rows=rows))[0]
    assert heads(table).count("vs vanilla") == 1
    assert {len(line) for line in lines(COLUMNS, table, table.above)} == {len(heads(table))}
    starred = setting_tables(msgspec.structs.replace(board, rows=rows))[0]
    assert [c for c in heads(starred) if c.startswith("vs")] == ["vs vanilla*", "vs vanilla"]


def test_unverified_rows_and_failed_controls_are_said(board):
    assert UNVERIFIED not in render(board, "text")
    rows = [msgspec.structs.replace(board.rows[0], isolation="L0", unverified=NOT_ISOLATED)]
    controls = [msgspec.structs.replace(board.controls[0], ok=False, because="it has a gap")]
    said = render(msgspec.structs.replace(board, rows=rows, controls=controls), "text")
    assert UNVERIFIED in said
    assert said.startswith("CONTROL FAILED weak=strong on math, tiny: it has a gap\n\n")


def texts(board, real):
    long = [msgspec.structs.replace(r, method=f"{r.method}-by-somebody") for r in board.rows]
    return [board, real, msgspec.structs.replace(board, rows=long)]


@pytest.fixture(scope="module")
def real():
    """The leaderboard of the README's run."""
    return document.read(Path(__file__).parents[3] / "docs" / "readme-leaderboard.json")


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_lines_fit_the_terminal_and_end_between_words(board, real, width):
    for each in texts(board, real):
        shown = render(each, "text", width)
        assert max(map(len, shown.splitlines())) <= width
        whole = set(re.split(r"[\s]+|(?<=[\[,/])", render(each, "text")))
        broken = set(re.split(r"[\s]+|(?<=[\[,/])", shown)) - whole
        assert {
            w for w in broken if not re.fullmatch(r"-+|every|row:|where|nothing|else|is|said:|ok,|\w+;", w)
        } == set()


def test_a_wide_terminal_shows_what_a_file_holds(board, real):
    for each in (board, real):
        assert render(each, "text", 500) == render(each, "text")


def test_on_a_narrow_terminal_what_vouches_for_a_row_stands_below_it(board):
    lines = render(board, "text", 80).splitlines()
    at = next(i for i, line in enumerate(lines) if "logconf" in line)
    assert lines[at + 1] == "         guards review, attempts >= 3"
    assert " where nothing else is said: guards ok, access strict" in lines
    assert "guards" in render(board, "text", 150).splitlines()[3]


def test_a_table_says_what_it_rests_on(board, real):
    assert " 2 seeds, 4 holdout rows, 2 questions\n" in render(board, "text")
    assert render(real, "text").count(" 5 seeds, 2000 holdout rows, 500 questions") == 2
    first = board.settings[0]
    bare = msgspec.structs.replace(first, clusters=None, n_test=1, baseline_seeds=[0])
    assert (
        basis(SettingTable(bare, None, board.rows, [])) == "2 seeds, weak and ceiling 1 seed, 1 holdout row"
    )


def test_every_column_is_explained(board, real):
    for each in (board, real):
        said = render(each, "text")
        for column in {head for table in setting_tables(each) for head in heads(table)} - {"method"}:
            assert f"\n{column}: " in said, column
        assert "\nC: " in said and "\nelicitation: " in said
    assert "review: a guard cannot tell" in render(board, "text")
    assert "w2s-harness show math/tiny/logconf/s0" in render(board, "text")
    assert "\nreview: " not in render(real, "text"), "no row asks for it"


def test_each_method_without_a_claim_says_why_in_one_line(real):
    lines = [line for line in render(real, "text").splitlines() if line.startswith("No claim: ")][1:]
    assert len(lines) == len({row.method for row in real.rows})
    assert "No claim: vanilla-hard: math, code and kinds: not above vanilla*; chat: elicitation." in lines
    assert "No claim: zero-shot: elicitation." in lines and max(map(len, lines)) < 150


def test_what_would_decide_a_comparison_stays_in_the_short_reason(board):
    row = next(r for r in board.rows if (r.method, r.task) == ("logconf", "math"))
    because = "not shown to be above vanilla* (+.05 PGR, new pools -.01 to .11; needs 14 seeds)"
    claim = msgspec.structs.replace(row.claim, because=because)
    assert (
        brief(msgspec.structs.replace(row, claim=claim)) == "not shown to be above vanilla* (needs 14 seeds)"
    )


def test_no_view_passes_a_control_character_on(board):
    for view in ("text", "md", "csv"):
        assert all(c == "\n" or c.isprintable() for c in render(board, view))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\uff1d"])
def test_csv_hands_a_spreadsheet_no_formula_and_keeps_numbers(board, start):
    evil = f'{start}HYPERLINK("http://x")'
    row = msgspec.structs.replace(board.rows[0], method=evil, reason=evil, pgr=-0.25, parameters={})
    found = list(csv.reader(io.StringIO(render(msgspec.structs.replace(board, rows=[row]), "csv"))))[1]
    line = dict(zip(CSV_COLUMNS, found, strict=True))
    assert line["method"].startswith("'")
    assert line["reason"].endswith('HYPERLINK("http://x")')
    assert line["pgr"] == "-0.25"
    for field in found:
        assert not field.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d")) or float(field) <= 0


def cut_board(board):
    """The board with a majority, and a strong model that cut 12 rows."""
    replace = msgspec.structs.replace
    (first, *others) = board.settings
    strong = replace(first.models["strong"], context=64, n_cut=12)
    weak = replace(first.models["weak"], context=256, n_cut=0)
    changed = replace(first, majority=0.515, n_cut=12, models={"weak": weak, "strong": strong})
    return replace(board, settings=[changed, *others])


@pytest.mark.parametrize("view", ["text", "md", "latex"])
def test_every_report_says_what_was_cut_and_the_majority(board, view):
    changed = cut_board(board)
    said = render(changed, view)
    assert "strong model: 12 rows cut to 64 tokens" in said and "weak model" not in said
    assert "majority .515" in said and "majority: accuracy of giving every holdout row" in said
    plain = render(board, view)
    assert "cut to" not in plain and "majority" not in plain


def test_csv_says_what_was_cut_and_the_majority(board):
    lines = list(csv.reader(io.StringIO(render(cut_board(board), "csv"))))
    line = dict(zip(CSV_COLUMNS, lines[1], strict=True))
    known = ("majority", "weak_rows_cut", "weak_context", "strong_rows_cut", "strong_context")
    assert [line[name] for name in known] == ["0.515", "0", "256", "12", "64"]
