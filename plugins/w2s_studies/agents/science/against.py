"""Two agent runs at equal compute: what each had found when both had used the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from w2s_harness.contract.errors import UsageError
from w2s_harness.report.document import document
from w2s_studies.agents.books import plan as planning
from w2s_studies.agents.books.plan import AgentPlan
from w2s_studies.agents.science.science import Idea, frontier, ideas

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
    _check_alike(*plans)
    found = [ideas(folder) for folder in (one, other)]
    for folder, those in zip((one, other), found, strict=True):
        if not those:
            raise UsageError(f"{folder}: nothing was evaluated, so there is nothing to compare")
    common_s = min(those[-1].compute_s for those in found)
    points = [
        {
            "compute_s": share * common_s,
            "runs": [
                _at(folder, those, share * common_s)
                for folder, those in zip((one, other), found, strict=True)
            ],
        }
        for share in SHARES
    ]
    return {"runs": [str(one), str(other)], "models": [plan.model for plan in plans], "points": points}


def _check_alike(one: AgentPlan, other: AgentPlan) -> None:
    for name in _ALIKE:
        a, b = getattr(one, name), getattr(other, name)
        if a != b:
            raise UsageError(f"the runs cannot be compared: their {name} differ ({a!r}, {b!r})")


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
