"""What is known of a method, task, guard or pair, installed or in a file; no code of a method is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from w2s_harness.contract import hookspecs
from w2s_harness.installed import sources
from w2s_harness.installed.distributions import metadata
from w2s_harness.installed.distributions.metadata import Entry
from w2s_harness.installed.parsed import declared

_DATA = (".yaml", ".yml")


def installed(name: str) -> dict[str, Any] | None:
    """What is known of an installed thing; None where nothing is called so."""
    for group in (metadata.METHODS, metadata.TRUSTED):
        for entry in metadata.entries(group):
            if entry.name == name:
                return _entry(entry)
    return None


def names() -> list[str]:
    """The names of all that is installed."""
    return [e.name for group in (metadata.METHODS, metadata.TRUSTED) for e in metadata.entries(group)]


def of_path(path: Path) -> dict[str, Any] | None:
    """What a file or folder offers to `run`; None where it is neither code, data nor predictions.

    Raises `UsageError` for a file that cannot be read, `DataError` for data that break their format.
    """
    if path.is_dir() or path.suffix.lower() in _DATA:
        return _data(path)
    if path.suffix == ".py":
        return _code(path)
    return _predictions(path) if path.suffix == ".jsonl" else None


def _entry(entry: Entry) -> dict[str, Any]:
    file = metadata.module_file(entry)
    facts: dict[str, Any] = {
        "name": entry.name,
        "group": entry.group,
        "distribution": f"{entry.distribution} {entry.version}",
        "module": entry.module,
        "file": str(file) if file else None,
        "about": sources.documentation(file) if file else "its module is missing",
    }
    if file is None:
        return facts
    own = [found for found in declared.classes(file) if found["name"] == entry.name]
    facts |= {key: value for key, value in (own[0] if own else {}).items() if key not in ("name", "about")}
    hooks = sources.offered_hooks(file)
    if entry.group == metadata.TRUSTED and hooks & hookspecs.GUARD_HOOKS:
        facts |= {"hooks": sorted(hooks), "settings": sources.declared_settings(file)}
    if "w2s_pairs" in hooks:
        facts |= _pairs(entry.name)
    return facts


def _pairs(plugin: str) -> dict[str, Any]:
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
    hooks = sources.offered_hooks(path)
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
    return facts | ({"settings": sources.declared_settings(path)} if hooks & hookspecs.GUARD_HOOKS else {})


def _data(path: Path) -> dict[str, Any]:
    """A task of data files, read whole as `run` reads it."""
    from w2s_harness.data.reading.resolve import data_task
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
