"""What the guards say of every row of a leaderboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from w2s_harness.evidence import Published
from w2s_harness.experiment.cells import CellWork
from w2s_harness.experiment.gathering import Ended, Gathered
from w2s_harness.experiment.guarding import Guards, merged
from w2s_harness.experiment.identity import code_version
from w2s_harness.experiment.one_cell import Job, Record
from w2s_harness.experiment.store import key_of
from w2s_harness.plan import Plan, PlannedMethod
from w2s_harness.types import Verdict

RowId = tuple[str, str]
"""(setting id, method id)."""


def judge(
    plan: Plan,
    work: CellWork,
    records: Mapping[str, Record],
    *,
    attempts: Mapping[RowId, int],
    published: Mapping[RowId, Sequence[Published]],
) -> dict[RowId, list[Verdict]]:
    """The verdicts of every row; a `disqualify` of the whole method stands in each of its rows."""
    rows: dict[RowId, list[Ended]] = {}
    for job in work.jobs:
        rows.setdefault(job.row, []).append(Ended(job, records[job.cell.id]))
    found = {row: _of_row(row, cells, rows, work, attempts, published) for row, cells in rows.items()}
    spread = _of_methods(rows, found)
    return {
        row: [_with_command(v, rows[row][0].job, plan) for v in merged([*said, *spread.get(row, ())])]
        for row, said in found.items()
    }


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

    def key(self, guards: Guards, gathered: Gathered) -> str | None:
        """Names what the verdicts hang on; None where that is not wholly known."""
        known = guards.identity(gathered.setting.task.task)
        if known is None:
            return None
        return key_of(
            "verdicts",
            [
                known,
                code_version("all"),
                _keys(self.cells),
                _keys(self.worlds),
                {name: _keys(cells) for name, cells in sorted(self.beside.items())},
                [self.attempts, self.source_now, [asdict(p) for p in self.published]],
                gathered.null_z is not None,
            ],
        )


def _keys(cells: Sequence[Ended]) -> list[list[str]]:
    return [[e.job.key, str(e.record.get("error") or e.record.get("skipped") or "")] for e in cells]


def _of_row(
    row: RowId,
    cells: Sequence[Ended],
    rows: Mapping[RowId, Sequence[Ended]],
    work: CellWork,
    attempts: Mapping[RowId, int],
    published: Mapping[RowId, Sequence[Published]],
) -> list[Verdict]:
    guards, gathered = work.guards, work.gathered[row[0]]
    job = cells[0].job
    said = [*guards.off(), *guards.before(job.setting.task.task, job.method), *work.inspected.get(row, ())]
    if not guards.has_judges and not guards.has("w2s_observe"):
        return said
    case = _Case(
        cells,
        work.worlds.get(row, ()),
        {name: ended for (setting, name), ended in rows.items() if setting == row[0]},
        attempts.get(row, 1),
        job.method.source.digest_now(),
        published.get(row, ()),
    )
    key = case.key(guards, gathered)
    kept = None if key is None else work.store.get(key)
    if kept is not None:
        return [*said, *(Verdict(**v) for v in kept)]
    found = _judged(case, job.method, guards, gathered)
    if key is not None and all(v.level != "error" for v in found):
        work.store.put(key, [asdict(v) for v in found])
    return said + found


def _judged(case: _Case, method: PlannedMethod, guards: Guards, gathered: Gathered) -> list[Verdict]:
    said: list[Verdict] = []
    for ended in case.cells:
        if ended.is_well:
            said += guards.judge_cell(ended.job.cell, gathered.cell(ended))
    if all(ended.is_well for ended in case.cells) and guards.has("w2s_judge_method"):
        evidence = gathered.method(
            method,
            case.cells,
            case.worlds,
            case.beside,
            attempts=case.attempts,
            source_now=case.source_now,
            published=case.published,
        )
        said += guards.judge_method(method, evidence)
    return said


def _of_methods(
    rows: Mapping[RowId, Sequence[Ended]], found: Mapping[RowId, Sequence[Verdict]]
) -> dict[RowId, list[Verdict]]:
    """Disqualifications of a whole method (its code, whatever its parameters), for its other rows."""
    out: dict[RowId, list[Verdict]] = {}
    for (setting, name), said in found.items():
        for verdict in said:
            if verdict.level != "disqualify" or not verdict.whole_method:
                continue
            source = _source(rows[(setting, name)][0].job.method)
            for other, cells in rows.items():
                if other != (setting, name) and _source(cells[0].job.method) == source:
                    because = f"{verdict.because} (on {setting})"
                    out.setdefault(other, []).append(replace(verdict, because=because, track=None))
    return out


def _source(method: PlannedMethod) -> tuple[str, str]:
    return method.name, method.source.sha256


def _with_command(verdict: Verdict, job: Job, plan: Plan) -> Verdict:
    """The verdict with the command that shows it again, where the guard gave none."""
    return verdict if verdict.again else replace(verdict, again=_command(verdict.guard, job, plan))


def _command(guard: str, job: Job, plan: Plan) -> str:
    task, method = job.setting.task, job.method
    words = ["w2s-harness run", "--tasks", task.path or _spec(task.task.name, _settings(job))]
    name = method.source.filename if method.source.entry is None else method.name
    if method.source.entry is None:
        name += f"::{method.name}"
    words += ["--pairs", job.setting.pair.name, "--methods", _spec(name, dict(method.changed))]
    words += ["--seeds", ",".join(map(str, plan.seeds)) + ("," if len(plan.seeds) == 1 else "")]
    if plan.root_seed:
        words += ["--seed", str(plan.root_seed)]
    if plan.limit is not None:
        words += ["--limit", str(plan.limit)]
    if method.access:
        words += ["--grant", ",".join(method.access)]
    return " ".join([*words, "--guards", guard])


def _settings(job: Job) -> dict[str, str]:
    inside = job.setting.task.id.partition("[")[2].rstrip("]")
    return dict(part.split("=", 1) for part in inside.split(",") if part)


def _spec(name: str, values: Mapping[str, object]) -> str:
    return name + "".join(f":{k}={str(v).lower() if isinstance(v, bool) else v}" for k, v in values.items())
