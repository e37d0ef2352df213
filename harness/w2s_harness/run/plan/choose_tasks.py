"""From the words of `--tasks` to tasks with their settings."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import MutableMapping
from pathlib import Path

from w2s_harness.contract.errors import UsageError, nearest
from w2s_harness.contract.plan import PlannedTask, Value, label
from w2s_harness.contract.types import Task
from w2s_harness.data.reading.file_task import data_task
from w2s_harness.installed.parsed import declared
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.run.plan.specs import Spec, is_path, parse_value


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
