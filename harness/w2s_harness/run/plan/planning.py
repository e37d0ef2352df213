"""From what the user selected to a plan, its tasks among it, and the plan as JSON."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar, get_args

from w2s_harness.contract.access import DEFAULT_GRANTS, NAMES
from w2s_harness.contract.errors import NothingSelectedError, UsageError, nearest
from w2s_harness.contract.plan import (
    VANILLA,
    ZERO_SHOT,
    Counterfactuals,
    Limits,
    Plan,
    PlannedMethod,
    PlannedTask,
    Value,
    label,
)
from w2s_harness.contract.types import Pair, Task
from w2s_harness.data.reading.file_task import data_task
from w2s_harness.installed.parsed import declared
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.run.plan.choose_methods import Describe, choose_methods
from w2s_harness.run.plan.choose_pairs import choose_pairs
from w2s_harness.run.plan.selection import Selection
from w2s_harness.run.plan.specs import Spec, is_path, merged, parse_seeds, parse_specs, parse_value

_AS_THEY_ARE = ("root_seed", "limit", "min_gap", "counterfactuals", "own_draws", "controls")
_LISTS = ("seeds", "baseline_seeds", "against", "guards", "guards_off")


def build_plan(
    wanted: Selection, plugins: Plugins, describe: Describe, drawn: Mapping[str, str] | None = None
) -> Plan:
    """Resolve a selection.

    `drawn` holds the data seeds that an unfinished `--fresh` run drew, by task id. Raises `UsageError`,
    `PluginError` or `DataError` for what cannot be resolved, `NothingSelectedError` for an empty selection.
    """
    seeds = baseline_seeds = parse_seeds(wanted.seeds)
    plugins.use_guards(wanted.guards)
    if wanted.baseline_seeds:
        baseline_seeds = parse_seeds(wanted.baseline_seeds, "--baseline-seeds")
    grants = grants_of(wanted.grant)
    tasks = _some(tasks_of(wanted, plugins, drawn), "task")
    tasks, pairs = choose_pairs(wanted, tasks, plugins)
    _some(pairs, "pair")
    found = (m for spec in parse_specs(wanted.methods) for m in choose_methods(spec, plugins, describe))
    code = attrgetter("name", "source.sha256", "source.filename", "error")
    methods = _some(merged(found, attrgetter("id"), code, "methods"), "method")
    return Plan(
        tasks=tuple(tasks),
        pairs=tuple(pairs),
        methods=tuple(methods),
        seeds=seeds,
        baseline_seeds=baseline_seeds,
        root_seed=wanted.root_seed,
        limit=wanted.limit,
        grants=grants,
        limits=Limits(timeout_s=wanted.cell_timeout_s),
        counterfactuals=_counterfactuals(wanted.counterfactuals, pairs),
        own_draws=wanted.own_draws,
        guards=plugins.guards,
        guards_off=plugins.guards_off,
        plugin_settings=dict(plugins.settings),
        controls=wanted.controls,
        against=_against(wanted.against, methods),
    )


def tasks_of(
    wanted: Selection, plugins: Plugins, drawn: Mapping[str, str] | None = None
) -> list[PlannedTask]:
    """The tasks of a selection, each with the part of its holdout that is scored. Raises as `build_plan`."""
    known = dict(drawn or {})
    tasks = merged(
        (
            dataclasses.replace(t, part=part)
            for words, part in ((wanted.tasks, wanted.holdout), (wanted.held_out, "whole"))
            for spec in parse_specs(words)
            for t in choose_tasks(spec, plugins, wanted.fresh, known)
        ),
        lambda t: t.id,
        lambda t: (type(t.task), dict(t.settings), t.part, Path(t.path).resolve() if t.path else None),
        "tasks",
    )
    for task in tasks:
        # the oracle keeps and compares which rows were right, which votes do not say
        if task.part == "feedback" and task.task.kind == "judged":
            raise UsageError(
                f"task '{task.id}' is judged: agents get feedback on tasks with labels only. Name it in "
                "--held-out-tasks instead."
            )
    return tasks


Chosen = TypeVar("Chosen", PlannedTask, PlannedMethod, Pair)


def _some(found: list[Chosen], noun: str) -> list[Chosen]:
    if not found:
        raise NothingSelectedError(f"the selection holds no {noun}. `w2s-harness list {noun}s` shows all.")
    return found


def _against(text: str, methods: Sequence[PlannedMethod]) -> tuple[str, ...]:
    """The references that `--against` names, and zero-shot where the plan has it.

    A claim of weak supervision must beat zero-shot, so that comparison is always made.
    """
    known = [m.id for m in methods]
    found = {ZERO_SHOT: None} if ZERO_SHOT in known else {}
    for name in filter(None, (w.strip() for w in text.split(","))):
        if name not in known:
            raise UsageError(f"--against {name}: the plan has no such method{nearest(name, known)}")
        if name != VANILLA:
            found[name] = None
    return tuple(found)


def _counterfactuals(word: str, pairs: Sequence[Pair]) -> Counterfactuals:
    """`auto` is all where students are probes, one draw of each kind where a model is trained."""
    if word == "auto":
        return "all" if all(pair.mode == "probe" for pair in pairs) else "one"
    if word not in get_args(Counterfactuals):
        raise UsageError(f"--counterfactuals {word}: give auto, all, one or none")
    return word  # type: ignore[return-value]


def grants_of(text: str) -> frozenset[str]:
    """`inference,no:embeddings` on top of what every plan grants. Raises `UsageError`."""
    granted = set(DEFAULT_GRANTS)
    for word in filter(None, (w.strip() for w in text.split(","))):
        name = word.removeprefix("no:")
        if name not in NAMES:
            raise UsageError(
                f"--grant {word}: this version cannot give that access{nearest(name, NAMES)}. "
                f"It can give: {', '.join(NAMES)}."
            )
        granted = granted - {name} if word.startswith("no:") else granted | {name}
    return frozenset(granted)


def describe_plan(plan: Plan) -> dict[str, Any]:
    """The plan as plain JSON values, as `plan.json` and the leaderboard hold it."""
    return {
        "tasks": [
            {
                "id": t.id,
                "name": t.task.name,
                "kind": t.task.kind,
                "version": t.task.version,
                "settings": dict(t.settings),
                "exposure": t.exposure,
                "part": t.part,
                "pairs": [p.name for p in plan.pairs if t.runs_on(p)],
            }
            for t in plan.tasks
        ],
        "pairs": [_portable(p) for p in plan.pairs],
        "methods": [
            {"id": m.id, "name": m.name, "parameters": dict(m.parameters), "sha256": m.source.sha256 or None}
            for m in plan.methods
        ],
        **{name: getattr(plan, name) for name in _AS_THEY_ARE},
        **{name: list(getattr(plan, name)) for name in _LISTS},
        "grants": sorted(plan.grants),
        "limits": dataclasses.asdict(plan.limits),
        "plugin_settings": {name: dict(block) for name, block in sorted(plan.plugin_settings.items())},
        "selected": sorted(plan.selected) if plan.selected is not None else None,
        "attempts": [dataclasses.asdict(attempt) for attempt in plan.attempts],
        **({"secret": plan.secret} if plan.secret else {}),
        **({"lost": dict(plan.lost)} if plan.lost else {}),
    }


def _portable(pair: Pair) -> dict[str, Any]:
    """A pair's settings; a model that lies in an installed package is named by its last folders."""
    out = dataclasses.asdict(pair)
    for model in (out["weak"], out["strong"], *out["students"]):
        if Path(model["source"]).is_absolute():
            model["source"] = "/".join(Path(model["source"]).parts[-3:])
    out["students"] = list(out["students"])
    return out


