"""Cells that ended, made up."""

from __future__ import annotations

from types import SimpleNamespace

from w2s_harness.run.cell.cell_result import CellCompute, CellFailure, CellIsolation, CellResult, Ended
from w2s_harness.run.work.results import ResultArray
from w2s_harness.run.work.setting.setting import OnHoldout
from w2s_harness.scoring.points import pack


def well(outcomes, **more) -> CellResult:
    """A cell with these (n,) outcomes."""
    compute = CellCompute(fits=1, tokens=10, flops=5.0)
    scored = OnHoldout(float(outcomes.mean()), *pack(outcomes))
    return CellResult(
        scored, compute, CellIsolation("best", "L2"), ResultArray(outcomes), solvers=("exact",), **more
    )


def failed(why: str) -> CellFailure:
    return CellFailure(why)


def skipped(why: str) -> CellFailure:
    return CellFailure(why, skipped=True)


def ended(seed: int, outcome) -> Ended:
    work = SimpleNamespace(cell=SimpleNamespace(seed=seed), access=(), world=None)
    return Ended(work, outcome)
