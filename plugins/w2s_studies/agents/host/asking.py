"""From flags to the plan of an agent run, and what can be known before its first paid call."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import msgspec
import yaml

from w2s_harness.contract.access import NOT_FOR_AGENTS
from w2s_harness.contract.errors import DataError, UsageError
from w2s_harness.contract.studies import AgentModel
from w2s_harness.data.destination import folder_for
from w2s_harness.data.disk import read_bytes, shown, text_of
from w2s_harness.installed import sources
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.run.plan.choose_pairs import choose_pairs
from w2s_harness.run.plan.planning import grants_of, tasks_of
from w2s_harness.run.plan.selection import Loading, Selection, made
from w2s_harness.run.plan.specs import is_path, parse_seeds, parse_specs
from w2s_studies.agents.books.money import Prices
from w2s_studies.agents.books.plan import AgentPlan
from w2s_studies.agents.models import models, prompts
from w2s_studies.agents.models.loop import MAX_TOKENS
from w2s_studies.agents.tools.tools import SCHEMAS

SHIPPED = Path(__file__).parent / "directions.yaml"
MAX_BYTES = 2**16
MAX_CHARACTERS = 500
"""Of one direction: it is a hint, no programme."""


def read_directions(path: Path | None = None) -> list[str]:
    """The directions of a YAML list of texts; the shipped dozen without a file.

    Raises `UsageError`, one line that names the file, for one that is missing, empty or malformed.
    """
    file = path or SHIPPED
    mend = "Give a list of short directions."
    try:
        value = yaml.safe_load(text_of(read_bytes(file, MAX_BYTES, mend, no_file=mend), shown(file)))
    except DataError as bad:
        raise UsageError(str(bad)) from bad
    except (yaml.YAMLError, ValueError, RecursionError) as bad:
        mark = getattr(bad, "problem_mark", None)
        where = f":{mark.line + 1}" if mark is not None else ""
        raise UsageError(f"{file}{where}: not YAML in UTF-8. Write `- text` lines.") from bad
    if value is None or value == []:
        raise UsageError(f"{file}: holds no direction. Write `- text` lines, or give --undirected.")
    if not isinstance(value, list):
        raise UsageError(f"{file}: is no YAML list. Write one direction a line: `- text`.")
    for n, item in enumerate(value, 1):
        if not isinstance(item, str) or not item.strip():
            raise UsageError(f"{file}: direction {n} is no text: {str(item)[:60]!r}. Put it in quotes.")
        if len(item) > MAX_CHARACTERS:
            raise UsageError(f"{file}: direction {n} is over {MAX_CHARACTERS} characters. Shorten it.")
    return [" ".join(item.split()) for item in value]


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
    names = {field.name for field in fields(AgentPlan)} - {"directions"}
    asked = {name: value for name, value in flags.items() if name in names}
    if flags["agent"] == "search" and flags["model"] is not None:
        raise UsageError("--agent search asks no model: leave --model out")
    if flags["agent"] == "model" and not flags["model"]:
        raise UsageError("--agent model: name the language model with --model NAME")
    return AgentPlan(**asked, directions=_directions(flags))


def _directions(flags: Mapping[str, Any]) -> tuple[str, ...]:
    """Of the file, or the shipped ones; none for plain search, which follows none."""
    given, undirected = flags["directions"], flags["undirected"]
    if given and undirected:
        raise UsageError("give either --directions or --undirected")
    if not flags["model"]:
        if given or undirected or flags["base_url"]:
            raise UsageError("--directions, --undirected and --base-url are for agents that --model names")
        return ()
    return () if undirected else tuple(read_directions(Path(given) if given else None))


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


_FRAME = 1024
"""Tokens that a request has beside what is written in it."""


def plugins_of(plan: AgentPlan) -> Plugins:
    """The trusted plugins of a run, made anew."""
    return Loading(plugin=plan.plugins).plugins()


def selection_of(plan: AgentPlan) -> Selection:
    """What a run climbs: the feedback part of its task."""
    own = {"tasks": plan.task, "pairs": plan.pair, "holdout": "feedback", "controls": False}
    return made(Selection, asdict(plan), **own)


def check_names(plan: AgentPlan) -> None:
    """Whether the run's tasks, pair, guards, access and methods beside are there.

    Raises what `experiment.planning.build_plan` raises; no method is asked what it is.
    """
    plugins, wanted = plugins_of(plan), replace(selection_of(plan), held_out=plan.held_out_tasks)
    plugins.use_guards(wanted.guards)
    grants_of(wanted.grant)
    choose_pairs(wanted, tasks_of(wanted, plugins), plugins)
    shipped = [name for name, entry in plugins.methods.items() if entry.is_shipped]
    for spec in parse_specs(plan.beside):
        if is_path(spec.name, (".py", ".jsonl")):
            sources.from_file(Path(spec.name.partition("::")[0]))
        elif spec.name != "all":
            for name in spec.selected(shipped, plugins.methods, "methods"):
                plugins.method_entry(name)


def model_of(plan: AgentPlan, table: Prices) -> AgentModel | None:
    """The model that the agents of a run talk through; None for plain search.

    Raises `UsageError` for a missing key or SDK, for an unknown price where there is a budget, and for a
    budget that the first call could pass; `PluginError` for a plugin that breaks the contract.
    """
    if plan.model is None:
        return None
    if given := [usd for usd in (plan.budget_usd, plan.agent_budget_usd) if usd is not None]:
        price = table.of(plan.model)
        if price is None:
            raise UsageError(
                f"no price is known for the model '{plan.model}', so no budget can be kept. "
                "Give it with --prices FILE, or leave --budget-usd and --agent-budget-usd out."
            )
        longest = max((len(prompts.first(text).encode()) for text in plan.directions), default=0)
        sent = len(prompts.SYSTEM.encode()) + len(msgspec.json.encode(list(SCHEMAS))) + longest + _FRAME
        usd = price.at_most(sent, MAX_TOKENS)
        if usd > min(given):
            raise UsageError(
                f"a budget of ${min(given):g} is too small for one call of '{plan.model}', which could cost "
                f"${usd:.2f}. Give more with --budget-usd or --agent-budget-usd."
            )
    return models.of(plan.model, plan.base_url, plugins_of(plan))
