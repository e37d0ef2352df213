"""From what the user selected to a plan: names become tasks, pairs and methods with their parameters."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from w2s_harness.data.resolve import data_task
from w2s_harness.discovery import sources
from w2s_harness.discovery.plugins import Plugins
from w2s_harness.discovery.sources import MethodSource
from w2s_harness.errors import NothingSelectedError, PluginError, UsageError, WorkerError, nearest
from w2s_harness.plan import (
    DEFAULT_GRANTS,
    GRANTABLE,
    Limits,
    Plan,
    PlannedMethod,
    PlannedTask,
    Spec,
    Value,
    folder_id,
    label,
    parse_seeds,
    parse_specs,
    parse_value,
)
from w2s_harness.types import Model, Pair, Task
from w2s_harness.wire.messages import MethodInfo

Describe = Callable[[MethodSource], Sequence[MethodInfo]]
"""Asks a worker what methods a module offers; raises `WorkerError` where it does not load."""

_DEFAULT_TASKS = ("math", "code", "chat")
_DEFAULT_METHODS = ("vanilla", "vanilla-hard", "confident", "logconf", "self-training", "zero-shot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the command line, the environment and `w2s.yaml` ask for, as text."""

    tasks: str = ",".join(_DEFAULT_TASKS)
    pairs: str = "tiny"
    methods: str = ",".join(_DEFAULT_METHODS)
    seeds: str = "5"
    baseline_seeds: str | None = None
    weak: str | None = None
    strong: str | None = None
    mode: str | None = None
    adapter: str | None = None
    grant: str = ""
    limit: int | None = None
    root_seed: int = 0
    fresh: bool = False
    cell_timeout_s: float = 60.0


def build_plan(
    wanted: Selection, plugins: Plugins, describe: Describe, drawn: Mapping[str, str] | None = None
) -> Plan:
    """Resolve a selection.

    `drawn` holds the data seeds that an unfinished `--fresh` run drew, by task id. Raises `UsageError`,
    `PluginError` or `DataError` for what cannot be resolved, `NothingSelectedError` for an empty selection.
    """
    seeds = parse_seeds(wanted.seeds)
    tasks = [
        t for spec in parse_specs(wanted.tasks) for t in _tasks(spec, plugins, wanted.fresh, drawn or {})
    ]
    methods = [m for spec in parse_specs(wanted.methods) for m in _methods(spec, plugins, describe)]
    pairs = _pairs(wanted, plugins)
    _no_twins([t.id for t in tasks], "tasks")
    _no_twins([m.id for m in methods], "methods")
    for noun, found in (("task", tasks), ("method", methods), ("pair", pairs)):
        if not found:
            raise NothingSelectedError(
                f"the selection holds no {noun}. `w2s-harness list {noun}s` shows all."
            )
    return Plan(
        tasks=tuple(tasks),
        pairs=tuple(pairs),
        methods=tuple(methods),
        seeds=seeds,
        baseline_seeds=parse_seeds(wanted.baseline_seeds) if wanted.baseline_seeds else seeds,
        root_seed=wanted.root_seed,
        limit=wanted.limit,
        grants=_grants(wanted.grant),
        limits=Limits(timeout_s=wanted.cell_timeout_s),
    )


def _no_twins(ids: list[str], noun: str) -> None:
    for name in ids:
        if ids.count(name) > 1:
            raise UsageError(f"two {noun} of the plan have the id '{name}'. Rename one, or select it once.")


# -- tasks ----------------------------------------------------------------------------------------------


def _tasks(spec: Spec, plugins: Plugins, fresh: bool, drawn: Mapping[str, str]) -> list[PlannedTask]:
    if _is_path(spec.name, (".yaml", ".yml")):
        path = Path(spec.name)
        if spec.parameters:
            raise UsageError(f"{spec.name}: a task of data files takes no parameters")
        task = data_task(path)
        return [PlannedTask(task.name, task, {}, task.exposure, path=str(path))]
    names = spec.matches(plugins.shipped("w2s_tasks")) if spec.is_glob else [spec.name]
    return [_planned_task(plugins.task(name), spec, fresh, drawn) for name in names]


