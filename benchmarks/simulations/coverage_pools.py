"""How often `pgr_ci_pool` holds the truth on the pair `tiny`: real students of many real training pools.

    python benchmarks/simulations/coverage_pools.py [--task math] [--pools 24] [--seeds 5] [--holdout 4000]
        [--questions 300] [--experiments 40] [--cache FILE.npz]

Every pool is the task drawn afresh; teacher, ceiling and methods are fitted for every seed of it, at the C
that the first pool chose, and scored on one large holdout. The truth is the PGR over all pools, seeds and
rows. An experiment is one pool with its seeds and some of the holdout's questions, with replacement.
Experiments of a pool are alike, so that the number of pools says how sure a coverage is: of 24, one standard
error is .045 at .95.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from coverage_tiny import METHODS, _features, _fitted, _settings, _shipped

from w2s_harness.contract.types import SPLITS
from w2s_harness.data.rows.gold import gold_of
from w2s_harness.data.rows.prepared import prepare
from w2s_harness.data.rows.texts import TaskData
from w2s_harness.scoring.spread.blocks import block
from w2s_harness.scoring.spread.interval import baselines, pgr_intervals
from w2s_harness.scoring.spread.pool import difference_pools, pgr_pools

Floats = npt.NDArray[np.float64]
HEAD = "| method | truth | pgr_ci | width | pgr_ci_pool | width | ci_pool |"
FIRST = 90_000
"""The first data seed; none of them is published."""


def main() -> None:
    """Print coverage a method and interval."""
    args = _arguments()
    found = _population(args)
    w, c, clusters = found["weak"], found["ceiling"], found["clusters"].astype(np.int64)
    print(f"{args.task} on tiny: {len(w)} pools of {w.shape[1]} seeds, {len(clusters)} rows")
    print(
        "\n| method | truth | pgr_ci | width | pgr_ci_pool | width | ci_pool |\n|---|---|---|---|---|---|---|"
    )
    for method in METHODS:
        truth = float((found[method].mean() - w.mean()) / (c.mean() - w.mean()))
        said = _covered(found, method, truth, args)
        print(f"| {method} | {truth:.3f} | {said} |", flush=True)


def _covered(found: dict[str, Floats], method: str, truth: float, args: argparse.Namespace) -> str:
    rng, clusters = np.random.default_rng(7), found["clusters"].astype(np.int64)
    rows_of = [np.flatnonzero(clusters == q) for q in range(clusters.max() + 1)]
    apart = float(found[method].mean() - found["ceiling"].mean())
    held: dict[str, list[bool]] = {"here": [], "new": [], "apart": []}
    widths: dict[str, list[float]] = {"here": [], "new": []}
    for at in np.tile(np.arange(len(found["weak"])), args.experiments):
        questions = rng.integers(0, len(rows_of), args.questions)
        rows = np.concatenate([rows_of[q] for q in questions])
        codes = np.repeat(np.arange(args.questions), [len(rows_of[q]) for q in questions])
        w, t, c = (found[name][at][:, rows] for name in ("weak", method, "ceiling"))
        base, transfer = baselines(range(len(w)), w, c, codes), block(range(len(w)), t, codes)
        for name, interval in (
            ("here", pgr_intervals(base, [transfer])[0]),
            ("new", pgr_pools(base, [transfer])[0].interval),
        ):
            if interval.bounds is not None:
                held[name].append(interval.bounds[0] <= truth <= interval.bounds[1])
                widths[name].append(interval.bounds[1] - interval.bounds[0])
        (new,) = difference_pools([transfer], base.ceiling)
        if new is not None:
            held["apart"].append(new.bounds[0] <= apart <= new.bounds[1])
    here, pooled, difference = (float(np.mean(x)) for x in held.values())
    widths_of = [float(np.mean(x)) for x in widths.values()]
    return f"{here:.3f} | {widths_of[0]:.3f} | {pooled:.3f} | {widths_of[1]:.3f} | {difference:.3f}"


def _population(args: argparse.Namespace) -> dict[str, Floats]:
    """(pools, seeds, rows) outcomes of weak, ceiling and the methods, and the (rows,) `clusters`."""
    if args.cache is not None and args.cache.exists():
        with np.load(args.cache, allow_pickle=False) as kept:
            return {name: kept[name] for name in kept.files}
    task, weak, strong = _shipped(args.task, args.holdout)
    models: dict[str, Any] = {"weak": weak, "strong": strong}
    holdout: Any = None
    chosen: Any = None
    pools: list[dict[str, Floats]] = []
    for i in range(args.pools):
        drawn: Any = replace(task, **{"data_seed": FIRST + i, "test_rows": args.holdout if i == 0 else 200})
        data = prepare(drawn, limit=None)
        features = {name: dict(_features(model, data)) for name, model in models.items()}
        if holdout is None:
            kept = {name: features[name]["test"] for name in models}
            holdout = data.texts["test"], gold_of(data, "test"), kept
        data = TaskData(
            data.kind,
            {**data.texts, "test": holdout[0]},
            {**{split: gold_of(data, split) for split in SPLITS}, "test": holdout[1]},
            data.digest,
            data.answers_digest,
        )
        for name in models:
            features[name]["test"] = holdout[2][name]
        chosen = chosen or _settings(data, features)
        pools.append(_fitted(data, features, args.seeds, chosen))
        print(f"pool {i + 1} of {args.pools}", flush=True)
    found = {name: np.stack([pool[name] for pool in pools]) for name in pools[0]}
    found["clusters"] = np.asarray(holdout[0].groups, np.float64)
    if args.cache is not None:
        np.savez_compressed(args.cache, **found)
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=("math", "code", "chat"), default="math")
    parser.add_argument("--pools", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--holdout", type=int, default=4000, help="rows that the truth is from")
    parser.add_argument("--questions", type=int, default=300, help="questions an experiment")
    parser.add_argument("--experiments", type=int, default=40, help="a pool")
    parser.add_argument("--cache", type=Path, help="an .npz file for the outcomes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
