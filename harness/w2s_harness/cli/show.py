"""`w2s-harness show`: all that is known of one thing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from w2s_harness.experiment.runs import Run


@click.command("show", short_help="What is known of a task, a method, a guard, a pair, a run or a cell.")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--store", default=".w2s", envvar="W2S_STORE", show_default=True, help="Where runs are kept.")
def command(name: str, as_json: bool, store: str) -> int:
    """Show NAME: a task, method, guard or pair; a run; or a cell.

    A cell (`math/tiny/vanilla/s0`) is the last run's; RUN::CELL is any run's.
    """
    run_name, separator, cell = name.rpartition("::")
    is_folder = (Path(name) / "plan.json").is_file()
    if separator or (name.count("/") >= 3 and not is_folder):
        facts = _cell(Path(store), run_name or "last", cell if separator else name)
    else:
        facts = (None if is_folder else _thing(name)) or _run(Path(store), name)
    click.echo(json.dumps(facts, indent=2) if as_json else _text(facts))
    return 0


def _cell(store: Path, run_name: str, cell: str) -> dict[str, Any]:
    from w2s_harness.errors import UsageError, nearest
    from w2s_harness.experiment import runs

    run = runs.find(store, run_name)
    events = {e["cell"]: e for e in run.events() if "cell" in e}
    if cell not in events:
        raise UsageError(f"the run {run.id} has no cell '{cell}'{nearest(cell, events)}")
    task, pair, method, _ = cell.rsplit("/", 3)
    plan = run.plan()
    chosen = {
        "task": [t for t in plan["tasks"] if t["id"] == task],
        "pair": [p for p in plan["pairs"] if p["name"] == pair],
        "method": [m for m in plan["methods"] if m["id"] == method],
    }
    settings = {noun: found[0] if found else None for noun, found in chosen.items()}
    return {"run": run.id, **events[cell], "settings": settings}


def _run(store: Path, name: str) -> dict[str, Any]:
    from w2s_harness.errors import UsageError, nearest
    from w2s_harness.experiment import runs

    try:
        run = runs.find(store, name)
    except UsageError as bad:
        hint = nearest(name, _known_names())
        raise UsageError(f"{bad}{f' Nothing installed is called so either{hint}.' if hint else ''}") from bad
    cells = {e["cell"]: e for e in run.events() if "cell" in e}
    return {
        "run": run.id,
        "folder": str(run.folder),
        "state": "finished" if run.leaderboard.is_file() else "unfinished",
        "settings": _settings(run),
        "plan": run.plan(),
        "cells": {cell: e.get("error") or e.get("accuracy") for cell, e in sorted(cells.items())},
    }


def _settings(run: Run) -> list[dict[str, Any]]:
    if not run.leaderboard.is_file():
        return []
    from w2s_harness.report import canonical, document

    found = json.loads(canonical.document_bytes(document.read(run.leaderboard)))["settings"]
    names = ("task", "pair", "mode", "solver", "n_test", "n_cut", "gap", "gap_ci", "weak_label_acc", "hyper")
    return [
        {k: s[k] for k in names} | {"weak": s["weak"]["mean"], "ceiling": s["ceiling"]["mean"]} for s in found
    ]


def _known_names() -> list[str]:
    from w2s_harness.discovery import metadata

    return [e.name for group in (metadata.METHODS, metadata.TRUSTED) for e in metadata.entries(group)]


def _thing(name: str) -> dict[str, Any] | None:
    from w2s_harness.discovery import metadata, sources

    for group in (metadata.METHODS, metadata.TRUSTED):
        for entry in metadata.entries(group):
            if entry.name != name:
                continue
            file = metadata.module_file(entry)
            return {
                "name": entry.name,
                "group": group,
                "distribution": f"{entry.distribution} {entry.version}",
                "module": entry.module,
                "file": str(file) if file else None,
                "about": sources.documentation(file) if file else "its module is missing",
                **(_guard(file) if file and group == metadata.TRUSTED else {}),
            }
    return None


def _guard(file: Path) -> dict[str, Any]:
    """What is known of a guard beside what is known of every plugin; nothing of another plugin."""
    from w2s_harness import hookspecs
    from w2s_harness.discovery import sources

    hooks = sources.offered_hooks(file)
    if not hooks & hookspecs.GUARD_HOOKS:
        return {}
    return {"hooks": sorted(hooks), "settings": sources.declared_settings(file)}


def _text(facts: dict[str, Any], indent: str = "") -> str:
    width = max(map(len, facts), default=0)
    lines = []
    for key, value in facts.items():
        if isinstance(value, dict) and value:
            lines += [f"{indent}{key}", _text(value, indent + "  ")]
        elif isinstance(value, str) and "\n" in value:
            lines += [f"{indent}{key}", *(f"{indent}  {line}" for line in value.splitlines())]
        else:
            shown = value if isinstance(value, str) else json.dumps(value)
            lines.append(f"{indent}{key:<{width}}  {shown}".rstrip())
    return "\n".join(lines)
