"""How an agent run searched: families, repetition, progress and length of ideas, alone or beside another.

An idea is an evaluation. Numbers of merit are on feedback, which agents climbed, but where the board is read:
they show how the search went, not how good a method is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from w2s_harness.contract.errors import ModelError, UsageError
from w2s_harness.contract.studies import AgentModel, BrokenReplyError
from w2s_harness.report.document import document
from w2s_harness.run.work.work import named_seed
from w2s_studies.agents.books import plan as planning
from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.books.money import BudgetReachedError, Purse
from w2s_studies.agents.models import prompts
from w2s_studies.agents.tools.contract import FAMILIES

_FILE = "families.jsonl"
_CHARACTERS = 6000
"""Of a source that the model is shown."""
_TOKENS = 16


def known_families(folder: Path) -> dict[str, str]:
    """The families that were asked for, by lineage."""
    return {line["lineage"]: line["family"] for line in Journal(folder / _FILE).read()}


def ask_missing_families(folder: Path, model: AgentModel, purse: Purse) -> None:
    """Ask for every lineage that has none, at its author's cost, until a budget or the model ends it."""
    told, journal = known_families(folder), Journal(folder / _FILE)
    lines = Journal(folder / "evaluations.jsonl").read()
    said = {line["lineage"] for line in lines if line["family"]}
    for line in lines:
        lineage = line["lineage"]
        if lineage in told or lineage in said:
            continue
        try:
            (file,) = (folder / "evaluations" / f"{line['n']:04d}").glob("*.py")
            source = file.read_text(encoding="utf-8")[:_CHARACTERS]
            family = _asked(source, line["who"], model, purse)
        except (BudgetReachedError, ModelError):
            return
        journal.append({"lineage": lineage, "who": line["who"], "n": line["n"], "family": family})
        told[lineage] = family


def _asked(source: str, who: str, model: AgentModel, purse: Purse) -> str:
    """The model's answer; `other` for one that is none of the eleven."""
    sent = len(source.encode()) + len(prompts.FAMILY) + 256
    reservation = purse.reserve(who, model.name, sent, _TOKENS)
    try:
        message = {"role": "user", "content": [{"type": "text", "text": source or "(empty)"}]}
        reply = model.reply(system=prompts.FAMILY, messages=[message], tools=(), max_tokens=_TOKENS)
    except ModelError as bad:
        (purse.lose if isinstance(bad, BrokenReplyError) else purse.release)(reservation)
        raise
    purse.settle(reservation, model.name, reply.usage)
    text = "".join(block["text"] for block in reply.content if block["type"] == "text")
    word = text.strip().strip(".'\"`").lower()
    return word if word in FAMILIES else "other"


