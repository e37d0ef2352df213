"""What do the pair `tiny` and the shipped tasks measure? Weak, ceiling, vanilla, zero-shot, surface.

    OMP_NUM_THREADS=1 PYTHONPATH=harness:plugins:tasks python scripts/tiny_pair/measure.py \
        --weak plugins/w2s_plugins/pairs/tiny_models/weak \
        --strong plugins/w2s_plugins/pairs/tiny_models/strong [--strong FOLDER ...] \
        --data-seeds 11,12 [--surface]

The task `kinds` is measured on models of its own: `--tasks kinds`, `--weak .../kinds_models/weak`.
Features, head and the choice of C are the harness's own. PGR is that of the means over data seeds.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import surface
import torch

from w2s_harness import Example, Model
from w2s_harness.contract.kinds import Kind, kind_of
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.students.lm.loading import Loaded, load
from w2s_harness.students.lm.readout import LIKELIHOODS, Extraction, extract
from w2s_harness.students.probe.choosing import choose_c
from w2s_harness.students.probe.probe import fit_exact, sigmoid
from w2s_tasks.chat import ChatTask
from w2s_tasks.code import CodeTask
from w2s_tasks.kinds import KindsTask
from w2s_tasks.math import MathTask

TASKS = {"math": MathTask, "code": CodeTask, "chat": ChatTask, "kinds": KindsTask}
PERMUTED = 5
"""Draws of a teacher whose labels were shuffled among the rows."""
SPLITS = ("train_label", "train_unlabel", "test")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Data:
    """The rows of one task and data seed, by split."""

    kind: Kind
    rows: dict[str, list[Example]]

    def gold(self, split: str) -> Floats:
        """(n,) gold labels."""
        return np.array([float(row.label) for row in self.rows[split]])

    def groups(self, split: str) -> list[str]:
        """The question of each row."""
        return [row.group for row in self.rows[split]]


def main() -> None:
    """Read the command line, measure, print a table and one JSON line per setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--weak", required=True)
    parser.add_argument("--strong", required=True, action="append")
    parser.add_argument("--data-seeds", default="11,12")
    parser.add_argument("--tasks", default="math,code,chat")
    parser.add_argument("--surface", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    weak = load(Model(source=options.weak))
    strongs = {source: load(Model(source=source)) for source in options.strong}
    for name in options.tasks.split(","):
        results: dict[str, list[dict[str, float]]] = {source: [] for source in strongs}
        for seed in options.data_seeds.split(","):
            data = read(name, seed)
            floor, labels = teach(data, weak)
            shared = surface_of(data) if options.surface else {}
            for source, strong in strongs.items():
                results[source].append({**floor, **learn(data, strong, labels), **shared})
        for source, runs in results.items():
            show(f"{name} {source}: {summary(runs)}\n  {json.dumps(runs)}")
        show(f"{name} all: {summary([run for runs in results.values() for run in runs])}")


def show(line: str) -> None:
    """Print a line at once: a measurement takes minutes."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def read(name: str, seed: str) -> Data:
    """A task's rows for one data seed."""
    task = TASKS[name](data_seed=seed)
    rows: dict[str, list[Example]] = {split: [] for split in SPLITS}
    for row in task.load():
        rows[str(row.split)].append(row)
    return Data(kind_of(task.kind), rows)


def features(data: Data, model: Loaded) -> dict[str, Extraction]:
    """Every split through one model."""
    return {
        split: extract(
            model,
            [TextRow(row.prompt, row.candidate, row.first, row.second) for row in rows],
            data.kind,
        )
        for split, rows in data.rows.items()
    }


def teach(data: Data, weak: Loaded) -> tuple[dict[str, float], Floats]:
    """The weak floor, and the weak labels of train_unlabel."""
    read_out = features(data, weak)
    train, gold = read_out["train_label"].features, data.gold("train_label")
    c = choose_c(train, gold, data.groups("train_label"), data.kind).settings["c"]
    head = fit_exact(train, gold, data.kind, c=c)
    accuracy = _accuracy(head.logits(read_out["test"].features), data)
    labels = sigmoid(head.logits(read_out["train_unlabel"].features))
    agree = float(((labels > 0.5) == (data.gold("train_unlabel") > 0.5)).mean())
    return {"weak": accuracy, "weak_c": c, "weak_label_acc": agree}, labels


def learn(data: Data, strong: Loaded, labels: Floats) -> dict[str, float]:
    """Ceiling, vanilla and zero-shot accuracies of one strong student."""
    read_out = features(data, strong)
    train, test = read_out["train_unlabel"], read_out["test"]
    c = choose_c(train.features, labels, data.groups("train_unlabel"), data.kind).settings["c"]
    out: dict[str, float] = {"strong_c": c}
    for name, targets in (("ceiling", data.gold("train_unlabel")), ("vanilla", labels)):
        margins = fit_exact(train.features, targets, data.kind, c=c).logits(test.features)
        out[name] = _accuracy(margins, data)
        if any(row.subset for row in data.rows["test"]):
            out[f"{name}_in"] = _accuracy(margins, data, "in-distribution")
            out[f"{name}_out"] = _accuracy(margins, data, "out-of-distribution")
    for column, name in enumerate(LIKELIHOODS):
        threshold = float(np.median(train.likelihoods[:, column])) if data.kind.has_bias else 0.0
        out[f"zs_{name}"] = _accuracy(test.likelihoods[:, column] - threshold, data)
        own = (train.likelihoods[:, column] > threshold).astype(float)
        margins = fit_exact(train.features, own, data.kind, c=c).logits(test.features)
        out[f"zst_{name}"] = _accuracy(margins, data)
    out["permuted"] = float(
        np.mean([_permuted(draw, train.features, labels, data, c, test.features) for draw in range(PERMUTED)])
    )
    return out


def _permuted(draw: int, train: Floats, labels: Floats, data: Data, c: float, test: Floats) -> float:
    """The accuracy of vanilla where the teacher's labels belong to other rows."""
    order = np.argsort(np.random.default_rng(draw).random(len(labels)), kind="stable")
    return _accuracy(fit_exact(train, labels[order], data.kind, c=c).logits(test), data)


def surface_of(data: Data) -> dict[str, float]:
    """The surface baselines on the holdout."""
    train = [*data.rows["train_label"], *data.rows["train_unlabel"]]
    out = {f"surface_{name}": value for name, value in surface.accuracies(train, data.rows["test"]).items()}
    if data.kind.can_be_true:
        # What the question itself gives away, its answer left aside.
        asked = [[replace(row, candidate=row.prompt) for row in rows] for rows in (train, data.rows["test"])]
        named = surface.accuracies(*asked)
        out |= {f"surface_prompt_{name}": named[name] for name in ("characters", "words")}
    return out


def _accuracy(margins: Floats, data: Data, subset: str = "") -> float:
    """Share of the holdout, or of a subset of it, on the right side of 0."""
    counts = np.array([subset in ("", row.subset) for row in data.rows["test"]])
    right = (margins > 0) == (data.gold("test") > 0.5)
    return float(right[counts].mean())


def summary(runs: Sequence[dict[str, float]]) -> str:
    """Mean accuracies over runs, the PGR of these means, and the surface baselines."""
    mean = {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}
    gap = mean["ceiling"] - mean["weak"]
    shown = [f"weak {mean['weak']:.3f}", f"ceiling {mean['ceiling']:.3f}", f"gap {gap:.3f}"]
    shown += [f"{key} {mean[key]:.3f}" for key in mean if key.startswith(("zs", "permuted"))]
    for key in ("vanilla", *(f"zs_{name}" for name in LIKELIHOODS)):
        shown.append(f"pgr {key} {(mean[key] - mean['weak']) / gap:.2f}")
    shown += [f"{key[8:]} {value:.3f}" for key, value in mean.items() if key.startswith("surface_")]
    return ", ".join(shown)


if __name__ == "__main__":
    main()
