"""What is known of a store's runs at a glance, read with the standard library alone: `list` is quick."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from w2s_harness.run.kept.run_names import started
from w2s_harness.run.kept.uses import is_working

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
