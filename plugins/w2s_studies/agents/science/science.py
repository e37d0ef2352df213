"""How an agent run searched: breadth, repetition, progress and length of its ideas, from the run's books.

An idea is an evaluation. All numbers of merit here are on feedback, which agents climbed: they show how the
search went, not how good a method is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from w2s_harness.run.work.seeds import named_seed
from w2s_studies.agents.books import plan as planning
from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.science import kinds

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
    plan, known = planning.read(folder), kinds.known(folder)
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
        out.append(
            {
                "agent_hours": idea.agent_hours,
                "bits": entropy(named),
                "low": float(low),
                "high": float(high),
                "agents": len(named),
            }
        )
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
