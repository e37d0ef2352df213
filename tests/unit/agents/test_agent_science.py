"""How a run searched, from hand-written books."""

import json
import math
from pathlib import Path

import pytest
from messages_server import MessagesServer, play, say

from w2s_harness.contract.errors import UsageError
from w2s_studies.agents.books import plan
from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.books.money import Price, Prices, Purse
from w2s_studies.agents.books.plan import AgentPlan
from w2s_studies.agents.models.models import AnthropicModel
from w2s_studies.agents.science import science, showing
from w2s_studies.agents.science.science import compare

PRICES = Prices("2026-06", {"claude-test": Price(3.0, 15.0, 0.3, 3.75)})


def line(n, who, family, pgr, **more):
    return {
        "n": n, "who": who, "label": f"m{n}", "params": {}, "lineage": f"{who}/{n}", "pgr": pgr,
        "predictions": f"p{n}", "seconds": 10.0, "at_s": 360.0 * n, "usd": 0.5 * n, "family": family,
        "lines": 20 + n, "form": f"f{n}", **more,
    }  # fmt: skip


def run_of(folder: Path, *lines, **settings) -> Path:
    plan.write(AgentPlan(agents=2, **settings), folder)
    journal = Journal(folder / "evaluations.jsonl")
    for one in lines:
        journal.append(one)
    return folder


BOOKS = (
    line(1, "agent-1", "ensemble", 0.2),
    line(2, "agent-2", "loss function", None, predictions=""),
    line(3, "agent-1", "loss function", 0.1, form="f1"),
    line(4, "agent-2", "ensemble", 0.5, predictions="p1"),
    line(5, "agent-1", "", 0.5, params={"a": 1}),
)


@pytest.mark.parametrize(
    ("families", "bits"),
    [([], 0.0), (["a", "a"], 0.0), (["a", "b"], 1.0), (["a", "a", "b", "c"], 1.5), (list("abcdefgh"), 3.0)],
)
def test_entropy_in_bits(families, bits):
    assert science.entropy(families) == pytest.approx(bits)


def test_entropy_follows_what_each_agent_is_at(tmp_path):
    found = science.of(run_of(tmp_path / "r", *BOOKS))["entropy"]
    assert [p["bits"] for p in found] == [0.0, 1.0, 0.0, 1.0, 1.0]
    assert [p["agents"] for p in found] == [1, 2, 2, 2, 2]
    assert (found[1]["low"], found[1]["high"]) == (0.0, 1.0)
    assert found[1]["agent_hours"] == pytest.approx(2 * 720 / 3600)


def test_a_bootstrap_band_is_the_same_each_time(tmp_path):
    folder = run_of(tmp_path / "r", *(line(n, f"agent-{n}", "abc"[n % 3], 0.1) for n in range(1, 8)))
    one, other = science.of(folder)["entropy"], science.of(folder)["entropy"]
    assert one == other and one[-1]["low"] < one[-1]["bits"] <= math.log2(3)


def test_duplicates_by_source_with_parameters_and_by_predictions(tmp_path):
    found = science.of(run_of(tmp_path / "r", *BOOKS))["duplicates"]
    assert [(d["n"], d["of"], d["same"]) for d in found] == [(3, 1, "source"), (4, 1, "predictions")]


def test_the_frontier_is_what_was_better_than_all_before(tmp_path):
    found = science.of(run_of(tmp_path / "r", *BOOKS))["frontier"]
    assert [(p["n"], p["pgr"], p["usd"], p["compute_s"]) for p in found] == [
        (1, 0.2, 0.5, 10.0),
        (4, 0.5, 2.0, 40.0),
    ]


