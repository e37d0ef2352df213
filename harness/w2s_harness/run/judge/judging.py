"""What the guards say of every row of a leaderboard."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from w2s_harness.contract.guards.evidence import Published
from w2s_harness.contract.plan.plan import Plan, PlannedMethod
from w2s_harness.contract.plan.references import PROVENANCE
from w2s_harness.contract.types import Verdict
from w2s_harness.installed import sources
from w2s_harness.jail import showing
from w2s_harness.run.cell.ended import Ended
from w2s_harness.run.judge.again import Commands
from w2s_harness.run.judge.cells import Cells, RowKey
from w2s_harness.run.judge.gathering import Gathered
from w2s_harness.run.judge.guarding import Guards, merged
from w2s_harness.run.kept.store import key_of
from w2s_harness.run.work.code_digest import whole


@dataclass(frozen=True, slots=True)
class RowVerdicts:
    """What the guards say of a row."""

    verdicts: Sequence[Verdict] = ()
    again: str = ""
    """The command that shows the row and its verdicts again; empty where there are none."""


def judge(
    plan: Plan,
    work: Cells,
    *,
    attempts: Mapping[RowKey, int],
    published: Mapping[RowKey, Sequence[Published]],
) -> dict[RowKey, RowVerdicts]:
    """The verdicts of every row and the command that shows them again.

    A `disqualify` of the whole method stands in each of its rows.
    """
    rows = work.ended()
    settings: dict[str, dict[str, list[Ended]]] = {}
    for (setting, name), cells in rows.items():
        settings.setdefault(setting, {})[name] = cells
    found = {
        row: _of_row(row, cells, settings[row[0]], work, attempts, published) for row, cells in rows.items()
    }
    spread = _of_methods(rows, found)
    shipped = {name: _shipped(methods) for name, methods in settings.items()}
    commands = Commands(plan, work.settings, work.guards.plugins)
    out = {}
    for row, said in found.items():
        own = [ended.work for ended in rows[row]]
        off = [] if own[0].method.is_predictions else work.guards.off()
        verdicts = merged([*off, *said, *spread.get(row, ())])
        out[row] = RowVerdicts(verdicts, commands.of(own, shipped[row[0]]) if verdicts else "")
    return out


@dataclass(frozen=True, slots=True)
class _Case:
    """One row before its judges."""

    cells: Sequence[Ended]
    worlds: Sequence[Ended]
    beside: Mapping[str, Sequence[Ended]]
    """The cells of all methods on the setting, by method id."""
    attempts: int
    source_now: str
    published: Sequence[Published]
    seeds: Sequence[int]
    """The plan's."""

    def key(self, guards: Guards, gathered: Gathered) -> str | None:
        """Names what the verdicts hang on; None where that is not wholly known."""
        setting, method = gathered.setting, self.cells[0].work.method
        known = guards.identity(setting.task.task)
        if known is None:
            return None
        null, source = gathered.null_z, method.source
        return key_of(
            "verdicts",
            [
                known,
                whole(),
                _keys(self.cells),
                _keys(self.worlds),
                {name: _keys(cells) for name, cells in sorted(self.beside.items())},
                [self.attempts, self.source_now, [asdict(p) for p in self.published], list(self.seeds)],
                None if null is None else hashlib.sha256(null.tobytes()).hexdigest(),
                [setting.data.answers_digest, setting.task.exposure, setting.task.task.holds_code],
                [source.distribution, source.version, source.editable, method.track],
            ],
        )


def _keys(cells: Sequence[Ended]) -> list[list[str]]:
    return [[e.work.key, e.error or e.skipped or ""] for e in cells]


def _of_row(
    row: RowKey,
    cells: Sequence[Ended],
    beside: Mapping[str, Sequence[Ended]],
    work: Cells,
    attempts: Mapping[RowKey, int],
    published: Mapping[RowKey, Sequence[Published]],
) -> list[Verdict]:
    guards, gathered = work.guards, work.gathered[row[0]]
    method, task = cells[0].work.method, gathered.setting.task.task
    if method.is_predictions:
        return []  # no method was seen at work
    said = [*guards.before(task, method), *work.inspected.get(row, ())]
    if not guards.has_judges and not guards.has("w2s_observe"):
        return said
    source_now, unread = _source_now(method)
    said += unread
    case = _Case(
        cells,
        work.worlds.get(row, ()),
        beside,
        attempts.get(row, 1),
        source_now,
        published.get(row, ()),
        work.plan.seeds,
    )
    key = case.key(guards, gathered)
    store = work.bench.results.store
    kept = None if key is None else store.get(key)
    if kept is not None:
        return [*said, *(Verdict(**v) for v in kept)]
    found = _judged(case, method, guards, gathered)
    if key is not None and all(v.level != "error" for v in found):
        store.put(key, [asdict(v) for v in found])
    return said + found


def _source_now(method: PlannedMethod) -> tuple[str, list[Verdict]]:
    """The hash of a method's source after its cells; what kept it from being read is a verdict."""
    if method.error:
        return method.source.sha256, []
    try:
        return sources.digest_now(method.source), []
    except Exception as bad:  # noqa: BLE001 (boundary: hashing what others installed)
        why = f"its source could not be read again after its cells: {showing.said(bad)}"
        return "", [Verdict(PROVENANCE, "error", why)]


def _judged(case: _Case, method: PlannedMethod, guards: Guards, gathered: Gathered) -> list[Verdict]:
    said: list[Verdict] = []
    for ended in case.cells:
        if ended.is_well:
            said += guards.judge_cell(ended.work.cell, gathered.cell(ended))
    if all(ended.is_well for ended in case.cells) and guards.has("w2s_judge_method"):
        evidence = gathered.method(
            method,
            case.cells,
            case.worlds,
            case.beside,
            attempts=case.attempts,
            source_now=case.source_now,
            published=case.published,
            seeds=case.seeds,
        )
        said += guards.judge_method(method, evidence)
    return said


def _of_methods(
    rows: Mapping[RowKey, Sequence[Ended]], found: Mapping[RowKey, Sequence[Verdict]]
) -> dict[RowKey, list[Verdict]]:
    """Disqualifications of a whole method (its code, whatever its parameters), for its other rows."""
    out: dict[RowKey, list[Verdict]] = {}
    for (setting, name), said in found.items():
        for verdict in said:
            if verdict.level != "disqualify" or not verdict.whole_method:
                continue
            source = _source(rows[(setting, name)][0].work.method)
            for other, cells in rows.items():
                if other != (setting, name) and _source(cells[0].work.method) == source:
                    because = f"{verdict.because} (on {setting})"
                    out.setdefault(other, []).append(replace(verdict, because=because, track=None))
    return out


def _source(method: PlannedMethod) -> tuple[str, str]:
    return method.name, method.source.sha256


def _shipped(methods: Mapping[str, Sequence[Ended]]) -> list[PlannedMethod]:
    """Those of a setting's methods that w2s-harness ships."""
    return [cells[0].work.method for cells in methods.values() if cells[0].work.method.source.is_shipped]
