"""What the fits of a row did, in a few lines: the row's own, not what its method says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from w2s_harness.models.control import FitFacts
from w2s_harness.report.provenance import Fits

Record = Mapping[str, Any]


def kept(facts: Iterable[FitFacts]) -> list[dict[str, Any]]:
    """The facts of a cell's fits as its record keeps them, in the order in which they were asked for."""
    return [msgspec.to_builtins(each) for each in facts]


def cost(facts: Iterable[FitFacts]) -> dict[str, float]:
    """What training took beside FLOPs: `solves`, `steps` and `epochs`, summed."""
    found = list(facts)
    return {
        "solves": sum(each.solves for each in found),
        "steps": sum(each.steps for each in found),
        "epochs": sum(each.epochs for each in found),
    }


def of_row(records: Iterable[Record]) -> list[Fits]:
    """The fits of a row's cells by model, solver and loss, each with its least and greatest numbers."""
    groups: dict[tuple[int, str, str], list[Record]] = {}
    for record in records:
        for each in record.get("fits", ()):
            groups.setdefault((each["model"], each["solver"], each["loss"]), []).append(each)
    return [
        Fits(
            model=model, solver=solver, loss=loss, count=len(found),
            rows=_span(found, "rows"), weight=_span(found, "weight"), steps=_span(found, "steps"),
            epochs=_span(found, "epochs"), sharpness=_span(found, "sharpness"),
            c_effective=None if found[0]["c_effective"] is None else _span(found, "c_effective"),
        )
        for (model, solver, loss), found in sorted(groups.items())
    ]  # fmt: skip


def _span(found: list[Record], name: str) -> tuple[Any, Any]:
    values = [each[name] for each in found]
    return min(values), max(values)