def keep(plan: Plan, wanted: Callable[[str], bool]) -> Plan:
    """The plan with only the cells whose ids are wanted, and the tasks and pairs that have some.

    Raises `NothingSelectedError` where none is left.
    """
    cells = [cell for cell in plan.cells() if wanted(cell.id)]
    if not cells:
        raise NothingSelectedError("the selection holds no cell. `--plan` without -k or --lf shows all.")
    left: dict[str, dict[str, None]] = {}
    for cell in cells:
        left.setdefault(cell.task, {})[cell.pair] = None
    tasks = tuple(dataclasses.replace(t, pairs=tuple(left[t.id])) for t in plan.tasks if t.id in left)
    pairs = tuple(p for p in plan.pairs if any(p.name in names for names in left.values()))
    selected = frozenset(cell.id for cell in cells)
    return dataclasses.replace(plan, tasks=tasks, pairs=pairs, selected=selected)


def without_vanilla(plan: Plan) -> list[str]:
    """Where a selection of cells left rows but not vanilla, which the plan has: `math/tiny`."""
    if VANILLA not in [m.id for m in plan.methods]:
        return []
    rows: dict[str, set[str]] = {}
    for cell in plan.cells():
        rows.setdefault(f"{cell.task}/{cell.pair}", set()).add(cell.method)
    return [setting for setting, methods in rows.items() if VANILLA not in methods]


