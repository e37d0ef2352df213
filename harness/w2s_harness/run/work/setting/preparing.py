"""From a plan to its settings: every model looked at, every task loaded and checked."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from w2s_harness.contract.errors import DataError, TaskError
from w2s_harness.contract.plan import Plan, PlannedTask
from w2s_harness.contract.types import Task
from w2s_harness.data.reading.file_task import source_digest
from w2s_harness.data.rows.prepared import dump, parse, prepare
from w2s_harness.data.rows.splitting import cut
from w2s_harness.data.rows.texts import TaskData
from w2s_harness.run.kept.store import Store, key_of
from w2s_harness.run.work.code_digest import code_of
from w2s_harness.run.work.setting.looking import Looks
from w2s_harness.run.work.setting.setting import Setting


def prepare_settings(
    plan: Plan, store: Store, looks: Looks | None = None, *, lost: dict[str, str] | None = None
) -> list[Setting]:
    """Look at every model, then load and validate every task of the plan (once per content).

    `looks` says which commits hub ids mean, and loads models that it has not seen; without it they are looked
    at only from outside. `lost` takes the tasks whose own code does not load them, by id, with the reason;
    they have no setting. Raises `DataError` or `ModelError` before any work is done, and `TaskError` where
    `lost` is not given or would take every task.
    """
    looks = looks or Looks(store, loads=False, checks=False)
    # as many as the baselines use, to which the service of the looks is handed over
    threads = max(pair.threads for pair in plan.pairs)
    seen = {pair.name: looks.at(pair, threads) for pair in plan.pairs}
    out = []
    for task in plan.tasks:
        try:
            whole = _data(task, plan.limit, store)
        except TaskError as bad:
            if lost is None or len(lost) + 1 == len(plan.tasks):
                raise
            lost[task.id] = str(bad)
            continue
        data = cut(whole, task.part, root=plan.root_seed, name=task.id)
        out += [
            Setting(task, seen[pair.name].pair, data, seen[pair.name].models, plan.root_seed)
            for pair in filter(task.runs_on, plan.pairs)
        ]
    return out


def _data(planned: PlannedTask, limit: int | None, store: Store) -> TaskData:
    task = planned.task
    source = source_digest(task) or _code_digest(task)
    settings = dict(sorted(planned.settings.items()))
    key = key_of(
        "data", [task.name, task.version, settings, source, limit, code_of("w2s_harness.data.rows.prepared")]
    )
    path = store.path(key)
    if path is not None:
        try:
            return parse(path.read_bytes())
        except DataError:
            pass  # a dump of another format: made again below
    data = prepare(task, limit=limit)
    store.put_bytes(key, dump(data))
    return data


def _code_digest(task: Task) -> str:
    """Digest of what generates a task: the modules beside its own, and its data folder."""
    module = sys.modules[type(task).__module__]
    file = Path(module.__file__ or "")
    files = sorted(p for p in file.parent.rglob("*.py") if p.is_file()) if module.__package__ else [file]
    if task.data.is_dir():
        files += sorted(p for p in task.data.rglob("*") if p.is_file())
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(file.parent)}\0".encode())
        try:
            digest.update(path.read_bytes())
        except OSError as bad:
            raise TaskError(f"task {task.name}: {path} cannot be read: {bad.strerror}") from bad
    return digest.hexdigest()
