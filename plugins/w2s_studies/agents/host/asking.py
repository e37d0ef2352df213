"""From flags to the plan of an agent run."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from w2s_harness.contract.access import NOT_FOR_AGENTS
from w2s_harness.contract.errors import UsageError
from w2s_harness.data.destination import folder_for
from w2s_harness.run.plan.specs import parse_seeds, parse_specs
from w2s_studies.agents.books.plan import AgentPlan
from w2s_studies.agents.models import directions


def plan_of(flags: Mapping[str, Any]) -> AgentPlan:
    """The plan behind the flags of `agent run`. Raises `UsageError`, `DataError` for what cannot be."""
    parse_seeds(flags["seeds"])
    _check_tasks(flags["task"], flags["pair"], flags["held_out_tasks"])
    for word in flags["grant"].split(","):
        if word.strip() in NOT_FOR_AGENTS:
            raise UsageError(f"--grant {word.strip()}: agents are answered on the holdout: never given")
    for name in ("store", "folder"):
        if flags[name] and any(c in str(flags[name]) for c in ",:"):
            raise UsageError(f"{flags[name]}: a path with ',' or ':' cannot name a method file. Use another.")
    asked = {field.name: flags[field.name] for field in fields(AgentPlan) if field.name in flags}
    asked |= {"model": _model(flags["agent"], flags["model"]), "directions": _directions(flags)}
    return AgentPlan(**asked)


def _model(agent: str | None, model: str | None) -> str | None:
    if agent == "search" and model is not None:
        raise UsageError("--agent search asks no model: leave --model out")
    if agent == "model" and not model:
        raise UsageError("--agent model: name the language model with --model NAME")
    return model


def _directions(flags: Mapping[str, Any]) -> tuple[str, ...]:
    """Of the file, or the shipped ones; none for plain search, which follows none."""
    given, undirected = flags["directions"], flags["undirected"]
    if given and undirected:
        raise UsageError("give either --directions or --undirected")
    if not flags["model"]:
        if given or undirected or flags["base_url"]:
            raise UsageError("--directions, --undirected and --base-url are for agents that --model names")
        return ()
    return () if undirected else tuple(directions.read(Path(given) if given else None))


def folder_of(given: str | None, plan: AgentPlan) -> Path:
    """The run's folder: what the user gave, else a new one in the store."""
    if given is not None:
        return folder_for(given, "--dir")
    return Path(plan.store) / "agents" / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


def _check_tasks(task: str, pair: str | None, held_out: str) -> None:
    climbed, pairs = parse_specs(task), parse_specs(pair or "")
    several = len(pairs) != (pair is not None) or any(found.is_glob for found in pairs)
    if len(climbed) != 1 or climbed[0].is_glob or several:
        raise UsageError("agents climb one task on one pair: give one name in --tasks and one in --pairs")
    others = parse_specs(held_out)
    if not others:
        raise UsageError("--held-out-tasks: name a task that agents never see")
    if any(other.name == climbed[0].name for other in others):
        raise UsageError(f"--held-out-tasks: '{climbed[0].name}' is what agents climb, so they see it")