def _planned_task(task: Task, spec: Spec, fresh: bool, drawn: Mapping[str, str]) -> PlannedTask:
    known = _settings(task)
    given = {
        key: _task_value(key, text, known, f"task '{task.name}', {key}")
        for key, text in spec.parameters.items()
    }
    exposure = task.exposure
    if fresh and "data_seed" in known:
        if "data_seed" in given:
            raise UsageError(f"--fresh draws a data seed for '{task.name}'; leave data_seed out, or --fresh")
        given["data_seed"] = drawn.get(task.name) or secrets.token_hex(16)
        exposure = "fresh"
    changed = {k: v for k, v in given.items() if v != known[k]}
    chosen = dataclasses.replace(task, **given) if given else task  # type: ignore[type-var]
    shown = {k: v for k, v in changed.items() if not (fresh and k == "data_seed")}
    return PlannedTask(label(task.name, shown), chosen, _settings(chosen), exposure)


def _settings(task: Task) -> dict[str, Value]:
    if not dataclasses.is_dataclass(task):
        return {}
    return {f.name: getattr(task, f.name) for f in dataclasses.fields(task)}


def _task_value(key: str, text: str, known: Mapping[str, Value], where: str) -> Value:
    if key not in known:
        raise UsageError(
            f"{where}: no such setting{nearest(key, known)}. It has: {', '.join(known) or 'none'}."
        )
    kind = type(known[key]).__name__
    if key == "data_seed":
        kind = "int" if text.lstrip("-").isdigit() else "str"
    return parse_value(text, kind, where)


# -- pairs ----------------------------------------------------------------------------------------------


def _pairs(wanted: Selection, plugins: Plugins) -> list[Pair]:
    if wanted.weak or wanted.strong:
        return [_changed(_adhoc(wanted), wanted)]
    found = []
    for spec in parse_specs(wanted.pairs):
        names = spec.matches(plugins.shipped("w2s_pairs")) if spec.is_glob else [spec.name]
        found += [_changed(plugins.pair(name), wanted) for name in names]
    _no_twins([p.name for p in found], "pairs")
    return found


def _adhoc(wanted: Selection) -> Pair:
    """The pair that `--weak` and `--strong` name: any hub ids or local paths."""
    if not (wanted.weak and wanted.strong):
        missing = "--weak" if not wanted.weak else "--strong"
        raise UsageError(f"--weak and --strong come together: {missing} is missing")
    templates = {"sum": {"kind": "likelihood", "statistic": "sum"}}
    weak = Model(source=wanted.weak, readout="auto")
    strong = Model(source=wanted.strong, readout="auto", templates=templates)
    name = "..".join(_short(source) for source in (wanted.weak, wanted.strong))
    return Pair(name=name, weak=weak, strong=strong, mode="probe")


def _short(source: str) -> str:
    """A local model's last folder; a hub id with `/` as `.`."""
    path = Path(source)
    return path.resolve().name if path.exists() else source.replace("/", ".")


def _changed(pair: Pair, wanted: Selection) -> Pair:
    """The pair in the mode and with the adapter that the flags ask for; its name says so."""
    mode = wanted.mode or pair.mode
    name = pair.name if mode == pair.mode else f"{pair.name}[mode={mode}]"
    settings = dict(pair.finetune)
    if wanted.adapter:
        if mode != "finetune":
            raise UsageError(f"--adapter {wanted.adapter} needs --mode finetune")
        settings["adapter"] = wanted.adapter
        if wanted.adapter != pair.finetune.get("adapter"):
            name = f"{pair.name}[adapter={wanted.adapter}" + (f",mode={mode}]" if mode != pair.mode else "]")
    return dataclasses.replace(pair, name=name, mode=mode, finetune=settings)  # type: ignore[arg-type]


# -- methods --------------------------------------------------------------------------------------------


def _methods(spec: Spec, plugins: Plugins, describe: Describe) -> list[PlannedMethod]:
    if spec.name == "all":
        spec = Spec("*", spec.parameters)
    if _is_path(spec.name, (".py",)):
        path, _, chosen = spec.name.partition("::")
        return _from_module(sources.from_file(Path(path)), chosen or None, spec, plugins, describe)
    shipped = [n for n, e in plugins.methods.items() if e.is_shipped]
    names = spec.matches(shipped) if spec.is_glob else [spec.name]
    return [m for name in names for m in _from_module(plugins.method(name), name, spec, plugins, describe)]


