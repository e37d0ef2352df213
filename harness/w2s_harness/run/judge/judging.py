"""What the guards say of every row of a leaderboard."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from w2s_harness.contract.guards.evidence import Published
from w2s_harness.contract.plan import PROVENANCE, PlannedMethod
from w2s_harness.contract.types import Verdict
from w2s_harness.installed import sources
from w2s_harness.jail import showing
from w2s_harness.run.cell.ended import Ended
from w2s_harness.run.judge.again import Commands
from w2s_harness.run.judge.cells import Cells, RowKey
from w2s_harness.run.judge.gathering import Case, Gathered
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
    work: Cells, *, attempts: Mapping[RowKey, int], published: Mapping[RowKey, Sequence[Published]]
) -> dict[RowKey, RowVerdicts]:
    """The verdicts of every row and the command that shows them again.

    A `disqualify` of the whole method stands in each of its rows.
    """
    rows = work.ended()
    settings: dict[str, dict[str, list[Ended]]] = {}
    for (setting, name), cells in rows.items():
        settings.setdefault(setting, {})[name] = cells
    found = {}
    for row, cells in rows.items():
        case = Case(
            cells, work.worlds.get(row, ()), settings[row[0]], attempts.get(row, 1),
            "", published.get(row, ()), work.plan.seeds,
        )  # fmt: skip
        found[row] = _of_row(row, case, work)
    spread = _of_methods(rows, found)
    commands = Commands(work.plan, work.settings, work.guards.plugins)
    out = {}
    for row, said in found.items():
        own = [ended.work for ended in rows[row]]
        off = [] if own[0].method.is_predictions else work.guards.off()
        verdicts = merged([*off, *said, *spread.get(row, ())])
        methods = (cells[0].work.method for cells in settings[row[0]].values())
        shipped = [method for method in methods if method.source.is_shipped]
        out[row] = RowVerdicts(verdicts, commands.of(own, shipped) if verdicts else "")
    return out


def verdicts_key(case: Case, guards: Guards, gathered: Gathered) -> str | None:
    """Names what the verdicts hang on; None where that is not wholly known."""
    setting, source, null = gathered.setting, case.method.source, gathered.null_z
    known = guards.identity(setting.task.task)
    if known is None:
        return None
    return key_of(
        "verdicts",
        [
            known,
            whole(),
            _keys(case.cells),
            _keys(case.worlds),
            {name: _keys(cells) for name, cells in case.beside.items()},
            [case.attempts, case.source_now, [asdict(p) for p in case.published], list(case.seeds)],
            None if null is None else hashlib.sha256(null.tobytes()).hexdigest(),
            [setting.data.answers_digest, setting.task.exposure, setting.task.task.holds_code],
            [source.distribution, source.version, source.editable, case.method.track],
        ],
    )


def _keys(cells: Sequence[Ended]) -> list[list[str]]:
    return [[e.work.key, e.error or e.skipped or ""] for e in cells]


def _of_row(row: RowKey, case: Case, work: Cells) -> list[Verdict]:
    guards, gathered = work.guards, work.gathered[row[0]]
    method, task = case.method, gathered.setting.task.task
    if method.is_predictions:
        return []  # no method was seen at work
    said = [*guards.before(task, method), *work.inspected.get(row, ())]
    if not guards.has_judges and not guards.has("w2s_observe"):
        return said
    source_now, unread = _source_now(method)
    said += unread
    case = replace(case, source_now=source_now)
    key = verdicts_key(case, guards, gathered)
    store = work.bench.results.store
    kept = None if key is None else store.get(key)
    if kept is not None:
        return [*said, *(Verdict(**v) for v in kept)]
    found = _judged(case, guards, gathered)
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


def _judged(case: Case, guards: Guards, gathered: Gathered) -> list[Verdict]:
    well = [ended for ended in case.cells if ended.is_well]
    said = [v for ended in well for v in guards.judge_cell(ended.work.cell, gathered.cell(ended))]
    if len(well) == len(case.cells) and guards.has("w2s_judge_method"):
        said += guards.judge_method(case.method, gathered.method(case))
    return said


def _of_methods(
    rows: Mapping[RowKey, Sequence[Ended]], found: Mapping[RowKey, Sequence[Verdict]]
) -> dict[RowKey, list[Verdict]]:
    """Disqualifications of a whole method (its code, whatever its parameters), for its other rows."""
    out: dict[RowKey, list[Verdict]] = {}
    methods = {row: cells[0].work.method for row, cells in rows.items()}
    code = {row: (method.name, method.source.sha256) for row, method in methods.items()}
    for row, said in found.items():
        for verdict in said:
            if verdict.level == "disqualify" and verdict.whole_method:
                elsewhere = replace(verdict, because=f"{verdict.because} (on {row[0]})", track=None)
                for other in rows:
                    if other != row and code[other] == code[row]:
                        out.setdefault(other, []).append(elsewhere)
    return out
