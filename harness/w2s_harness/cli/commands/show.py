"""`w2s-harness show`: all that is known of one thing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from w2s_harness.cli.options import flags_of_run
from w2s_harness.cli.terminal.wide import echo
from w2s_harness.contract import hookspecs
from w2s_harness.contract.errors import UsageError, nearest
from w2s_harness.installed import sources
from w2s_harness.installed.distributions import metadata, modules
from w2s_harness.installed.distributions.metadata import Entry
from w2s_harness.installed.parsed import declared

if TYPE_CHECKING:
    from w2s_harness.run.kept.runs import Run

_FILES = (".py", ".yaml", ".yml", ".jsonl")
_OF_A_SETTING = (
    "task", "pair", "mode", "solver", "n_test", "n_cut", "majority", "gap", "gap_ci", "weak_label_acc",
    "hyper",
)  # fmt: skip
_OF_A_ROW = ("status", "track", "pgr", "pgr_ci_pool", "reason", "attempts", "isolation", "access")


@click.command("show", short_help="What is known of a task, a method, a guard, a pair, a run or a cell.")
@click.argument("name", shell_complete=flags_of_run.names("tasks", "methods", "guards", "pairs", "runs"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@flags_of_run.store()
def command(name: str, as_json: bool, store: str) -> int:
    """Show NAME: a task, method, guard or pair, installed or by its path; a run; or a cell.

    A method and a task are shown with their parameters, types and defaults. A cell (`math/tiny/vanilla/s0`)
    is the last run's, with its verdicts; RUN::CELL is any run's.
    """
    facts = _found(name, Path(store))
    click.echo(json.dumps(facts, indent=2)) if as_json else echo(_text(facts))
    return 0


def _found(name: str, store: Path) -> dict[str, Any]:
    before, separator, after = name.rpartition("::")
    path = Path(before if before.endswith(".py") else name)
    if (path / "plan.json").is_file() or path.name == "leaderboard.json":
        return _run(store, name)
    if path.suffix in _FILES or name.startswith(("./", "../", "/", "~")) or name in (".", ".."):
        found = _of_path(path.expanduser())
        if found is not None:
            return found
    elif separator or name.count("/") >= 3:
        return _cell(store, before or "last", after)
    base = re.split(r"[:\[]", name)[0]
    return next((_entry(e) for e in _entries() if e.name == base), None) or _run(store, name)


# -- a thing, installed or in a file; no code of a method is run ------------------------------------------


def _entries() -> list[Entry]:
    return [*metadata.entries(metadata.METHODS), *metadata.entries(metadata.TRUSTED)]


def _of_path(path: Path) -> dict[str, Any] | None:
    """What a file or folder offers to `run`; None where it is neither code, data nor predictions.

    Raises `UsageError` for a file that cannot be read, `DataError` for data that break their format.
    """
    if path.is_dir() or path.suffix.lower() in (".yaml", ".yml"):
        return _data(path)
    if path.suffix == ".py":
        return _code(path)
    return _predictions(path) if path.suffix == ".jsonl" else None


def _entry(entry: Entry) -> dict[str, Any]:
    file = modules.module_file(entry)
    facts: dict[str, Any] = {
        "name": entry.name,
        "group": entry.group,
        "distribution": f"{entry.distribution} {entry.version}",
        "module": entry.module,
        "file": str(file) if file else None,
        "about": declared.documentation(file) if file else "its module is missing",
    }
    if file is None:
        return facts
    own = [found for found in declared.classes(file) if found["name"] == entry.name]
    facts |= {key: value for key, value in (own[0] if own else {}).items() if key not in ("name", "about")}
    hooks = declared.offered_hooks(file)
    if entry.group == metadata.TRUSTED and hooks & hookspecs.GUARD_HOOKS:
        facts |= {"hooks": sorted(hooks), "settings": declared.guard_settings(file)}
    if "w2s_pairs" in hooks:
        facts |= _pair(entry.name)
    return facts


def _pair(plugin: str) -> dict[str, Any]:
    """The pair of that name; naming one loads the plugin that offers it, as `run --pairs` does."""
    import dataclasses

    from w2s_harness.installed.trusted.plugins import Plugins

    pair = Plugins().pair_if_known(plugin)
    if pair is None:
        return {}
    fields = dataclasses.asdict(pair)
    return {"models": {role: fields.pop(role) for role in ("weak", "strong", "students")}, "settings": fields}


def _code(path: Path) -> dict[str, Any]:
    sources.from_file(path)
    hooks = declared.offered_hooks(path)
    found = {c["name"]: {k: v for k, v in c.items() if k != "name"} for c in declared.classes(path)}
    several = ",".join(sorted(found)) or "NAME"
    if "w2s_methods" in hooks:
        how = f"--methods {path}" + (f"::{min(found)}" if len(found) > 1 else "")
    elif "w2s_tasks" in hooks:
        how = f"-p {path} --tasks {several}"
    elif hooks & hookspecs.GUARD_HOOKS:
        how = f"--guards default,{path}"
    else:
        how = f"-p {path}" if hooks else "nothing of run's: it has no hook"
    facts = {"file": str(path), "run_with": how, "hooks": sorted(hooks), "offers": found}
    return facts | ({"settings": declared.guard_settings(path)} if hooks & hookspecs.GUARD_HOOKS else {})


def _data(path: Path) -> dict[str, Any]:
    """A task of data files, read whole as `run` reads it."""
    from w2s_harness.data.reading.file_task import data_task
    from w2s_harness.data.rows.prepared import prepare, sizes

    task = data_task(path)
    return {
        "task": task.name,
        "run_with": f"--tasks {path if str(path).startswith(('/', '.')) else f'./{path}'}",
        "kind": task.kind,
        "exposure": task.exposure,
        "splits": sizes(prepare(task, limit=None)),
    }


def _predictions(path: Path) -> dict[str, Any]:
    from w2s_harness.run.plan.predictions import parse

    found = parse(sources.from_file(path).code or b"", str(path))
    seeds = sorted(seed for seed in found.by_seed if seed is not None)
    return {
        "predictions": path.stem,
        "run_with": f"--methods {path}",
        "rows": len({row for rows in found.by_seed.values() for row in rows}),
        "seeds": seeds or "the same for every seed",
    }


# -- a run or a cell --------------------------------------------------------------------------------------


def _cell(store: Path, run_name: str, cell: str) -> dict[str, Any]:
    from w2s_harness.run.kept import runs

    run = runs.find(store, run_name)
    events = {e["cell"]: e for e in run.events() if "cell" in e}
    if cell not in events:
        other = next((r for r in reversed(runs.all_runs(store / "runs")) if _has(r, cell)), None)
        if other is None and _is_planned(run.plan(), cell):
            raise UsageError(f"the run {run.id} planned the cell '{cell}' and has not run it")
        hint = f"; the run {other.id} has: show {other.id}::{cell}" if other else nearest(cell, events)
        raise UsageError(f"the run {run.id} has no cell '{cell}'{hint}")
    task, pair, method, _ = cell.rsplit("/", 3)
    plan = run.plan()
    chosen = {
        "task": [t for t in plan["tasks"] if t["id"] == task],
        "pair": [p for p in plan["pairs"] if p["name"] == pair],
        "method": [m for m in plan["methods"] if m["id"] == method],
    }
    settings = {noun: found[0] if found else None for noun, found in chosen.items()}
    return {"run": run.id, **events[cell], **_judged(run, task, pair, method), "settings": settings}


def _is_planned(plan: dict[str, Any], cell: str) -> bool:
    parts = cell.rsplit("/", 3)
    axes = [[t["id"] for t in plan["tasks"]], [p["name"] for p in plan["pairs"]]]
    axes += [[m["id"] for m in plan["methods"]], [f"s{seed}" for seed in plan.get("seeds", ())]]
    chosen = plan.get("selected")
    known = len(parts) == 4 and all(part in axis for part, axis in zip(parts, axes, strict=True))
    return known and (chosen is None or cell in chosen)


def _has(run: Run, cell: str) -> bool:
    return any(event.get("cell") == cell for event in run.events())


def _judged(run: Run, task: str, pair: str, method: str) -> dict[str, Any]:
    """What the guards said of the cell's row, with their evidence; nothing before the run is finished."""
    from w2s_harness.contract.plan import label

    if not run.leaderboard.is_file():
        return {"verdicts": "not yet: the run is not finished"}
    for row in _board(run)["rows"]:
        if (row["task"], row["pair"], label(row["method"], row["parameters"])) == (task, pair, method):
            said = [{k: v for k, v in verdict.items() if k != "again"} for verdict in row["verdicts"]]
            return {"row": {k: row[k] for k in _OF_A_ROW}, "verdicts": said, "again": row.get("again", "")}
    return {"verdicts": "none: the leaderboard has no such row"}


