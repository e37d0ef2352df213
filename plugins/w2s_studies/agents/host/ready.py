"""What can be known before the first paid call: what is named, who can be asked, what a call may cost."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import msgspec

from w2s_harness.contract.errors import UsageError
from w2s_harness.contract.studies.dialogue import AgentModel
from w2s_harness.installed import sources
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.run.plan.choose_pairs import choose_pairs
from w2s_harness.run.plan.flags import made
from w2s_harness.run.plan.planning import grants_of, tasks_of
from w2s_harness.run.plan.selection import Loading, Selection
from w2s_harness.run.plan.specs import is_path, parse_specs
from w2s_studies.agents.books.plan import AgentPlan
from w2s_studies.agents.books.prices import Prices
from w2s_studies.agents.models import models, prompts
from w2s_studies.agents.models.loop import MAX_TOKENS
from w2s_studies.agents.tools.schemas import SCHEMAS

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
    _check_budget(plan, table)
    return models.of(plan.model, plan.base_url, plugins_of(plan))


def _check_budget(plan: AgentPlan, table: Prices) -> None:
    given = [usd for usd in (plan.budget_usd, plan.agent_budget_usd) if usd is not None]
    if not given:
        return
    price = table.of(plan.model or "")
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
