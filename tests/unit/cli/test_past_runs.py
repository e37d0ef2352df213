"""What `list runs` says of a store."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from w2s_harness.cli.commands import list as listing
from w2s_harness.cli.commands.list import command

PLAN = {
    "tasks": [{"id": "math"}, {"id": "chat"}],
    "pairs": [{"name": "tiny"}],
    "methods": [{"id": name} for name in ("vanilla", "a", "b", "c", "d", "e")],
    "seeds": [0, 1, 2],
}


@pytest.fixture
def store(tmp_path):
    def run(name, plan=PLAN, events=(), rows=None):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "plan.json").write_text(plan if isinstance(plan, str) else json.dumps(plan))
        (folder / "events.jsonl").write_text("".join(f"{json.dumps(e)}\n" for e in events) + '{"cell": "to')
        if rows is not None:
            (folder / "leaderboard.json").write_text(json.dumps({"rows": [{"status": s} for s in rows]}))

    run("20260102-030405-123-abcd", rows=["ok", "failed", "ok"])
    run("20260103-000000-000-abcd", events=[{"cell": "x"}, {"cell": "x"}, {"cell": "y", "error": "no"}])
    run("odd", plan="[", rows=[])
    return tmp_path


def test_a_run_says_what_it_was_and_how_it_ended(store):
    done = CliRunner().invoke(command, ["runs", "--store", str(store)], env={"COLUMNS": "200"})
    _, first, second, third = done.output.splitlines()
    assert "20260102-030405-123-abcd" in first and "2026-01-02 03:04" in first
    assert "math, chat x vanilla, a, b, c and 2 more, 3 seeds  finished: 1 failed, 2 ok" in first
    assert second.endswith("unfinished: 1 cell so far")
    assert third.endswith("its plan cannot be read  finished: no row")


def test_the_same_as_json(store):
    found = json.loads(CliRunner().invoke(command, ["runs", "--json", "--store", str(store)]).output)
    assert found[0]["started"] == "2026-01-02T03:04:05" and found[0]["seeds"] == 3
    assert found[0]["methods"] == ["vanilla", "a", "b", "c", "d", "e"]
    assert found[2]["started"] is None and found[2]["tasks"] == []


def test_a_store_that_is_not_there(tmp_path):
    assert listing.folders(tmp_path / "gone") == []
    assert CliRunner().invoke(command, ["runs", "--store", str(tmp_path / "gone")]).output == "runs: none\n"