def _from_module(
    source: MethodSource, chosen: str | None, spec: Spec, plugins: Plugins, describe: Describe
) -> list[PlannedMethod]:
    stem = chosen or folder_id(Path(source.filename))
    if source.refused:
        return [_broken(stem, source, spec, source.refused)]
    try:
        offered = {info.name: info for info in describe(source)}
    except (PluginError, WorkerError) as bad:
        return [_broken(stem, source, spec, str(bad))]
    if chosen is not None and chosen not in offered:
        raise PluginError(
            f"{source.filename}: offers no method '{chosen}'{nearest(chosen, offered)}. It offers: "
            f"{', '.join(sorted(offered)) or 'none'}."
        )
    names = [chosen] if chosen is not None else sorted(offered)
    return [_planned_method(source, offered[name], spec, plugins) for name in names]


def _broken(name: str, source: MethodSource, spec: Spec, why: str) -> PlannedMethod:
    """A method that cannot run; its row says why."""
    given = dict(spec.parameters)
    return PlannedMethod(label(name, given), name, source, given, given, error=why)


def _planned_method(source: MethodSource, info: MethodInfo, spec: Spec, plugins: Plugins) -> PlannedMethod:
    entry = plugins.methods.get(info.name)
    if entry is not None and source.distribution != entry.distribution:
        raise PluginError(
            f"{source.filename}: the name '{info.name}' is taken by {entry.distribution}. "
            "Give the method another `name`."
        )
    known = {p.name: p for p in info.parameters}
    values: dict[str, Value] = {p.name: p.default for p in info.parameters}
    for key, text in spec.parameters.items():
        where = f"method '{info.name}', {key}"
        if key not in known:
            raise UsageError(
                f"{where}: no such parameter{nearest(key, known)}. It has: {', '.join(known) or 'none'}."
            )
        values[key] = parse_value(text, known[key].type, where)
    changed = {k: v for k, v in values.items() if v != known[k].default}
    return PlannedMethod(
        label(info.name, changed),
        info.name,
        source,
        values,
        changed,
        _known(info.access, info.name),
        info.track,
    )


def _known(access: tuple[str, ...], name: str) -> tuple[str, ...]:
    for word in access:
        if word not in GRANTABLE:
            raise PluginError(
                f"method '{name}' asks for the access '{word}'{nearest(word, GRANTABLE)}, which this version "
                f"cannot give. It can give: {', '.join(GRANTABLE)}."
            )
    return access


def _grants(text: str) -> frozenset[str]:
    """`inference,no:embeddings` on top of what every plan grants."""
    granted = set(DEFAULT_GRANTS)
    for word in filter(None, (w.strip() for w in text.split(","))):
        name = word.removeprefix("no:")
        if name not in GRANTABLE:
            raise UsageError(
                f"--grant {word}: this version cannot give that access{nearest(name, GRANTABLE)}. "
                f"It can give: {', '.join(GRANTABLE)}."
            )
        if word.startswith("no:"):
            granted.discard(name)
        else:
            granted.add(name)
    return frozenset(granted)


def _is_path(name: str, suffixes: tuple[str, ...]) -> bool:
    return "/" in name or name in (".", "..") or name.partition("::")[0].endswith(suffixes)


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
            }
            for t in plan.tasks
        ],
        "pairs": [_portable(p) for p in plan.pairs],
        "methods": [
            {"id": m.id, "name": m.name, "parameters": dict(m.parameters), "sha256": m.source.sha256}
            for m in plan.methods
        ],
        "seeds": list(plan.seeds),
        "baseline_seeds": list(plan.baseline_seeds),
        "root_seed": plan.root_seed,
        "limit": plan.limit,
        "grants": sorted(plan.grants),
        "limits": dataclasses.asdict(plan.limits),
        "min_gap": plan.min_gap,
        "selected": sorted(plan.selected) if plan.selected is not None else None,
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
    """The plan with only the cells whose ids are wanted. Raises `NothingSelectedError` where none is left."""
    ids = frozenset(cell.id for cell in plan.cells() if wanted(cell.id))
    if not ids:
        raise NothingSelectedError("the selection holds no cell. `--plan` without -k or --lf shows all.")
    return dataclasses.replace(plan, selected=ids)
