"""The figure of PGR against regularisation: the vanilla path, with methods as points.

A method whose point lies on the path does what another C does.
"""

from __future__ import annotations

import math
from typing import Any

from w2s_harness.report.document.document import Leaderboard, Row, Setting, label
from w2s_harness.report.notation import printable
from w2s_harness.report.tables.tables import SettingTable, setting_tables

_PATH, _METHOD, _READOUT = "#000000", "#0072b2", "#e69f00"
"""Told apart by the colour-blind too (Okabe and Ito 2008)."""


def regularisation(document: Leaderboard) -> list[tuple[str, Any]]:
    """`("regularisation", figure)`; nothing where no setting has a path over C."""
    from matplotlib.figure import Figure

    panels = [table for table in setting_tables(document) if _path(table.setting)]
    if not panels:
        return []
    figure = Figure(figsize=(2.8 * len(panels), 2.6), layout="constrained")
    for axes, table in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _panel(axes, table)
        axes.set_title(table.title, parse_math=False)
    return [("regularisation", figure)]


def _path(setting: Setting) -> list[tuple[float, float]]:
    """(C, accuracy) of vanilla, by C."""
    star = setting.vanilla_star.get("exact")
    points = [] if star is None else star.points
    return sorted((p.settings["C"], p.accuracy) for p in points if "C" in p.settings)


def _panel(axes: Any, table: SettingTable) -> None:
    setting = table.setting
    weak, gap = setting.weak.mean, None if table.gap else setting.gap

    def height(accuracy: float) -> float:
        return accuracy if gap is None or weak is None else (accuracy - weak) / gap

    path = _path(setting)
    axes.plot([c for c, _ in path], [height(a) for _, a in path], color=_PATH, linewidth=1.0, marker=".")
    if setting.zero_shot_star is not None:
        axes.axhline(height(setting.zero_shot_star.accuracy), color=_READOUT, linewidth=0.8, linestyle="--")
        axes.annotate(
            "zero-shot*", (0.02, height(setting.zero_shot_star.accuracy)), color=_READOUT,
            xycoords=("axes fraction", "data"), va="bottom",
        )  # fmt: skip
    for row in table.above:
        x = c_effective(row)
        if x is not None and row.transfer.mean is not None and row.track == "w2s":
            at = (x, height(row.transfer.mean))
            axes.scatter(*zip(at, strict=True), s=14, color=_METHOD, zorder=3)
            axes.annotate(printable(label(row)), at, textcoords="offset points", xytext=(4, 2), fontsize=6)
    axes.set_xscale("log")
    axes.set_xlabel("effective C")
    axes.set_ylabel("transfer accuracy" if gap is None else "PGR")


def c_effective(row: Row) -> float | None:
    """The geometric middle of what the row's fits by `exact` made of C; None without one."""
    found = [f.c_effective for f in row.fits if f.solver == "exact" and f.c_effective is not None]
    values = [c for pair in found for c in pair if c > 0]
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None
