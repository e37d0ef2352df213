"""Which methods this store has scored on a holdout: what a p-value has to answer for.

An attempt is a method's source and parameters, scored on a holdout with a pair's models; whatever the file
was called, and with whatever seeds. A source may offer several methods, and each is an attempt of its own.
Shipped methods with default parameters are references and no attempts. What is counted is what one store saw,
so a number of attempts is a lower bound.

`attempts.jsonl` in the store has a line for each attempt, appended when its first cell is scored and again
when its p-value is known or has changed; the last line of an attempt holds.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.store import Store, key_of, writing
from w2s_harness.plan import Attempt, Plan, PlannedMethod, Value
from w2s_harness.report.document import Row

FILE = "attempts.jsonl"
Key = tuple[str, str, str, str]
"""Holdout, source, method, parameters."""


class _Line(msgspec.Struct, frozen=True):
    """One line of the log."""

    holdout: str
    """`holdout` of the setting."""
    task: str
    pair: str
    method: str
    sha256: str
    parameters: dict[str, Value]
    p: float | None

    @property
    def key(self) -> Key:
        return (self.holdout, self.sha256, self.method, _canonical(self.parameters))


@dataclass(frozen=True, slots=True)
class Place:
    """A setting as the log knows it."""

    holdout: str
    task: str
    pair: str


class AttemptLog:
    """The attempts of one store. One thread at a time; several processes may append at once."""

    def __init__(self, store: Store) -> None:
        """Read the log of `store`. Raises `StoreError` where it cannot be read."""
        self._file = store.root / FILE
        self._known = {line.key: line for line in _read(self._file)}

    def scored(self, place: Place, method: PlannedMethod) -> None:
        """Note that a cell of the method was scored there, unless that is known."""
        if not is_reference(method):
            line = _line(place, method, None)
            if line.key not in self._known:
                self._append([line])

    def finished(self, plan: Plan, places: Sequence[Place], rows: Iterable[Row]) -> None:
        """Note the p-values of a leaderboard's rows, as far as they are new."""
        by_name = {(m.name, _canonical(m.changed)): m for m in plan.methods}
        where = {(p.task, p.pair): p for p in places}
        lines = []
        for row in rows:
            method = by_name[row.method, _canonical(row.parameters)]
            if is_reference(method) or all(cell.accuracy is None for cell in row.transfer.per_seed):
                continue
            p = row.vs_vanilla.p if row.vs_vanilla is not None else None
            line = _line(where[row.task, row.pair], method, p)
            before = self._known.get(line.key)
            if before is None or before.p != p:
                lines.append(line)
        self._append(lines)

    def before(self, plan: Plan, places: Sequence[Place]) -> tuple[Attempt, ...]:
        """What was scored on the plan's holdouts beside the plan's own rows, in an order of its own."""
        own = {(c.task, c.pair, c.method) for c in plan.cells()}
        found = []
        for place in places:
            rows = {
                _line(place, m, None).key for m in plan.methods if (place.task, place.pair, m.id) in own
            }
            found += [
                Attempt(
                    task=place.task,
                    pair=place.pair,
                    method=line.method,
                    sha256=line.sha256,
                    parameters=dict(sorted(line.parameters.items())),
                    p=line.p,
                )
                for key, line in self._known.items()
                if line.holdout == place.holdout and key not in rows
            ]
        return tuple(sorted(found, key=_order))

    def _append(self, lines: Sequence[_Line]) -> None:
        """Write whole lines at the end; what a killed host left torn must not swallow them."""
        if not lines:
            return
        data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        with writing(self._file.parent):
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(self._file, flags, 0o644), "rb+", buffering=0) as file:
                end = file.seek(0, os.SEEK_END)
                torn = end > 0 and os.pread(file.fileno(), 1, end - 1) != b"\n"
                rest = memoryview(b"\n" + data if torn else data)
                while rest:
                    rest = rest[file.write(rest) :]
                os.fsync(file.fileno())
        self._known |= {line.key: line for line in lines}


def is_reference(method: PlannedMethod) -> bool:
    """Whether the method is shipped and has its default parameters."""
    return method.source.is_shipped and not method.changed


def counts(plan: Plan, records: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str, str], int]:
    """For every (method id, task id, pair) of the plan, how many attempts its holdout has seen.

    `records` holds the plan's cells by id; of the plan's own methods those count that have a scored cell.
    At least 1, and 1 for a reference.
    """
    methods = {m.id: m for m in plan.methods}
    seen: dict[tuple[str, str], set[tuple[str, str, str]]] = {}
    for attempt in plan.attempts:
        key = (attempt.sha256, attempt.method, _canonical(attempt.parameters))
        seen.setdefault((attempt.task, attempt.pair), set()).add(key)
    for cell in plan.cells():
        method = methods[cell.method]
        if "accuracy" in records.get(cell.id, {}) and not is_reference(method):
            key = (method.source.sha256, method.name, _canonical(method.parameters))
            seen.setdefault((cell.task, cell.pair), set()).add(key)
    return {
        (cell.method, cell.task, cell.pair): 1
        if is_reference(methods[cell.method])
        else max(1, len(seen.get((cell.task, cell.pair), ())))
        for cell in plan.cells()
    }


def needs_fresh(attempts: int, exposure: str) -> bool:
    """Whether a claim needs a `--fresh` draw or a final split: others were tried on data that was known."""
    return attempts > 1 and exposure != "fresh"


def place(setting: Setting) -> Place:
    """The setting's entry in the log: its holdout's rows and labels in any order, and the pair's models."""
    test = setting.test
    rows = sorted(
        msgspec.msgpack.encode((row, bool(label)))
        for row, label in zip(test.rows, test.labels, strict=True)
    )
    digest = hashlib.sha256(b"".join(hashlib.sha256(row).digest() for row in rows)).hexdigest()
    models = [setting.weights("weak"), setting.weights("strong"), setting.pair.mode]
    return Place(key_of("holdout", [digest, models]), setting.task.id, setting.pair.name)


def _line(place: Place, method: PlannedMethod, p: float | None) -> _Line:
    return _Line(
        holdout=place.holdout,
        task=place.task,
        pair=place.pair,
        method=method.name,
        sha256=method.source.sha256,
        parameters=dict(method.parameters),
        p=p,
    )


def _read(file: Path) -> list[_Line]:
    with writing(file.parent):
        try:
            with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as stream:
                data = stream.read()
        except FileNotFoundError:
            return []
    found = []
    for line in data.split(b"\n"):
        try:
            found.append(msgspec.json.decode(line, type=_Line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue  # empty, or torn by a killed host
    return found


def _order(attempt: Attempt) -> tuple[str, ...]:
    return (attempt.task, attempt.pair, attempt.sha256, attempt.method, _canonical(attempt.parameters))


def _canonical(parameters: Mapping[str, Any]) -> str:
    return json.dumps(dict(parameters), sort_keys=True)