DRAWS = 1000
"""Of the bootstrap of an entropy."""
LEVEL = 0.95
_KEPT = ("n", "who", "label", "agent_hours", "compute_s", "usd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Idea:
    """One evaluation, and what all agents had used when it was done."""

    n: int
    who: str
    label: str
    agent_hours: float
    compute_s: float
    """Seconds of the host's machine that evaluations had taken, this one among them."""
    usd: float
    family: str
    """One of the eleven; empty where nobody said."""
    lines: int
    form: str
    """Of its normalised source and its parameters."""
    predictions: str
    """Of its right and wrong answers on feedback; empty where it has no score."""
    pgr: float | None
    """Exact, on feedback."""


def ideas(folder: Path) -> list[Idea]:
    """In the order in which they were evaluated. Raises `UsageError` where there is no agent run."""
    plan, known = planning.read(folder), known_families(folder)
    found, compute_s = [], 0.0
    for line in Journal(folder / "evaluations.jsonl").read():
        compute_s += line["seconds"]
        found.append(
            Idea(
                n=line["n"], who=line["who"], label=line["label"], compute_s=compute_s,
                agent_hours=line["at_s"] / 3600 * plan.agents, usd=line["usd"],
                family=line["family"] or known.get(line["lineage"], ""), lines=line["lines"],
                form=f"{line['form']} {sorted(line['params'].items())}", predictions=line["predictions"],
                pgr=line["pgr"],
            )
        )  # fmt: skip
    return found


def of(folder: Path) -> dict[str, Any]:
    """Everything about a run's search, as JSON has it."""
    plan, found = planning.read(folder), ideas(folder)
    return {
        "run": str(folder),
        "model": plan.model,
        "agents": plan.agents,
        "ideas": len(found),
        "families": dict(Counter(idea.family or "unknown" for idea in found).most_common()),
        "entropy": entropy_through_time(found, plan.root_seed),
        "duplicates": duplicates(found),
        "frontier": frontier(found),
        "complexity": [
            {"n": i.n, "who": i.who, "agent_hours": i.agent_hours, "lines": i.lines} for i in found
        ],
    }


def entropy(families: Iterable[str]) -> float:
    """Shannon's entropy in bits of the families' shares; 0 for none (Shannon 1948, eq. 6 of section 6)."""
    counts = Counter(families).values()
    total = sum(counts)
    return max(0.0, -sum(c / total * math.log2(c / total) for c in counts)) if total else 0.0


def entropy_through_time(found: Sequence[Idea], seed: int) -> list[dict[str, float]]:
    """Entropy of the agents' current ideas after each evaluation, with a bootstrap band over agents.

    An agent's current idea is the last of its that has a family. The band holds the middle 95 % of 1,000
    draws of the agents with replacement. Entropy of a sample is too low on average (Miller 1955), that of a
    draw from it lower still, so the band can lie below the line.
    """
    import numpy as np

    current: dict[str, str] = {}
    out = []
    for idea in found:
        if idea.family:
            current[idea.who] = idea.family
        if not current:
            continue
        named = list(current.values())
        rng = np.random.default_rng(named_seed("entropy of families", seed, idea.n))
        picks = rng.integers(len(named), size=(DRAWS, len(named)))
        drawn = [entropy(named[k] for k in pick) for pick in picks]
        low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        bits = {"bits": entropy(named), "low": float(low), "high": float(high)}
        out.append({"agent_hours": idea.agent_hours, **bits, "agents": len(named)})
    return out


def duplicates(found: Sequence[Idea]) -> list[dict[str, Any]]:
    """Ideas that were there before: the same normalised source and parameters, or the same predictions."""
    out = []
    for k, idea in enumerate(found):
        for before in found[:k]:
            by = "source" if idea.form == before.form else (
                "predictions" if idea.predictions and idea.predictions == before.predictions else ""
            )  # fmt: skip
            if by:
                out.append({"n": idea.n, "who": idea.who, "of": before.n, "by_who": before.who, "same": by})
                break
    return out


def frontier(found: Sequence[Idea]) -> list[dict[str, Any]]:
    """Each idea that was better on feedback than all before it, with what had been used by then."""
    out: list[dict[str, Any]] = []
    best = -math.inf
    for k, idea in enumerate(found, 1):
        if idea.pgr is not None and idea.pgr > best:
            best = idea.pgr
            kept = {key: asdict(idea)[key] for key in _KEPT}
            out.append({**kept, "evaluations": k, "pgr": best})
    return out


SHARES = (0.25, 0.5, 0.75, 1.0)
"""Of the compute that the thriftier of the two runs used."""
_ALIKE = ("task", "pair", "held_out_tasks", "seeds", "limit", "root_seed", "guards", "grant")


def compare(one: Path, other: Path) -> dict[str, Any]:
    """Best PGR on feedback, and what the best submission by then came to, at shares of the common compute.

    Compute is seconds of the host's machine spent on evaluations; what models cost stands beside it, in US
    dollars. The best submission is picked by feedback PGR; its final PGR is of data that nobody climbed.

    Raises `UsageError` where the runs did not climb the same thing, or one has evaluated nothing.
    """
    plans = [planning.read(folder) for folder in (one, other)]
    for name in _ALIKE:
        a, b = (getattr(plan, name) for plan in plans)
        if a != b:
            raise UsageError(f"the runs cannot be compared: their {name} differ ({a!r}, {b!r})")
    found = [(folder, ideas(folder)) for folder in (one, other)]
    for folder, those in found:
        if not those:
            raise UsageError(f"{folder}: nothing was evaluated, so there is nothing to compare")
    common_s = min(those[-1].compute_s for _, those in found)
    shares_s = [share * common_s for share in SHARES]
    points = [{"compute_s": s, "runs": [_at(*run, s) for run in found]} for s in shares_s]
    return {"runs": [str(one), str(other)], "models": [plan.model for plan in plans], "points": points}


def _at(folder: Path, those: Sequence[Idea], compute_s: float) -> dict[str, Any]:
    """What a run had found when its evaluations had taken so long."""
    done = [idea for idea in those if idea.compute_s <= compute_s * (1 + 1e-9)]
    best = frontier(done)
    return {
        "evaluations": len(done),
        "usd": done[-1].usd if done else 0.0,
        "feedback": best[-1]["pgr"] if best else None,
        **_submitted(folder, done),
    }


def _submitted(folder: Path, done: Sequence[Idea]) -> Mapping[str, Any]:
    """The submission whose evaluation was the best by then; nulls without one, or without a board."""
    rows = _rows(folder)
    first = {(i.who, i.label): i.n for i in done}
    known = [key for key in first if key in rows and rows[key].feedback is not None]
    if not known:
        return {"method": None, "final": None, "final_ci": None, "held_out": None}
    key = max(known, key=lambda key: (rows[key].feedback, -first[key]))
    row = rows[key]
    return {
        "method": document.label(row), "final": row.final,
        "final_ci": list(row.pgr_ci) if row.pgr_ci is not None else None,
        "held_out": dict(row.held_out or {}),
    }  # fmt: skip


def _rows(folder: Path) -> dict[tuple[str, str], Any]:
    """Rows of the climbed task that agents wrote, by agent and label."""
    path = folder / "leaderboard.json"
    if not path.exists():
        return {}
    board = document.read(path)
    return {
        (row.author.who, document.label(row)): row
        for row in board.rows
        if row.author and isinstance(row.final, float)
    }
