"""What the guards say of every row of a leaderboard, and the commands that show rows again."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace

from w2s_harness.contract.guards.evidence import Published
from w2s_harness.contract.plan import PROVENANCE, Plan, PlannedMethod, PlannedTask, Value
from w2s_harness.contract.types import OFF, Pair, Verdict
from w2s_harness.installed import sources
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.jail import showing
from w2s_harness.run.cell.cell_result import AnyCell, Ended
from w2s_harness.run.judge.cells import Cells, RowKey
from w2s_harness.run.judge.gathering import Case, Gathered
from w2s_harness.run.judge.guarding import Guards, merged
from w2s_harness.run.kept.store import key_of
from w2s_harness.run.plan.choose_pairs import adhoc_words
from w2s_harness.run.plan.selection import Selection, flags_of
from w2s_harness.run.work.code_digest import whole
from w2s_harness.run.work.setting.setting import Setting


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
    out = {}
    for row, said in found.items():
        own, where = [ended.work for ended in rows[row]], work.gathered[row[0]].setting
        # of ours that the plan goes without
        missing = () if own[0].method.is_predictions else work.guards.plugins.guards_off
        off = [Verdict(name, "note", OFF) for name in missing]
        verdicts = merged([*off, *said, *spread.get(row, ())])
        methods = (cells[0].work.method for cells in settings[row[0]].values())
        shipped = [method for method in methods if method.source.is_shipped]
        again = command(work.plan, where, work.guards.plugins, own, shipped) if verdicts else ""
        out[row] = RowVerdicts(verdicts, again)
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
    well = [ended for ended in case.cells if ended.is_well]
    found = [v for ended in well for v in guards.judge_cell(ended.work.cell, gathered.cell(ended))]
    if len(well) == len(case.cells) and guards.has("w2s_judge_method"):
        found += guards.judge_method(method, gathered.method(case))
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


def selected(selection: Selection, plugins: Plugins) -> str:
    """The `w2s-harness run` line that selects the same, quoted for a shell."""
    words = ["w2s-harness", "run"]
    flags = flags_of(type(selection))
    for flag in (flags[field.name] for field in fields(selection) if field.name in flags):
        value = getattr(selection, flag.name)
        if flag.always or value != flag.default:
            words += flag.words(value)
    if plugins.methods_env is not None:
        words += ["--methods-env", str(plugins.methods_env)]
    loaded = [*plugins.added, *(f"no:{name}" for name in sorted(plugins.blocked))]
    return shlex.join([*words, *(word for name in loaded for word in ("-p", name))])


def command(
    plan: Plan, setting: Setting, plugins: Plugins, cells: Sequence[AnyCell], beside: Iterable[PlannedMethod]
) -> str:
    """The `w2s-harness run` line, quoted for a shell, that judges the row of `cells` on its setting again.

    `beside` are other methods of the plan on the same setting. Data that `--fresh` drew are named by their
    seed, so they are the same and no longer compared with the published ones. Paths stand as they were typed.
    """
    names = {cells[0].method.id, *(method.id for method in beside)}
    methods = ",".join(_method(method) for method in plan.methods if method.id in names)
    words = ["w2s-harness", "run", "--tasks", _task(setting.task, plugins), *_pair(setting.pair, plugins)]
    words += ["--methods", methods]
    if plugins.methods_env is not None:
        words += ["--methods-env", str(plugins.methods_env)]
    seeds = tuple(cell.cell.seed for cell in cells)
    words += ["--seeds", _list(seeds)]
    if plan.baseline_seeds != seeds:
        words += ["--baseline-seeds", _list(plan.baseline_seeds)]
    # the flags of what differs from a run without flags
    for flag in flags_of(Selection).values():
        value = flag.of_row(plan, setting.pair) if flag.of_row is not None else flag.default
        words += flag.words(value) if value != flag.default else []
    # what was loaded beside our own plugins, and which of our guards were off
    words += [word for name in plugins.added for word in ("-p", name)]
    return shlex.join([*words, *(word for name in plan.guards_off for word in ("--no-guard", name))])


def _list(seeds: Sequence[int]) -> str:
    # With a comma at its end one number is a list, not a count.
    return ",".join(map(str, seeds)) + ("," if len(seeds) == 1 else "")


def _task(planned: PlannedTask, plugins: Plugins) -> str:
    if planned.path is not None:
        return planned.path
    usual = plugins.task(planned.task.name)
    return _spec(planned.task.name, {k: v for k, v in planned.settings.items() if v != getattr(usual, k)})


def _pair(pair: Pair, plugins: Plugins) -> list[str]:
    """The pair by its name, or by its two models where no plugin offers it."""
    name = pair.name.partition("[")[0]
    mode, adapter = "probe", None
    usual = plugins.pair_if_known(name)
    if usual is not None:
        words, mode, adapter = ["--pairs", name], usual.mode, usual.finetune.get("adapter")
    else:
        words = adhoc_words(pair)
    if pair.mode != mode:
        words += ["--mode", pair.mode]
    if pair.finetune.get("adapter") != adapter:
        words += ["--adapter", str(pair.finetune["adapter"])]
    return words


def _method(method: PlannedMethod) -> str:
    if method.is_predictions:
        return method.source.filename
    installed = not method.source.is_file
    name = method.name if installed else f"{method.source.filename}::{method.name}"
    return _spec(name, method.changed)


def _spec(name: str, values: Mapping[str, Value]) -> str:
    return name + "".join(f":{k}={str(v).lower() if isinstance(v, bool) else v}" for k, v in values.items())
