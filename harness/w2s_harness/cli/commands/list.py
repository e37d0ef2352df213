"""`w2s-harness list`: what is there, from metadata alone.

It is quick: of a store's runs it reads what there is at a glance, with the standard library.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from w2s_harness.cli.options import flags_of_run
from w2s_harness.cli.terminal.wide import echo
from w2s_harness.contract import hookspecs
from w2s_harness.installed.distributions import metadata, modules
from w2s_harness.installed.distributions.metadata import Entry
from w2s_harness.installed.parsed import declared
from w2s_harness.run.kept.run_names import started
from w2s_harness.run.kept.uses import is_working

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
        "runs": lambda: [described(run) for run in folders(Path(store))],
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


_MOST_NAMES = 4


def folders(store: Path) -> list[Path]:
    """The folders of a store's runs, oldest first."""
    place = store / "runs"
    if not place.is_dir():
        return []
    return [p for p in sorted(place.iterdir()) if p.is_dir() and not p.name.startswith(".")]


def described(folder: Path) -> dict[str, Any]:
    """A run's name, date, tasks, pairs, methods, seeds and outcome."""
    plan, began = _json(folder / "plan.json"), started(folder.name)
    known = {
        "tasks": [str(t.get("id")) for t in _dicts(plan.get("tasks"))],
        "pairs": [str(p.get("name")) for p in _dicts(plan.get("pairs"))],
        "methods": [str(m.get("id")) for m in _dicts(plan.get("methods"))],
    }
    seeds = plan.get("seeds")
    count = len(seeds) if isinstance(seeds, list) else 0
    outcome = _outcome(folder)
    axes = " x ".join(_short(names) for names in (known["tasks"], known["methods"]) if names)
    date = f"{began:%Y-%m-%d %H:%M}" if began else ""
    size = f"{count} seed{'' if count == 1 else 's'}" if count else "its plan cannot be read"
    return {
        "name": folder.name,
        "started": began.isoformat() if began else None,
        **known,
        "seeds": count,
        "outcome": outcome,
        "about": "  ".join(filter(None, (date, f"{axes}, {size}" if axes else size, outcome))),
    }


def _outcome(folder: Path) -> str:
    """`finished: 5 ok, 1 failed`, or how far an unfinished run came."""
    if (folder / "leaderboard.json").is_file():
        rows = _dicts(_json(folder / "leaderboard.json").get("rows"))
        counts = Counter(str(row.get("status")) for row in rows)
        return "finished: " + (", ".join(f"{n} {status}" for status, n in sorted(counts.items())) or "no row")
    word = "running" if is_working(folder) else "unfinished"
    done = _cells(folder / "events.jsonl")
    return f"{word}: {done} cell{'' if done == 1 else 's'} so far"


def _cells(events: Path) -> int:
    """Cells that an unfinished run settled; what was torn counts for nothing."""
    found: set[str] = set()
    lines = events.read_bytes().splitlines() if events.is_file() else []
    for line in lines:
        with suppress(ValueError, RecursionError):
            event = json.loads(line)
            if isinstance(event, dict) and isinstance(event.get("cell"), str) and "error" not in event:
                found.add(event["cell"])
    return len(found)


def _short(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _json(file: Path) -> dict[str, Any]:
    """A JSON object, or nothing where there is none that can be read."""
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
    return {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
