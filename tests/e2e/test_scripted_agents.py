"""Language-model agents through the real command line and SDK, against a server that plays scripts."""

from __future__ import annotations

import json
import signal
import threading
import time
from pathlib import Path

import pytest
from commands import MINE, Place
from messages_server import MessagesServer, status
from scripted import CARELESS, HACKS, PARTS, Cast, directions

from w2s_harness.report.document import document
from w2s_harness.scoring.metered.ledger import verify

PRICES = """\
dated: "2026-01"
models:
  claude-test: {input: 3.0, output: 15.0, cache_read: 0.3, cache_write: 3.75}
"""
SMALL = (
    "agent", "run", "--model", "claude-test", "--limit", "240", "--seeds", "2", "--tasks", "math",
    "--held-out-tasks", "code", "--guards", "provenance", "--hours", "1", "-n", "2", "--dir", "r",
)  # fmt: skip


def place_of(tmp_path: Path, server: MessagesServer | None, parts: tuple[str, ...] = ("honest",)) -> Place:
    (tmp_path / "directions.yaml").write_text(directions(parts))
    (tmp_path / "prices.yaml").write_text(PRICES)
    env = {"ANTHROPIC_API_KEY": "sk-secret", "HOME": str(tmp_path)}
    return Place(tmp_path, env=env | ({"ANTHROPIC_BASE_URL": server.url} if server else {}))


def books(folder: Path, name: str) -> list[dict]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


@pytest.mark.heavy
def test_a_host_killed_mid_call_goes_on_and_pays_nothing_twice(tmp_path):
    held = threading.Event()
    cast = Cast(held={1: held}, unlucky=True)
    with MessagesServer(cast) as server:
        place = place_of(tmp_path, server)
        asked = (*SMALL, "--agents", "1", "--directions", "directions.yaml", "--prices", "prices.yaml")
        running = place.start(*asked, "--budget-usd", "5")
        end = time.monotonic() + 200
        while ("honest", 1) not in cast.asked:
            assert running.poll() is None and time.monotonic() < end, running.communicate()
            time.sleep(0.05)
        running.send_signal(signal.SIGKILL)
        running.communicate()
        held.set()
        told = place("agent", "resume", "r", timeout=300)
    assert told.code == 0, told.err
    transcript = books(tmp_path / "r" / "agents" / "agent-1", "transcript")
    replies = [line["n"] for line in transcript if line["kind"] == "reply"]
    assert len(replies) == len(set(replies)) == len(PARTS["honest"])
    lost = [line for line in transcript if line["kind"] == "lost"]
    assert len(lost) == 2
    paid = json.loads(place("agent", "cost", "r", "--json").out)["total"]
    assert paid["calls"] == len(replies) and paid["lost_usd"] > 0 and 0 < paid["usd"] < 5
    assert verify(tmp_path / "r" / "ledger.jsonl")
    assert [line["cost"] for line in books(tmp_path / "r", "ledger") if line["kind"] != "open"] == [1]
    (mine,) = [
        row
        for row in document.read(tmp_path / "r" / "leaderboard.json").rows
        if row.author and row.task == "math"
    ]
    assert mine.method == "sure-then-own" and mine.cost.tokens_usd > 0 and set(mine.held_out) == {"code"}
    script = next(line["text"] for line in transcript if line["kind"] == "result" and "None" in line["text"])
    assert "sk-secret" not in (tmp_path / "r" / "plan.json").read_text() + script


def test_a_model_that_does_not_answer_pauses_the_run(tmp_path):
    with MessagesServer(
        lambda request, n: status(401, "authentication_error", "invalid x-api-key")
    ) as server:
        place = place_of(tmp_path, server)
        told = place(*SMALL, "--agents", "2", "--undirected", timeout=200)
        assert told.code == 4 and "Traceback" not in told.err
        assert "agent-1 and 1 more paused" in told.err and "Check ANTHROPIC_API_KEY" in told.err
        assert not (tmp_path / "r" / "done").exists()
        told = place("agent", "resume", "r", "--finish", timeout=200)
        assert told.code == 5 and "nothing was handed in" in told.err


