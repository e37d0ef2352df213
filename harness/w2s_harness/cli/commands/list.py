"""`w2s-harness list`: what is there, from metadata alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from w2s_harness.cli import past
from w2s_harness.cli.options import flags_of_run
from w2s_harness.cli.terminal.wide import echo
from w2s_harness.contract import hookspecs
from w2s_harness.installed.distributions import metadata, modules
from w2s_harness.installed.distributions.metadata import Entry
from w2s_harness.installed.parsed import declared

KINDS = ("tasks", "methods", "guards", "pairs", "runs")


@click.command("list", short_help="Tasks, methods, guards, pairs and runs that are there.")
@click.argument("kind", required=False, type=click.Choice(KINDS))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@flags_of_run.store()
def command(kind: str | None, as_json: bool, store: str) -> int:
    """List what is installed (tasks, methods, guards, pairs) and the runs of the store."""
    trusted = metadata.entries(metadata.TRUSTED)
    makers: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "tasks": lambda: [_task(e) for e in trusted if "w2s_tasks" in modules.offered(e)],
        "methods": lambda: [_row(e, "methods") for e in metadata.entries(metadata.METHODS)],
        "guards": lambda: [_row(e, "guards") for e in trusted if modules.offered(e) & hookspecs.GUARD_HOOKS],
        "pairs": lambda: [_row(e, "pairs") for e in trusted if "w2s_pairs" in modules.offered(e)],
        "runs": lambda: [past.described(run) for run in past.folders(Path(store))],
    }
    found = {name: make() for name, make in makers.items() if kind in (None, name)}
    if as_json:
        click.echo(json.dumps(found[kind] if kind else found, indent=2))
        return 0
    for name, rows in found.items():
        _print(name, rows)
    return 0


def _row(entry: Entry, kind: str) -> dict[str, Any]:
    file = modules.module_file(entry)
    return {
        "name": entry.name,
        "distribution": entry.distribution,
        "version": entry.version,
        "about": declared.summary(file) if file else "its module is missing",
        "enabled": entry.is_shipped or entry.group == metadata.METHODS,
        "enabled_by": f"--{kind} {'default,' if kind == 'guards' else ''}{entry.name}",
    }


def _task(entry: Entry) -> dict[str, Any]:
    file = modules.module_file(entry)
    return _row(entry, "tasks") | {"pair": declared.named_pair(file) if file else ""}


def _print(name: str, rows: list[dict[str, Any]]) -> None:
    click.echo(f"{name}:" if rows else f"{name}: none")
    width = max((len(r["name"]) for r in rows), default=0)
    for row in rows:
        origin = f"{row['distribution'] + ' ' + row['version']:<20}  " if "distribution" in row else ""
        own = f"  (on {row['pair']})" if row.get("pair") else ""
        note = "" if row.get("enabled", True) else f"  (not ours: {row['enabled_by']} loads it)"
        echo(f"  {row['name']:<{width}}  {origin}{row['about']}{own}{note}".rstrip())
