"""What the fits of a row did, in a few lines: the row's own, not what its method says of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from w2s_harness.report.document.provenance import Fits
from w2s_harness.run.cell.cell_result import CellResult
from w2s_harness.students.control import FitFacts


def of_row(cells: Iterable[CellResult]) -> list[Fits]:
    """The fits of a row's cells by model, solver and loss, each with its least and greatest numbers."""
    groups: dict[tuple[int, str, str], list[FitFacts]] = {}
    for cell in cells:
        for each in cell.fits:
            groups.setdefault((each.model, each.solver, each.loss), []).append(each)
    return [
        Fits(
            model=model, solver=solver, loss=loss, count=len(found),
            rows=_span(found, "rows"), weight=_span(found, "weight"), steps=_span(found, "steps"),
            epochs=_span(found, "epochs"), sharpness=_span(found, "sharpness"),
            c_effective=None if found[0].c_effective is None else _span(found, "c_effective"),
        )
        for (model, solver, loss), found in sorted(groups.items())
    ]  # fmt: skip


def _span(found: list[FitFacts], name: str) -> tuple[Any, Any]:
    values = [getattr(each, name) for each in found]
    return min(values), max(values)
