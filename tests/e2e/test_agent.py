"""Agent runs through the real command line: plain search, its board, a kill, bad input."""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path

import pytest
from commands import Done, Place

from w2s_harness.report.document import document
from w2s_harness.scoring.metered.ledger import verify

ASKED = (
    "agent", "run", "--limit", "240", "--seeds", "2", "--held-out-tasks", "math", "--agents", "2",
    "--queries", "4", "--hours", "1", "--guards", "provenance", "-n", "2",
)  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> tuple[Place, Done]:
    """A whole small run. Tests read it, none writes into it."""
    place = Place(tmp_path_factory.mktemp("agents"))
    return place, place(*ASKED, "--dir", "r", timeout=600)


def books(folder: Path, name: str) -> list[dict]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def test_search_without_a_key_climbs_and_ends_with_a_board(done):
    place, told = done
    assert told.code == 0, told.err
    assert "agents by plain search" in told.err
    folder = place.folder / "r"
    evaluations, handed = books(folder, "evaluations"), books(folder, "submissions")
    assert [line["who"] for line in evaluations] == ["agent-1", "agent-2"] * 2
    assert len(handed) >= 2 and verify(folder / "ledger.jsonl")
    board = document.read(folder / "leaderboard.json")
    mine = [row for row in board.rows if row.task == "chat" and row.author]
    assert {row.author.who for row in mine} == {"agent-1", "agent-2"}
    exact = {line["label"]: line["pgr"] for line in evaluations}
    for row in mine:
        assert row.feedback == pytest.approx(exact[document.label(row)])
        assert row.final == row.pgr and row.optimism == pytest.approx(row.feedback - row.final)
        assert set(row.held_out) == {"math"} and row.cost.agent_hours > 0 and row.author.lines > 20
        assert row.attempts >= 1 and row.author.family
    assert "optimism" in told.out and "held-out" in told.out


def test_no_query_touched_what_ranks(done):
    place, _ = done
    folder = place.folder / "r"
    board = document.read(folder / "leaderboard.json")
    parts = {task["id"]: task["part"] for task in board.plan["tasks"]}
    assert parts == {"chat": "final", "math": "whole"}
    rows = {line["rows"] for line in books(folder, "ledger") if line["kind"] == "query"}
    (final,) = [s.n_test for s in board.settings if s.task == "chat"]
    assert rows == {240 - final}


def test_status_cost_and_findings_are_read_from_the_books(done):
    place, _ = done
    status = json.loads(place("agent", "status", "r", "--json").out)
    assert status["stage"] == "done" and [a["queries"] for a in status["agents"]] == [2, 2]
    cost = json.loads(place("agent", "cost", "r", "--json").out)
    assert cost["total"]["compute_seconds"] > 0 and cost["total"]["usd"] == 0
    assert "was told PGR" in place("agent", "findings", "r").out


def test_how_it_searched_is_told_and_drawn(done, tmp_path):
    place, _ = done
    told = place("agent", "science", "r", "--json", "--against", "r", "--figures", str(tmp_path / "f"))
    assert told.code == 0, told.err
    found = json.loads(told.out)
    assert found["ideas"] == 4 and "unknown" not in found["families"] and len(found["entropy"]) == 4
    assert all(p["lines"] > 20 for p in found["complexity"])
    first, second = found["against"]["points"][-1]["runs"]
    assert first == second and first["evaluations"] == 4 and first["final"] is not None
    assert (tmp_path / "f" / "search.svg").stat().st_size > 1000


def test_a_board_names_the_ledger_that_it_was_made_from(done, tmp_path):
    place, _ = done
    shutil.copytree(place.folder / "r", tmp_path / "r")
    assert Place(tmp_path)("verify", "r").code == 0
    board = tmp_path / "r" / "leaderboard.json"
    head = json.loads(board.read_text())["plan"]["agents"]["ledger_head"]
    board.write_text(board.read_text().replace(head, "0" * 64))
    told = Place(tmp_path)("verify", "r")
    assert told.code == 4 and "was made from another ledger" in told.err


@pytest.mark.heavy
def test_a_killed_run_goes_on_to_the_same_numbers(done, tmp_path):
    whole, _ = done
    place = Place(tmp_path)
    running = place.start(*ASKED, "--dir", "r")
    end = time.monotonic() + 300
    while not (tmp_path / "r" / "evaluations.jsonl").exists():
        assert running.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    assert place("agent", "resume", "r", timeout=600).code == 0
    same = [(line["who"], line["label"], line["pgr"]) for line in books(whole.folder / "r", "evaluations")]
    assert [(x["who"], x["label"], x["pgr"]) for x in books(tmp_path / "r", "evaluations")] == same
    costs = [line["cost"] for line in books(tmp_path / "r", "ledger") if line["kind"] != "open"]
    assert sum(costs) == 4 and verify(tmp_path / "r" / "ledger.jsonl")


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (("--tasks", "math,code"), "agents climb one task on one pair"),
        (("--held-out-tasks", "chat"), "'chat' is what agents climb"),
        (("--held-out-tasks", ""), "name a task that agents never see"),
        (("--grant", "inference"), "never given"),
        (("--seeds", "x"), "give a count"),
        (("--tasks", "mth", "--dir", "m"), "unknown task 'mth'"),
    ],
)
def test_bad_input_is_one_line(tmp_path, flags, why):
    told = Place(tmp_path)("agent", "run", *flags)
    assert told.code == 4 and why in told.err and "Traceback" not in told.err
    assert told.err.strip().splitlines()[-1].startswith("error: ")


def test_a_folder_that_exists_is_left_alone(tmp_path):
    place = Place(tmp_path)
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "notes").write_text("mine")
    told = place("agent", "run", "--dir", "r")
    assert told.code == 4 and "r exists" in told.err and "agent resume r" in told.err
    for command in ("resume", "status", "cost", "findings"):
        told = place("agent", command, "r")
        assert told.code == 4 and "no agent run" in told.err