def _run(store: Path, name: str) -> dict[str, Any]:
    from w2s_harness.run.kept import runs

    try:
        run = runs.find(store, name)
    except UsageError as bad:
        hint = nearest(name, [entry.name for entry in _entries()])
        said = f" Nothing installed is called so either{hint}." if hint else ""
        path = next((p for p in (name, f"{name}.py", f"{name}.yaml") if Path(p).exists()), None)
        said += f" What lies here is shown by its path: show ./{path}." if path else ""
        raise UsageError(f"{bad}{said}") from bad
    cells = {e["cell"]: e for e in run.events() if "cell" in e}
    return {
        "run": run.id,
        "folder": str(run.folder),
        "state": "finished" if run.leaderboard.is_file() else "unfinished",
        "settings": _settings(run),
        "plan": run.plan(),
        "cells": {cell: e.get("error") or e.get("accuracy") for cell, e in sorted(cells.items())},
    }


def _board(run: Run) -> dict[str, Any]:
    """A finished run's leaderboard as plain values. Raises `DataError` for one that is none."""
    from w2s_harness.contract.errors import DataError
    from w2s_harness.data.disk import read_bytes, shown, text_of
    from w2s_harness.data.reading.strict_json import value_of
    from w2s_harness.report.document.document import MAX_BYTES

    name, mend = shown(run.leaderboard), "It is no leaderboard; run it again."
    found = value_of(text_of(read_bytes(run.leaderboard, MAX_BYTES, mend), name), name, mend=mend)
    if not isinstance(found, dict) or not {"rows", "settings"} <= found.keys():
        raise DataError(f"{name}: {mend}")
    return found


