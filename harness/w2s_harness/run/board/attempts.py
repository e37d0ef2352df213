"""Which methods this store has scored on a holdout: what a p-value has to answer for.

An attempt is a method's source and parameters, scored on a holdout with a pair's models; whatever the file
was called, and with whatever seeds. A source may offer several methods, and each is an attempt of its own.
Holdouts of the same models that share rows, by `--limit`, a subset or another file, are looked at as one: the
same method on another part of them is one more attempt.
Shipped methods with default parameters are references and no attempts. What is counted is what one store saw,
so a number of attempts is a lower bound.

`attempts.jsonl` in the store has a line for each attempt, appended when its first cell is scored and again
when its p-value is known or has changed; the last line of an attempt holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.contract.plan import Attempt, Plan, PlannedMethod
from w2s_harness.data.disk import append, writing
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.report.document.document import Row
from w2s_harness.run.kept.attempt_lines import FILE, AttemptLine, Key, canonical, read, rows_key
from w2s_harness.run.kept.store import Store, key_of
from w2s_harness.run.plan.planning import describe_plan
from w2s_harness.run.work.setting.setting import Setting

SHARED = 0.05
"""Holdouts that share more than this, of the rows of the smaller one, are one that was looked at again."""


class AttemptLog:
    """The attempts of one store. One thread at a time; several processes may append at once."""

    def __init__(self, store: Store) -> None:
        """Read the log of `store`. Raises `StoreError` where it cannot be read."""
        self._store, self._file = store, store.root / FILE
        self._known = {line.key: line for line in read(self._file)}

    def listener(self, plan: Plan, settings: Sequence[Setting]) -> Callable[[Mapping[str, Any]], None]:
        """What takes the events of the plan's cells and notes an attempt when its first cell is scored."""
        methods = {m.id: m for m in plan.methods}
        where = {s.id: (s, holdout(s)) for s in settings}
        cells = {cell.id: cell for cell in plan.cells()}

        def listen(event: Mapping[str, Any]) -> None:
            cell = cells.get(event.get("cell", ""))
            if cell is None or "accuracy" not in event or is_reference(methods[cell.method]):
                return
            setting, here = where[f"{cell.task}/{cell.pair}"]
            line = _line(setting, here, methods[cell.method], None)
            if line.key not in self._known:
                # once per holdout, what later ones are compared with
                if self._store.array(rows_key(here)) is None:
                    self._store.put_array(rows_key(here), _digests(setting))
                self._append([line])

        return listen

    def finished(self, plan: Plan, settings: Sequence[Setting], rows: Iterable[Row]) -> None:
        """Note the p-values of a leaderboard's rows, as far as they are new."""
        by_name = {(m.name, canonical(m.changed)): m for m in plan.methods}
        where = {(s.task.id, s.pair.name): (s, holdout(s)) for s in settings}
        lines = []
        for row in rows:
            method = by_name[row.method, canonical(row.parameters)]
            if is_reference(method) or all(cell.accuracy is None for cell in row.transfer.per_seed):
                continue
            # before Holm, that of a claim; else of the test against vanilla
            p = row.claim.p if row.claim is not None else None
            if p is None and row.vs_vanilla is not None:
                p = row.vs_vanilla.p
            line = _line(*where[row.task, row.pair], method, p)
            before = self._known.get(line.key)
            if before is None or before.p != p:
                lines.append(line)
        self._append(lines)

    def before(self, plan: Plan, settings: Sequence[Setting]) -> tuple[Attempt, ...]:
        """What was scored on the plan's holdouts beside the plan's own rows, in an order of its own."""
        planned = {(f"{c.task}/{c.pair}", c.method) for c in plan.cells()}
        found = []
        for setting in settings:
            here, models, rows_here = holdout(setting), _models(setting), _digests(setting)
            own = {_line(setting, here, m, None).key for m in plan.methods if (setting.id, m.id) in planned}
            alike = {line.holdout for line in self._known.values() if line.models == models}
            kept = {where: self._store.array(rows_key(where)) for where in alike}
            near = {
                w for w, other in kept.items() if other is not None and overlap(other, rows_here) > SHARED
            }
            found += [
                Attempt(
                    task=setting.task.id, pair=setting.pair.name, method=line.method, sha256=line.sha256,
                    parameters=dict(sorted(line.parameters.items())), p=line.p, holdout=line.holdout,
                )
                for key, line in self._known.items()
                if key not in own
                and (line.holdout == here or (line.models == models and line.holdout in near))
            ]  # fmt: skip
        return tuple(
            sorted(
                found, key=lambda a: (a.task, a.pair, a.sha256, a.method, canonical(a.parameters), a.holdout)
            )
        )

    def _append(self, lines: Sequence[AttemptLine]) -> None:
        if not lines:
            return
        with writing(self._file.parent):
            append(self._file, b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        self._known |= {line.key: line for line in lines}


def is_reference(method: PlannedMethod) -> bool:
    """Whether the method is shipped and has its default parameters."""
    return method.source.is_shipped and not method.changed


def counts(plan: Plan, scored: Set[str]) -> dict[tuple[str, str], int]:
    """For every row of the plan, by setting and method, how many attempts its holdout has seen.

    `scored` are the ids of the plan's cells that ended well: of its own methods those count that have one. At
    least 1, and 1 for a reference.
    """
    methods = {m.id: m for m in plan.methods}
    seen: dict[str, set[Key]] = {}
    for attempt in plan.attempts:
        key = (attempt.holdout, attempt.sha256, attempt.method, canonical(attempt.parameters))
        seen.setdefault(f"{attempt.task}/{attempt.pair}", set()).add(key)
    for cell in plan.cells():
        method = methods[cell.method]
        if cell.id in scored and not is_reference(method):
            key = ("the plan's own", method.source.sha256, method.name, canonical(method.parameters))
            seen.setdefault(f"{cell.task}/{cell.pair}", set()).add(key)
    rows = {(f"{cell.task}/{cell.pair}", cell.method) for cell in plan.cells()}
    return {
        (setting, name): 1 if is_reference(methods[name]) else max(1, len(seen.get(setting, ())))
        for setting, name in sorted(rows)
    }


def holdout(setting: Setting) -> str:
    """What a holdout is known by: its rows and labels in any order, and the pair's models."""
    labels = gold_of(setting.data, "test").labels
    rows = (msgspec.msgpack.encode((r, bool(y))) for r, y in zip(setting.test.rows, labels, strict=True))
    digests = sorted(hashlib.sha256(row).hexdigest() for row in rows)
    return key_of("holdout", [digests, setting.weights("weak"), setting.weights("strong"), setting.pair.mode])


def overlap(one: npt.NDArray[np.uint64], other: npt.NDArray[np.uint64]) -> float:
    """The share of the smaller of two holdouts that stands in the other too; their rows by digest."""
    fewer = min(len(one), len(other))
    return len(np.intersect1d(one, other)) / fewer if fewer else 0.0


def _digests(setting: Setting) -> npt.NDArray[np.uint64]:
    """The different rows of a holdout by 64 bits of a digest of their texts, sorted."""
    digests = (hashlib.sha256(msgspec.msgpack.encode(row)).digest()[:8] for row in setting.test.rows)
    return np.array(sorted({int.from_bytes(digest, "little") for digest in digests}), np.uint64)


def _models(setting: Setting) -> str:
    return key_of("holdout-models", [setting.weights("weak"), setting.weights("strong"), setting.pair.mode])


def holdouts(settings: Sequence[Setting]) -> dict[str, str]:
    """The holdout of every setting, as `plan.json` holds them."""
    return {s.id: holdout(s) for s in settings}


def frozen_before(
    unfinished: Mapping[str, Any], plan: Plan, settings: Sequence[Setting]
) -> tuple[Attempt, ...] | None:
    """The attempts in the `plan.json` of an unfinished run, or None where its methods or data have changed.

    A method that was edited since is another one, and what was tried before it counts.
    """
    now = {"methods": describe_plan(plan)["methods"], "holdouts": holdouts(settings)}
    if any(unfinished.get(name) != value for name, value in now.items()):
        return None
    try:
        return msgspec.convert(unfinished["attempts"], tuple[Attempt, ...])
    except (KeyError, msgspec.ValidationError):
        return None


def _line(setting: Setting, where: str, method: PlannedMethod, p: float | None) -> AttemptLine:
    return AttemptLine(
        holdout=where,
        task=setting.task.id,
        pair=setting.pair.name,
        method=method.name,
        sha256=method.source.sha256,
        parameters=dict(method.parameters),
        p=p,
        models=_models(setting),
    )
