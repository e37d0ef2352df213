"""Run folders: one invocation each, continued by the same command until its leaderboard is written."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from w2s_harness.contract.errors import DataError, StoreError, UsageError, nearest
from w2s_harness.data.disk import append, read_bytes, replace_file, shown, text_of, whole_lines, writing
from w2s_harness.data.reading.strict_json import value_of
from w2s_harness.run.kept import run_names
from w2s_harness.run.kept.store import Store, key_of

MAX_PLAN = 2**28
"""Bytes of a `plan.json`; a longer one is refused."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run's folder: `plan.json`, `events.jsonl`, `run.log`, `leaderboard.json`."""

    folder: Path

    @property
    def id(self) -> str:
        """The folder's name, such as `20261123-1412-7f3a`."""
        return self.folder.name

    @property
    def leaderboard(self) -> Path:
        """Where the leaderboard stands once the run is finished."""
        return self.folder / "leaderboard.json"

    def plan(self) -> dict[str, Any]:
        """`plan.json`. Raises `StoreError` where it is missing or broken."""
        file = self.folder / "plan.json"
        try:
            data = read_bytes(file, MAX_PLAN, "It is no plan.")
            found = value_of(text_of(data, shown(file)), shown(file), mend="It is no plan.")
        except DataError as bad:
            raise StoreError(f"{file}: cannot be read ({bad}) Start the run again.") from bad
        if not isinstance(found, dict):
            raise StoreError(f"{file}: cannot be read (it holds no plan). Start the run again.")
        return found

    def write_plan(self, plan: Mapping[str, Any]) -> None:
        """Write `plan.json`; a continued run may have newer code, and its plan says so."""
        with writing(self.folder):
            data = json.dumps(plan, indent=1, sort_keys=True).encode()
            private = bool(plan.get("secret") or plan.get("drawn"))
            replace_file(self.folder / "plan.json", data, mode=0o600 if private else 0o666)

    def log(self, event: Mapping[str, Any]) -> None:
        """Append one event to `events.jsonl`."""
        with writing(self.folder):
            append(self.folder / "events.jsonl", msgspec.json.encode(event) + b"\n", mode=0o666, wait=False)

    def events(self) -> list[dict[str, Any]]:
        """What was logged; a torn last line is dropped."""
        return whole_lines(self.folder / "events.jsonl", dict[str, Any])


def fingerprint(arguments: Mapping[str, Any]) -> str:
    """What makes two commands the same one: the digest of everything that decides their numbers."""
    return key_of("run", dict(arguments))


def unfinished(store: Store, print_of_command: str) -> Run | None:
    """The last run of the same command, if it has no leaderboard yet."""
    for run in reversed(all_runs(store.runs)):
        try:
            same = run.plan().get("fingerprint") == print_of_command
        except StoreError:
            continue
        if same:
            return None if run.leaderboard.exists() else run
    return None


def start(store: Store, plan: Mapping[str, Any]) -> Run:
    """A new run folder; it appears with its `plan.json` inside, or not at all."""
    name = run_names.drawn(datetime.datetime.now())
    hidden = Run(store.runs / f".{name}")
    with writing(store.root):
        hidden.folder.mkdir(parents=True)
        hidden.write_plan(plan)
        hidden.folder.rename(store.runs / name)
    return Run(store.runs / name)


def started(folder: Path) -> datetime.datetime:
    """When a run began: its name says it; where that is none of ours, when its plan was last written."""
    plan = folder / "plan.json"
    written = (plan if plan.exists() else folder).lstat().st_mtime
    return run_names.started(folder.name) or datetime.datetime.fromtimestamp(written)


def all_runs(folder: Path) -> list[Run]:
    """Every run of a store, oldest first."""
    if not folder.is_dir():
        return []
    return [Run(p) for p in sorted(folder.iterdir()) if p.is_dir() and not p.name.startswith(".")]


def find(store: Path, name: str) -> Run:
    """The run called `name` (or `last`, or a unique beginning of a name, or a path to its folder).

    Raises `UsageError` for none or several.
    """
    path = Path(name)
    if (path / "plan.json").is_file():
        return Run(path)
    if path.name == "leaderboard.json" and path.is_file():
        return Run(path.parent)
    runs = all_runs(store / "runs")
    if name == "last" and runs:
        return runs[-1]
    found = [r for r in runs if r.id == name] or [r for r in runs if r.id.startswith(name)]
    if len(found) != 1:
        what = "no run" if not found else f"{len(found)} runs"
        raise UsageError(
            f"{what} called '{name}' in {store}{nearest(name, [r.id for r in runs])}. "
            "`w2s-harness list runs` shows all."
        )
    return found[0]