def choose_tasks(
    spec: Spec, plugins: Plugins, fresh: bool, drawn: MutableMapping[str, str]
) -> list[PlannedTask]:
    """The tasks that one item names. `drawn`: data seeds of a `--fresh` run, by task; new ones are added.

    Raises `UsageError`, `PluginError` or `DataError`.
    """
    if is_path(spec.name, (".yaml", ".yml", ".py")):
        path = Path(spec.name)
        _refuse_python(path)
        if spec.parameters:
            raise UsageError(f"{spec.name}: a task of data files takes no parameters")
        task = data_task(path)
        return [PlannedTask(task.name, task, {}, task.exposure, path=spec.name)]
    names = [spec.name]
    if spec.is_glob:
        names = spec.selected(plugins.shipped("w2s_tasks"), plugins.offering("w2s_tasks"), "tasks")
    return [_planned_task(_installed(name, plugins), spec, fresh, drawn) for name in names]


def _installed(name: str, plugins: Plugins) -> Task:
    """The task that a plugin offers. Raises `UsageError`, which says where a path was meant."""
    try:
        return plugins.task(name)
    except UsageError as bad:
        if Path(name).exists() or Path(f"{name}.yaml").is_file():
            here = name if Path(name).exists() else f"{name}.yaml"
            what = "folder" if Path(here).is_dir() else "file"
            path = here if here.startswith(("/", ".")) else f"./{here}"
            raise UsageError(
                f"unknown task '{name}'. There is a {what} with that name here: give its path, {path}."
            ) from bad
        raise


def _refuse_python(path: Path) -> None:
    """A task in a Python file is a plugin, which is trusted: it loads by -p alone."""
    if path.suffix != ".py" or not path.is_file():
        return
    names = ",".join(sorted(found["name"] for found in declared.classes(path))) or "NAME"
    if "w2s_methods" in declared.offered_hooks(path):
        raise UsageError(f"--tasks {path}: the file offers methods. Give --methods {path}.")
    if "w2s_tasks" not in declared.offered_hooks(path):
        raise UsageError(f"--tasks {path}: the file has no w2s_tasks(), so it offers no task.")
    raise UsageError(f"--tasks {path}: a task in Python is a plugin. Give -p {path} --tasks {names}.")


def _planned_task(task: Task, spec: Spec, fresh: bool, drawn: MutableMapping[str, str]) -> PlannedTask:
    known, given = _settings(task), dict[str, Value]()
    for key, text in spec.parameters.items():
        where = f"task '{task.name}', {key}"
        if key not in known:
            raise UsageError(
                f"{where}: no such setting{nearest(key, known)}. It has: {', '.join(known) or 'none'}."
            )
        kind = type(known[key]).__name__
        if key == "data_seed":
            kind = "int" if text.lstrip("-").isdigit() else "str"
        given[key] = parse_value(text, kind, where)
    exposure = task.exposure
    if fresh and "data_seed" in known:
        if "data_seed" in given:
            raise UsageError(f"--fresh draws a data seed for '{task.name}'; leave data_seed out, or --fresh")
        given["data_seed"] = drawn.setdefault(task.name, secrets.token_hex(16))
        exposure = "fresh"
    changed = {k: v for k, v in given.items() if v != known[k]}
    chosen = dataclasses.replace(task, **given) if given else task  # type: ignore[type-var]
    shown = {k: v for k, v in changed.items() if not (fresh and k == "data_seed")}
    return PlannedTask(label(task.name, shown), chosen, _settings(chosen), exposure)


def _settings(task: Task) -> dict[str, Value]:
    if not dataclasses.is_dataclass(task):
        return {}
    return {f.name: getattr(task, f.name) for f in dataclasses.fields(task)}
