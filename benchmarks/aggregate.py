"""Measure what it takes to turn the cells of a store into a leaderboard.

    python benchmarks/aggregate.py [--cells 100000] [--n-test 500]

Fills a store with made-up results (50 settings x methods x 10 seeds), opens it again and assembles the
document with no guards, once for a quarter of the cells and once for all; prints seconds and the peak
memory of the process. Asserts nothing.
"""

from __future__ import annotations

import argparse
import gc
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from w2s_harness.contract.plan import MethodSource, Plan, PlannedMethod, PlannedTask
from w2s_harness.contract.types import SPLITS, Model, Pair, Task
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.data.rows.gold import Gold
from w2s_harness.data.rows.texts import TaskData, Texts
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.jail.host.jail import Jail
from w2s_harness.jail.host.launcher import Zygote
from w2s_harness.report.document import canonical
from w2s_harness.run.board.assemble import RunResults, assemble
from w2s_harness.run.board.shared import SharedResults
from w2s_harness.run.cell.cell_result import CellCompute, CellIsolation, CellResult
from w2s_harness.run.judge.cells import CellProgress, Cells
from w2s_harness.run.judge.guarding import Guards
from w2s_harness.run.kept.store import Store
from w2s_harness.run.stages.teachers import Teacher, WeakFloor
from w2s_harness.run.work.engine import Bench, LocalEngine
from w2s_harness.run.work.results import ResultArray, Results
from w2s_harness.run.work.setting.setting import Setting
from w2s_harness.students.service.client import ServiceClient

TASKS, PAIRS, SEEDS = 25, 2, 10


class Made(Task):
    """A task of which only results are needed."""

    name, version, kind = "math", 1, "verify"


def plan_of(methods: int) -> Plan:
    model = Model(source="none")
    source = MethodSource("x", "x", "x", "1", "00")
    return Plan(
        tasks=tuple(PlannedTask(f"t{i}", Made(), {}, "public") for i in range(TASKS)),
        pairs=tuple(Pair(name=f"p{i}", weak=model, strong=model) for i in range(PAIRS)),
        methods=tuple(
            PlannedMethod("vanilla" if i == 0 else f"m{i}", "vanilla" if i == 0 else f"m{i}", source, {})
            for i in range(methods)
        ),
        seeds=tuple(range(SEEDS)),
        baseline_seeds=tuple(range(SEEDS)),
        counterfactuals="none",
        controls=False,
    )


def setting(plan: Plan, task: PlannedTask, pair: Pair, n_test: int) -> Setting:
    groups = np.arange(n_test) // 4
    none = ("",) * n_test
    test = Texts((TextRow("q", "a"),) * n_test, groups, none, none)
    gold = Gold(np.arange(n_test) % 2 == 0)
    data = TaskData("verify", dict.fromkeys(SPLITS, test), dict.fromkeys(SPLITS, gold), task.id, "00")
    known = {"source": "none", "revision": None, "sha256": "00"}
    return Setting(task, pair, data, {"weak": known, "strong": known}, 0)


def right(rng: np.random.Generator, accuracy: float, n_test: int) -> np.ndarray:
    return (rng.random(n_test) < accuracy).astype(float)


def shared(n_test: int) -> SharedResults:
    rng = np.random.default_rng(0)
    return SharedResults(
        weak={s: right(rng, 0.6, n_test) for s in range(SEEDS)},
        ceiling={s: right(rng, 0.9, n_test) for s in range(SEEDS)},
        weak_label_acc=dict.fromkeys(range(SEEDS), 0.6),
        chosen={"strong": {"c": 1.0}, "ceiling": {"c": 1.0}, "grid": {}},
    )


def cells_of(plan: Plan, n_test: int, store: Store) -> Cells:
    plugins = Plugins()
    plugins.use_guards("none")
    settings = [setting(plan, t, p, n_test) for t in plan.tasks for p in filter(t.runs_on, plan.pairs)]
    bench = Bench(Results(store), {s.ref: s for s in settings}, Jail("off"), no_worker)
    return Cells(plan, settings, bench, Guards(plugins))


def fill(folder: Path, plan: Plan, n_test: int) -> None:
    store, rng = Store(folder), np.random.default_rng(1)
    made = cells_of(plan, n_test, store)
    results, known = made.bench.results, {s.id: s for s in made.settings}
    for cell in made.real:
        values = right(rng, 0.75, n_test)
        scored = known[cell.setting.id].scored(values)
        compute = CellCompute(1, 1000, 1e9)
        found = CellResult(
            scored, compute, CellIsolation("off", "L0"), ResultArray(values), solvers=("exact",), seconds=0.1
        )
        results.put(cell, found)
    for here in made.settings:
        for seed in plan.seeds:
            values = right(rng, 0.6, n_test)
            floor = WeakFloor(here.scored(values), 0, 0.6, 0.0, ResultArray(values), ResultArray(values))
            results.put(Teacher(here.ref, seed), floor)
    store.sync()
    store.close()


def no_worker() -> Zygote:
    raise RuntimeError("every cell is in the store, so that none is run")


def no_service() -> ServiceClient:
    raise RuntimeError("every result is in the store, so that none is computed")


class Silent:
    """Hooks that nobody listens to."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda **_: None


def timed(folder: Path, plan: Plan, n_test: int) -> tuple[int, float]:
    began = time.perf_counter()
    store = Store(folder)
    made = cells_of(plan, n_test, store)
    with LocalEngine(made.bench, 1, gold=no_service, student=no_service) as engine:
        made.run(engine, CellProgress(Silent(), lambda event: None))
    found = RunResults(plan, made.settings, {s.id: shared(n_test) for s in made.settings}, made)
    plugins = Plugins()
    plugins.use_guards("none")
    board = assemble(found, plugins, timing={}, machine={})
    canonical.write(board, folder / "leaderboard.json")
    seconds = time.perf_counter() - began
    store.close()
    return len(made.real), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--n-test", type=int, default=500)
    args = parser.parse_args()
    for share in (4, 1):
        plan = plan_of(max(1, args.cells // share // (TASKS * PAIRS * SEEDS)))
        with tempfile.TemporaryDirectory() as name:
            fill(Path(name), plan, args.n_test)
            gc.collect()
            cells, seconds = timed(Path(name), plan, args.n_test)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        each = 1e6 * seconds / cells
        print(f"{cells:>7} cells  {seconds:7.2f} s  {each:7.1f} us a cell  peak {peak:6.0f} MiB")


if __name__ == "__main__":
    main()