def test_two_runs_are_compared_at_the_compute_that_both_had(tmp_path):
    one = run_of(tmp_path / "a", *BOOKS)
    later = (line(1, "agent-1", "other", 0.3, seconds=5.0), line(2, "agent-1", "other", 0.4, seconds=15.0))
    other = run_of(tmp_path / "b", *later, model="claude-test")
    found = compare(one, other)
    assert found["models"] == [None, "claude-test"]
    assert [point["compute_s"] for point in found["points"]] == [5.0, 10.0, 15.0, 20.0]
    assert [[r["feedback"] for r in p["runs"]] for p in found["points"]] == [
        [None, 0.3],
        [0.2, 0.3],
        [0.2, 0.3],
        [0.2, 0.4],
    ]
    told = showing.science(one, other)
    assert "20 s of evaluations" in told and "claude-test: 2 evaluations, $1.00, feedback 0.40" in told


def test_runs_that_climbed_something_else_are_not_compared(tmp_path):
    one, other = run_of(tmp_path / "a", *BOOKS), run_of(tmp_path / "b", *BOOKS, task="math")
    with pytest.raises(UsageError, match=r"their task differ \('chat', 'math'\)"):
        compare(one, other)
    with pytest.raises(UsageError, match="nothing was evaluated"):
        compare(one, run_of(tmp_path / "c"))


def test_text_and_json_say_the_same(tmp_path):
    folder = run_of(tmp_path / "r", *BOOKS)
    told, found = showing.science(folder, None), json.loads(showing.science(folder, None, as_json=True))
    assert "duplicates 2 of 5" in told and len(found["duplicates"]) == 2
    assert "entropy of families 1.00 bits over 2 agents (bootstrap 0.00 to 1.00)" in told
    assert found["families"] == {"ensemble": 2, "loss function": 2, "unknown": 1}


def test_figures_are_the_same_bytes_each_time(tmp_path):
    pytest.importorskip("matplotlib")
    folder = run_of(tmp_path / "r", *BOOKS)
    first = {p.name: p.read_bytes() for p in showing.draw([folder], tmp_path / "one")}
    again = {p.name: p.read_bytes() for p in showing.draw([folder], tmp_path / "two")}
    assert first == again and set(first) == {"search.pdf", "search.svg"}
    assert b"entropy of families (bits)" in first["search.svg"] and b"plain search" in first["search.svg"]
    with pytest.raises(UsageError, match="nothing was evaluated"):
        showing.draw([run_of(tmp_path / "none")], tmp_path / "three")


def test_a_family_that_nobody_named_is_asked_for_once_and_paid(tmp_path, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    folder = run_of(tmp_path / "r", *BOOKS, line(6, "agent-2", "", 0.1), model="claude-test")
    for n in (5, 6):
        (folder / "evaluations" / f"000{n}").mkdir(parents=True)
        (folder / "evaluations" / f"000{n}" / "own.py").write_text(f"source = {n}")
    purse = Purse(Journal(folder / "money.jsonl"), PRICES, budget=1.0)
    with MessagesServer(play([say("Curriculum."), say("I think it is nice")])) as server:
        for _ in range(2):
            science.ask_missing_families(folder, AnthropicModel("claude-test", server.url, retries=0), purse)
    assert science.known_families(folder) == {"agent-1/5": "curriculum", "agent-2/6": "other"}
    assert [r["messages"][0]["content"][0]["text"] for r in server.requests] == ["source = 5", "source = 6"]
    assert purse.spent("agent-1").calls == 1 and purse.spent().usd > 0
    assert science.of(folder)["families"]["curriculum"] == 1


def test_without_a_budget_left_no_family_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    folder = run_of(tmp_path / "r", BOOKS[4], model="claude-test")
    (folder / "evaluations" / "0005").mkdir(parents=True)
    (folder / "evaluations" / "0005" / "own.py").write_text("x")
    purse = Purse(Journal(folder / "money.jsonl"), PRICES, budget=0.0001)
    with MessagesServer(play([say("ensemble")])) as server:
        science.ask_missing_families(folder, AnthropicModel("claude-test", server.url), purse)
    assert science.known_families(folder) == {} and server.requests == []
