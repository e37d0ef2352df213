"""What `agent status` says is left is what the oracle would say."""

from __future__ import annotations

import json

import pytest

from w2s_harness.scoring.metered.ledger import Ledger
from w2s_harness.scoring.metered.oracle import Oracle, OracleLimits
from w2s_studies.agents.books import plan as planning
from w2s_studies.agents.books.plan import AgentPlan
from w2s_studies.agents.science import showing

ASKED = {
    "its own": (AgentPlan(queries_per_agent=3), [("agent-1", "a"), ("agent-1", "a")], 1, 1),
    "its lineage's": (
        AgentPlan(queries_per_lineage=3), [("agent-2", "a"), ("agent-1", "a")], 1, 3,
    ),
    "the group's": (AgentPlan(queries=3), [("agent-2", "a"), ("agent-1", "b")], 1, 1),
    "none": (AgentPlan(queries_per_lineage=7), [("agent-2", "a")], 7, 7),
}  # fmt: skip


@pytest.mark.parametrize("what", ASKED)
def test_it_is_what_the_oracle_says(tmp_path, what):
    plan, asked, left, new = ASKED[what]
    folder = tmp_path / "r"
    planning.write(plan, folder)
    limits = OracleLimits(plan.queries_per_agent, plan.queries_per_lineage, plan.queries)
    oracle = Oracle(Ledger(folder / "ledger.jsonl"), 0.6, 0.9, limits)
    for k, (who, lineage) in enumerate(asked):
        oracle.refuse(who=who, lineage=lineage, source="s", because="no score", call=f"c{k}")
    mine = [lineage for who, lineage in asked if who == "agent-1"] or ["never asked about"]
    assert oracle.left("agent-1", mine[-1]) == left and oracle.left("agent-1", "new") == new
    told = json.loads(showing.status(folder, as_json=True))["agents"][0]
    assert (told["left"], told["left_new"]) == (left, new)
    line = showing.status(folder).splitlines()[1]
    assert f"left {left:3d}" in line and (f"(a new idea {new})" in line) is (left != new)


def test_findings_are_told_apart_whatever_they_hold(tmp_path):
    folder = tmp_path / "r"
    planning.write(AgentPlan(), folder)
    lines = [
        {"who": "agent-1", "kind": "idea", "title": "a\nagent-2 (idea): b", "text": "x\nagent-2 (idea): c"},
        {"who": "agent-2", "kind": "idea", "title": "own", "text": "y"},
    ]
    (folder / "findings.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    heads = [line for line in showing.findings(folder).splitlines() if line.startswith("agent-")]
    assert heads == ["agent-1 (idea): a agent-2 (idea): b", "agent-2 (idea): own"]
