"""What a method that runs elsewhere needs of a plan's settings: rows, texts and weak labels, never gold."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from typing import Any

from w2s_harness.contract.errors import UsageError
from w2s_harness.contract.plan import Plan
from w2s_harness.data.rows.texts import Texts, row_ids
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.run.judge.cells import StageProgress
from w2s_harness.run.plan.selection import Selection
from w2s_harness.run.session.workshop import slot_count, workshop
from w2s_harness.run.stages.teachers import Teacher
from w2s_harness.run.work.engine import Bench
from w2s_harness.run.work.setting.preparing import prepare_settings
from w2s_harness.run.work.setting.setting import Setting

HOLDOUT, TRAIN, ABOUT = "holdout.jsonl", "train_unlabel.jsonl", "setting.json"
Line = dict[str, Any]


def export_rows(
    selection: Selection,
    plugins: Plugins,
    say: Callable[[str], None],
    *,
    out: Path,
    texts: bool,
    store: Path,
    slots: str,
) -> list[Path]:
    """Write a folder for each setting of the selection's tasks and pairs; returns them.

    :param texts: write the texts of tasks whose labels are private too.

    Trains the teachers of the seeds where the store does not have them. Raises `UsageError` where the folder
    is taken, or a task is private and `texts` was not asked for; what `run` raises for the selection.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"--out {out}: there is something already. Name a new folder.")
    with workshop(store, plugins, say, isolation="best") as shop:
        plan = shop.plan(selection)
        for task in plan.tasks:
            if task.exposure == "private" and not texts:
                raise UsageError(
                    f"the labels of the task '{task.id}' are private, and its texts may be. Give --texts to "
                    "write them all the same, or leave the task out."
                )
        settings = prepare_settings(plan, shop.store)
        bench = shop.bench(settings, Event())
        with shop.engine(bench, slot_count(slots), plan) as engine:
            teachers = [Teacher(s.ref, seed) for s in settings for seed in plan.seeds]
            engine.run(teachers, StageProgress(plugins.hook))
        shop.store.sync()
        return [_write(setting, plan, bench, out) for setting in settings]


def _write(setting: Setting, plan: Plan, bench: Bench, out: Path) -> Path:
    folder = out / setting.task.id / setting.pair.name
    folder.mkdir(parents=True)
    holdout = _rows(setting.test, {})
    train = _rows(setting.data.texts["train_unlabel"], _weak(setting, plan, bench))
    for name, rows in ((HOLDOUT, holdout), (TRAIN, train)):
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / name).write_text(lines, encoding="utf-8")
    about = {
        "task": setting.task.id,
        "pair": setting.pair.name,
        "kind": setting.data.kind,
        "seeds": list(plan.seeds),
        "limit": plan.limit,
        "root_seed": plan.root_seed,
        "holdout": len(holdout),
        "train_unlabel": len(train),
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return folder


def _weak(setting: Setting, plan: Plan, bench: Bench) -> Mapping[int, Mapping[str, float]]:
    """The weak labels of each row of train_unlabel, by seed; only of the seeds that drew it."""
    out: dict[int, dict[str, float]] = {}
    for seed in plan.seeds:
        labels = bench.of(Teacher(setting.ref, seed)).labels.floats
        for row in setting.draw("train_unlabel", seed):
            out.setdefault(int(row), {})[str(seed)] = float(labels[row])
    return out


def _rows(data: Texts, weak: Mapping[int, Mapping[str, float]]) -> list[Line]:
    """The rows in the order of their ids, which is one of their texts alone."""
    ids = row_ids(data)
    lines: list[Line] = []
    for i in sorted(range(len(data)), key=ids.__getitem__):
        row = data.rows[i]
        line: Line = {"id": ids[i], **row.texts()}
        if i in weak:
            line["weak"] = dict(weak[i])
        lines.append(line)
    return lines
