"""A run from nothing, the same again, and what reads its results."""

from __future__ import annotations

import csv
import io
import json
import shutil

import jsonschema
import pytest
from commands import METHODS, Place, numbers

TOP = {"schema", "harness", "plan", "settings", "rows", "timing", "machine"}
SETTING = {"task", "pair", "mode", "solver", "n_test", "weak", "ceiling", "weak_label_acc", "gap", "gap_ci"}
ROW = {
    "method", "task", "pair", "status", "track", "rank", "pgr", "pgr_ci", "pgr_ci_pool", "pgr_sem", "reason",
    "transfer", "access", "attempts", "isolation", "verdicts", "compute", "source",
}  # fmt: skip


@pytest.fixture(scope="module")
def board(first) -> dict:
    place, done = first
    assert done.code == 0, done.err
    return place.board()


def test_the_leaderboard_validates_against_the_shipped_schema(first, board):
    place, _ = first
    schema = place("schema", "leaderboard")
    assert schema.code == 0
    rules = json.loads(schema.out)
    jsonschema.Draft202012Validator.check_schema(rules)
    jsonschema.Draft202012Validator(rules).validate(board)
    broken = {**board, "rows": [{**board["rows"][0], "status": "fine"}]}
    assert list(jsonschema.Draft202012Validator(rules).iter_errors(broken))


def test_the_names_that_are_fixed_are_all_there(board):
    assert set(board) >= TOP
    assert board["schema"] == "w2s-leaderboard/1"
    (setting,) = board["settings"]
    assert set(setting) >= SETTING
    assert set(setting["weak"]) >= {"mean", "per_seed"}
    assert [set(s) >= {"seed", "accuracy"} for s in setting["ceiling"]["per_seed"]] == [True, True]
    for row in board["rows"]:
        assert set(row) >= ROW
        assert set(row["source"]) >= {"distribution", "version", "sha256"}
        assert [set(s) >= {"seed", "accuracy", "pgr", "error"} for s in row["transfer"]["per_seed"]] == [
            True
        ] * 2


def test_a_strong_student_has_more_room_than_the_weak_teacher(board):
    (setting,) = board["settings"]
    assert setting["task"] == "words" and setting["pair"] == "narrow..wide" and setting["n_test"] == 150
    assert setting["ceiling"]["mean"] - setting["weak"]["mean"] == pytest.approx(setting["gap"])
    assert setting["gap"] > 0.1
    vanilla = next(r for r in board["rows"] if r["method"] == "vanilla")
    assert vanilla["status"] == "ok" and vanilla["pgr"] is not None
    floor, top = setting["weak"]["mean"], setting["ceiling"]["mean"]
    assert vanilla["pgr"] == pytest.approx((vanilla["transfer"]["mean"] - floor) / (top - floor))


def test_every_method_of_the_plan_has_a_row_and_says_where_it_comes_from(board):
    found = {(r["method"], tuple(sorted(r["parameters"].items()))): r for r in board["rows"]}
    assert set(found) == {
        ("vanilla", ()), ("confident", (("margin", 0.3),)), ("zero-shot", ()), ("shrunk", ()), ("halves", ())
    }  # fmt: skip
    assert found["zero-shot", ()]["track"] == "elicitation"
    assert found["vanilla", ()]["source"]["distribution"] == "w2s-harness"
    assert found["halves", ()]["source"]["distribution"] is None
    assert found["halves", ()]["compute"]["fits"] == 2 * found["shrunk", ()]["compute"]["fits"] == 4


def test_out_holds_the_same_document(first, board):
    place, done = first
    assert json.loads((place.folder / "board.json").read_text("utf-8")) == board
    assert "board.json" in done.out


def test_results_go_to_stdout_and_progress_to_stderr(first):
    _, done = first
    assert "vanilla" in done.out and "weak" in done.out
    assert "features 3/3" not in done.out and "cells 10/10" in done.err


def test_the_same_command_again_computes_nothing_and_gives_the_same_bytes(first, board, tmp_path):
    place, _ = first
    poison = tmp_path / "torch"
    poison.mkdir()
    (poison / "__init__.py").write_text("raise SystemExit('torch was imported')\n")
    shutil.copytree(place.folder, tmp_path / "again")
    again = Place(tmp_path / "again", place.flags, {"PYTHONPATH": str(tmp_path)})
    done = again("run", "--methods", METHODS)
    assert done.code == 0, done.err
    assert "cells 10/10 (10 kept)" in done.err
    assert numbers(again.board()) == numbers(board)
    control = again("run", "--methods", METHODS, "--limit", "90", "--store", str(tmp_path / "empty"))
    assert control.code != 0, "the poisoned torch must be found where something is computed"


@pytest.mark.parametrize("more", [("-n", "1"), ("-n", "2", "--order", "reverse")], ids=["n1", "reverse"])
def test_slots_and_order_change_no_byte(first, board, place, more):
    done = place("run", *more, "--methods", METHODS)
    assert done.code == 0, done.err
    assert numbers(place.board()) == numbers(board)


def test_report_in_every_format(first, board):
    place, _ = first
    rows = len(board["rows"])
    assert json.loads(place("report", "last", "--format", "json").out)["rows"] == board["rows"]
    table = list(csv.DictReader(io.StringIO(place("report", "--format", "csv").out)))
    assert len(table) == rows and {r["method"] for r in table} >= {"vanilla", "halves"}
    assert "| vanilla" in place("report", "--format", "md").out
    assert "vanilla" in place("report", str(place.folder / "board.json"), "--format", "text").out


def test_show_and_list_of_a_run(first):
    place, _ = first
    listed = json.loads(place("list", "runs", "--json").out)
    assert listed[0]["outcome"].startswith("finished: ") and listed[0]["tasks"] == ["words"]
    run = listed[0]["name"]
    shown = json.loads(place("show", run, "--json").out)
    assert shown["state"] == "finished" and len(shown["cells"]) == 10
    by_path = json.loads(place("show", str(place.folder / ".w2s" / "runs" / run), "--json").out)
    assert by_path["run"] == run
    cell = json.loads(place("show", f"{run}::words/narrow..wide/confident[margin=0.3]/s1", "--json").out)
    assert cell["settings"]["method"]["parameters"]["margin"] == 0.3
    assert cell["accuracy"] == shown["cells"]["words/narrow..wide/confident[margin=0.3]/s1"]
    last = place("show", "words/narrow..wide/halves/s0")
    assert last.code == 0 and "accuracy" in last.out
    missing = place("show", "words/narrow..wide/halfes/s0")
    assert missing.code == 4 and "words/narrow..wide/halves/s0" in missing.err
    about = place("show", "confident")
    assert about.code == 0 and "margin" in about.out