def _settings(run: Run) -> list[dict[str, Any]]:
    if not run.leaderboard.is_file():
        return []
    found = _board(run)["settings"]
    return [
        {k: s[k] for k in _OF_A_SETTING} | {"weak": s["weak"]["mean"], "ceiling": s["ceiling"]["mean"]}
        for s in found
    ]


# -- as text ----------------------------------------------------------------------------------------------


def _text(facts: dict[str, Any], indent: str = "") -> str:
    width = max(map(len, facts), default=0)
    lines = []
    for key, value in facts.items():
        if isinstance(value, dict) and "type" in value and "about" in value:
            lines.append(f"{indent}{key:<{width}}  {_parameter(value)}".rstrip())
        elif isinstance(value, dict) and value:
            lines += [f"{indent}{key}", _text(value, indent + "  ")]
        elif isinstance(value, list) and value and isinstance(value[0], dict) and "guard" in value[0]:
            lines += [f"{indent}{key}", *(f"{indent}  {line}" for line in _verdicts(value))]
        elif isinstance(value, str) and "\n" in value:
            lines += [f"{indent}{key}", *(f"{indent}  {line}" for line in value.splitlines())]
        else:
            shown = value if isinstance(value, str) else json.dumps(value)
            lines.append(f"{indent}{key:<{width}}  {shown}".rstrip())
    return "\n".join(lines)


def _parameter(value: dict[str, Any]) -> str:
    """A type, its default and what it is about: `float = 0.25   Keep rows beyond it.`."""
    given = value.get("default")
    shown = given if isinstance(given, str) else json.dumps(given)
    default = f" = {shown}" if "default" in value else ", to be given"
    return f"{value['type']}{default}   {value['about']}"


def _verdicts(said: list[dict[str, Any]]) -> list[str]:
    """Each verdict with the numbers behind it."""
    lines = []
    for verdict in said:
        finding = f" [{verdict['finding']}]" if verdict.get("finding") else ""
        lines.append(f"{verdict['level']:<10}  {verdict['guard']}{finding}: {verdict['because']}")
        numbers = ", ".join(f"{name} = {value:.6g}" for name, value in verdict.get("numbers", {}).items())
        lines += [f"{'':<10}  {numbers}"] if numbers else []
    return lines