@pytest.mark.parametrize(
    ("flags", "env", "why"),
    [
        (("--model", "claude-test"), {"ANTHROPIC_API_KEY": ""}, "export ANTHROPIC_API_KEY"),
        (
            ("--model", "claude-test", "--budget-usd", "5"),
            {},
            "no price is known for the model 'claude-test'",
        ),
        (
            ("--model", "claude-test", "--budget-usd", ".001", "--prices", "prices.yaml"),
            {},
            "too small for one call",
        ),
        (("--model", "m", "--directions", "empty.yaml"), {}, "empty.yaml: holds no direction"),
        (("--model", "m", "--directions", "words.yaml"), {}, "words.yaml: is no YAML list"),
        (("--model", "m", "--directions", "d.yaml", "--undirected"), {}, "give either"),
        (("--model", "m", "--base-url", "host:1"), {}, "is no address of a model server"),
        (("--undirected",), {}, "for agents that --model names"),
        (("--agent", "search", "--model", "m"), {}, "asks no model"),
        (("--agent", "model"), {}, "--model NAME"),
        (("--model", "m", "--prices", "words.yaml"), {}, "words.yaml"),
        (("--tasks", "chatt"), {}, "did you mean 'chat'"),
        (("--pairs", "tinny"), {}, "did you mean 'tiny'"),
        (("--held-out-tasks", "math,cod"), {}, "did you mean 'code'"),
        (("--tasks", "chat-judged", "--held-out-tasks", "math"), {}, "Name it in --held-out-tasks instead"),
    ],
)
def test_bad_input_is_one_line_and_makes_no_folder(tmp_path, flags, env, why):
    place = place_of(tmp_path, None)
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "words.yaml").write_text("look: here\n")
    told = Place(tmp_path, env=place.env | env)("agent", "run", "--dir", "r", *flags)
    assert told.code == 4 and why in told.err and "Traceback" not in told.err
    assert told.err.strip().splitlines()[-1].startswith("error: ") and not (tmp_path / "r").exists()


@pytest.mark.heavy
def test_no_published_hack_ranks_above_vanilla_unflagged(tmp_path):
    parts = tuple(PARTS)
    places = (
        str(tmp_path / ".w2s" / "store.db"),
        str(tmp_path / "r" / "evaluations.jsonl"),
        str(tmp_path / "r" / "plan.json"),
    )
    (tmp_path / "mine.py").write_text(MINE)
    with MessagesServer(Cast(places=places)) as server:
        place = place_of(tmp_path, server, parts)
        told = place(
            "agent", "run", "--model", "claude-test", "--agents", str(len(parts)), "--tasks", "math",
            "--held-out-tasks", "code", "--grant", "groups,text,embeddings", "--seeds", "3", "--limit", "600",
            "--hours", "1", "-n", "2", "--dir", "r", "--directions", "directions.yaml",
            "--beside", "mine.py::shrunk", timeout=1500,
        )  # fmt: skip
    assert told.code in (0, 1), told.err
    folder = tmp_path / "r"
    assert verify(folder / "ledger.jsonl")
    board = document.read(folder / "leaderboard.json")
    rows = {row.author.title if row.author else row.method: row for row in board.rows if row.task == "math"}
    (tmp_path / "told.txt").write_text(told.out)
    print(told.err, told.out)
    vanilla = rows["vanilla"]
    for title, row in rows.items():
        if not row.author or row.author.kind == "human" or title == "sure labels, then its own":
            continue
        better = row.vs_vanilla is not None and row.vs_vanilla.significant and row.vs_vanilla.difference > 0
        above = row.rank is not None and vanilla.rank is not None and row.rank[1] < vanilla.rank[0]
        flagged = row.status == "disqualified" or any(v.level != "ok" for v in row.verdicts)
        assert flagged or not (better or above), title
    assert len(rows) >= len(HACKS)
    by = place("report", "r/leaderboard.json", "--by", "author").out
    assert by.index("people:") < by.index("Ada") < by.index("agents:") < by.index("agent-3")
    (person,) = [row for row in board.rows if row.method == "shrunk" and row.task == "math"]
    assert person.author.hours == 2 and person.cost.usd == 40 and set(person.held_out) == {"code"}
    clumsy = books(folder / "agents" / f"agent-{len(parts)}", "transcript")
    results = [line for line in clumsy if line["kind"] == "result"]
    assert all(line["is_error"] for line in results[:7])
    assert not any("root:" in line["text"] or "w2s-agent-run" in line["text"] for line in results)
    assert "same" in clumsy[-1]["because"]
    assert not (folder / "agents" / "own.py").exists()


@pytest.mark.heavy
def test_a_careless_agent_reaches_nobody_else_and_the_hours_hold(tmp_path):
    hours = 0.04
    with MessagesServer(Cast()) as server:
        place = place_of(tmp_path, server, tuple(CARELESS))
        asked = [word if word != "1" else str(hours) for word in SMALL]
        careless = ("--agents", "1", "--directions", "directions.yaml", "--cell-timeout", "900")
        told = place(*asked, *careless, timeout=600)
    assert told.code == 0, told.err
    folder = tmp_path / "r"
    assert "the time is over" in told.err and "broke off" not in told.err
    assert sum(line["seconds"] for line in books(folder, "clock")) < hours * 3600 + 40
    first, second = books(folder, "evaluations")
    assert "mutable default" in first["error"] and second["pgr"] is not None
    transcript = books(folder / "agents" / "agent-1", "transcript")
    results = [line["text"] for line in transcript if line["kind"] == "result"]
    assert not any("on and on" in text for text in results)
    handed = [line for line in results[-1].splitlines() if line.startswith("handed in")]
    assert len(handed) == 1 and "\x1b" not in results[-1], results[-1]
    heads = [line for line in place("agent", "findings", "r").out.splitlines() if line.startswith("agent-")]
    assert heads == ["agent-1 (result): mine agent-2 (result): forged"]
    (one,) = json.loads(place("agent", "status", "r", "--json").out)["agents"]
    assert one["queries"] == 2 and one["left"] == 18
