"""How often `pgr_ci` holds the truth on the pair `tiny`: real students over many draws of one training pool.

    python benchmarks/simulations/coverage_tiny.py [--task math] [--draws 200] [--holdout 20000]
        [--seeds 5] [--questions 300] [--experiments 2000] [--cache FILE.npz]

Teacher, ceiling and two methods are fitted for every draw and scored on the large holdout; the truth is the
PGR over all of it. An experiment then takes some of the draws and some of the holdout's questions, each at
random with replacement, so that it is a sample of independent seeds and questions from that population.
`--cache` keeps the outcomes, which take minutes, for another look.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from w2s_harness import Model, Task
from w2s_harness.contract.kinds import kind_of
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.data.rows.prepared import prepare
from w2s_harness.data.rows.splitting import draw
from w2s_harness.data.rows.texts import TaskData
from w2s_harness.scoring.points import outcomes
from w2s_harness.scoring.spread.blocks import block
from w2s_harness.scoring.spread.bootstrap import crossed_intervals
from w2s_harness.scoring.spread.interval import baselines, fieller_interval, pgr_intervals
from w2s_harness.students.lm.loading import load
from w2s_harness.students.lm.readout import extract
from w2s_harness.students.probe.choosing import C_GRID, choose_c
from w2s_harness.students.probe.probe import fit_exact, sigmoid

Floats = npt.NDArray[np.float64]
METHODS = ("vanilla", "confident")
HEAD = "| method | truth | S | Q | pgr_ci | width | Fieller | bootstrap | width |"


def main() -> None:
    """Print coverage and mean width a method and interval."""
    args = _arguments()
    found = _population(args)
    clusters, w, c = found["clusters"], found["weak"], found["ceiling"]
    print(f"{args.task} on tiny: {len(w)} draws, {len(clusters)} rows in {clusters.max() + 1} questions")
    print(f"weak {w.mean():.4f}, ceiling {c.mean():.4f}\n\n{HEAD}\n{'|---' * (HEAD.count('|') - 1)}|")
    for method in METHODS:
        t = found[method]
        truth = float((t.mean() - w.mean()) / (c.mean() - w.mean()))
        said = _covered(w, t, c, clusters, truth, args)
        print(f"| {method} | {truth:.3f} | {args.seeds} | {args.questions} | {said} |", flush=True)


def _covered(
    w: Floats, t: Floats, c: Floats, clusters: npt.NDArray[np.int64], truth: float, args: argparse.Namespace
) -> str:
    rng = np.random.default_rng(7)
    rows_of = [np.flatnonzero(clusters == q) for q in range(clusters.max() + 1)]
    held: dict[str, list[bool]] = {"two": [], "fieller": [], "crossed": []}
    widths: dict[str, list[float]] = {"two": [], "fieller": [], "crossed": []}
    for _ in range(args.experiments):
        seeds = rng.integers(0, len(w), args.seeds)
        questions = rng.integers(0, len(rows_of), args.questions)
        rows = np.concatenate([rows_of[q] for q in questions])
        codes = np.repeat(np.arange(args.questions), [len(rows_of[q]) for q in questions])
        cut = np.ix_(seeds, rows)
        base = baselines(range(args.seeds), w[cut], c[cut], codes)
        transfer = block(range(args.seeds), t[cut], codes)
        for name, interval in (
            ("two", pgr_intervals(base, [transfer])[0]),
            ("fieller", fieller_interval(base, transfer)),
            ("crossed", crossed_intervals(base, [transfer], draws=args.replicates)[0]),
        ):
            if interval.bounds is not None:
                held[name].append(interval.bounds[0] <= truth <= interval.bounds[1])
                widths[name].append(interval.bounds[1] - interval.bounds[0])
    share = {name: np.mean(x) for name, x in held.items()}
    width = {name: np.mean(x) for name, x in widths.items()}
    return (
        f"{share['two']:.3f} | {width['two']:.3f} | {share['fieller']:.3f} "
        f"| {share['crossed']:.3f} | {width['crossed']:.3f}"
    )


def _population(args: argparse.Namespace) -> dict[str, npt.NDArray[np.float64]]:
    """(draws, rows) outcomes of weak, ceiling and the methods, and the (rows,) `clusters`."""
    if args.cache is not None and args.cache.exists():
        with np.load(args.cache, allow_pickle=False) as kept:
            return {name: kept[name] for name in kept.files}
    task, weak, strong = _shipped(args.task, args.holdout)
    data = prepare(task, limit=None)
    features = {name: _features(model, data) for name, model in (("weak", weak), ("strong", strong))}
    found = _fitted(data, features, args.draws, _settings(data, features))
    found["clusters"] = data.texts["test"].groups
    if args.cache is not None:
        np.savez_compressed(args.cache, **found)
    return found


def _shipped(name: str, holdout: int) -> tuple[Task, Model, Model]:
    from w2s_plugins.pairs.tiny import w2s_pairs
    from w2s_tasks import chat, code, math

    (task,) = {"math": math, "code": code, "chat": chat}[name].w2s_tasks()
    (pair,) = w2s_pairs()
    return replace(task, test_rows=holdout), pair.weak, pair.strong


def _features(model: Model, data: TaskData) -> dict[str, npt.NDArray[np.float32]]:
    """(n, d) by split, with a preference's sign as the probe takes it."""
    loaded, kind = load(model), kind_of(data.kind)
    return {name: extract(loaded, split.rows, kind).features for name, split in data.texts.items()}


