"""Evidence of made-up cells, for guards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from w2s_harness import Model, Pair, PlannedMethod, Task
from w2s_harness.contract.guards.evidence import CellEvidence, MethodEvidence, Part, Seen, SettingView
from w2s_harness.contract.plan import MethodSource
from w2s_harness.contract.worker.wire.row_text import TextRow

SOURCE = MethodSource("mine.py", "mine", None, None, "a" * 64, filename="mine.py", code=b"")


class Sums(Task):
    name, kind = "sums", "verify"


class Code(Sums):
    holds_code = True


def method(access: tuple[str, ...] = (), **source) -> PlannedMethod:
    return PlannedMethod("mine", "mine", replace(SOURCE, **source), {}, access=access)


def part(n: int, start: int = 0) -> Part:
    """Sums with a right and a wrong answer each."""
    rows, gold = [], np.arange(n) % 2 == 0
    for i in range(n):
        a, b = start + i // 2, 3 * (i // 2) + 1
        rows.append(TextRow(f"What is {a} plus {b}, please?", candidate=f"It is {a + b + i % 2}."))
    return Part(rows=rows, gold=gold, groups=np.arange(n) // 2, answers=[""] * n, features=None)


def setting(task: Task | None = None, n: int = 60) -> SettingView:
    models = Model(source="m")
    return SettingView(
        task=task or Sums(), pair=Pair(name="p", weak=models, strong=models), train=part(n), test=part(n, 500)
    )


def seen(targets=None, weights=None, **changes) -> Seen:
    empty = np.zeros((0, 60), np.float32)
    if weights is None:
        weights = empty if targets is None else np.isfinite(targets).astype(np.float32)
    base = Seen(
        requests={},
        refused=0,
        notices=(),
        targets=empty if targets is None else targets,
        weights=weights,
        output="",
        level="L2",
    )
    return replace(base, **changes)


def cell(
    seed: int = 0, *, world=None, view: SettingView | None = None, m: int = 60, **changes
) -> CellEvidence:
    rng = np.random.default_rng(seed)
    view, weak = view or setting(), rng.random(m)
    base = CellEvidence(
        setting=view,
        seed=seed,
        world=world,
        predictions=rng.random(len(view.test.rows)),
        weak_test=rng.random(len(view.test.rows)),
        drawn=np.arange(m),
        weak=weak,
        changed=np.zeros(m, bool),
        region=np.zeros(len(view.test.rows), bool),
        bait=(weak > 0.5) ^ (rng.random(m) < 0.25),
        ceiling=None,
        compute={"fits": 1.0, "tokens": 0.0, "flops": 100.0},
        seen=seen(),
    )
    return replace(base, **changes)


def evidence(cells: Mapping[int, CellEvidence] | None = None, **changes) -> MethodEvidence:
    found = {0: cell(0), 1: cell(1)} if cells is None else cells
    base = MethodEvidence(
        setting=next(iter(found.values())).setting if found else setting(),
        cells=found,
        worlds=(),
        failed=(),
        honest={},
        attempts=1,
        source_now="a" * 64,
    )
    return replace(base, **changes)