def _settings(data: TaskData, features: dict[str, dict[str, npt.NDArray[np.float32]]]) -> tuple[float, float]:
    """C of the teacher and of the student, chosen on the whole pool by cross-validation."""
    label, unlabel = data.texts["train_label"], data.texts["train_unlabel"]
    weak, strong = features["weak"], features["strong"]
    gold = {name: gold_of(data, name).labels.astype(float) for name in data.texts}
    c_weak = _chosen(weak["train_label"], gold["train_label"], label.groups, data)
    whole = fit_exact(weak["train_label"], gold["train_label"], kind_of(data.kind), c=c_weak)
    c_strong = _chosen(
        strong["train_unlabel"], sigmoid(whole.logits(weak["train_unlabel"])), unlabel.groups, data
    )
    return c_weak, c_strong


def _fitted(
    data: TaskData,
    features: dict[str, dict[str, npt.NDArray[np.float32]]],
    draws: int,
    chosen: tuple[float, float],
) -> dict[str, Floats]:
    """Outcomes on the holdout of teacher, ceiling and methods, by draw, at the C of `_settings`."""
    c_weak, c_strong = chosen
    weak, strong = features["weak"], features["strong"]
    gold = {name: gold_of(data, name).labels.astype(float) for name in data.texts}
    found: dict[str, list[Floats]] = {name: [] for name in ("weak", "ceiling", *METHODS)}
    for seed in range(draws):
        own = draw(data, "train_label", root=0, seed=seed, name="train_label")
        rows = draw(data, "train_unlabel", root=0, seed=seed, name="train_unlabel")
        teacher = fit_exact(weak["train_label"][own], gold["train_label"][own], kind_of(data.kind), c=c_weak)
        said = sigmoid(teacher.logits(weak["train_unlabel"][rows]))
        # the surer half: under some pools' teachers no label is as far from 1/2 as the method's own margin
        sure = np.abs(said - 0.5) >= np.median(np.abs(said - 0.5))
        x = strong["train_unlabel"][rows]
        students = {
            "ceiling": fit_exact(x, gold["train_unlabel"][rows], kind_of(data.kind), c=c_strong),
            "vanilla": fit_exact(x, said, kind_of(data.kind), c=c_strong),
            "confident": fit_exact(x[sure], said[sure], kind_of(data.kind), c=c_strong),
        }
        found["weak"].append(outcomes(sigmoid(teacher.logits(weak["test"])), gold["test"]))
        for name, student in students.items():
            found[name].append(outcomes(sigmoid(student.logits(strong["test"])), gold["test"]))
    return {name: np.stack(rows) for name, rows in found.items()}


def _chosen(x: npt.NDArray[np.float32], y: Floats, groups: npt.NDArray[np.int64], data: TaskData) -> float:
    return float(choose_c(x, y, groups.tolist(), kind_of(data.kind), C_GRID).settings["c"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=("math", "code", "chat"), default="math")
    parser.add_argument("--draws", type=int, default=200, help="draws of the training pool")
    parser.add_argument(
        "--holdout", type=int, default=20_000, help="rows of the holdout that the truth is from"
    )
    parser.add_argument("--seeds", type=int, default=5, help="draws an experiment")
    parser.add_argument("--questions", type=int, default=300, help="questions an experiment")
    parser.add_argument("--experiments", type=int, default=2000)
    parser.add_argument("--replicates", type=int, default=300, help="crossed bootstrap draws an experiment")
    parser.add_argument("--cache", type=Path, help="an .npz file for the outcomes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
