"""The figures of a paper from a leaderboard: PGR with intervals, accuracies by seed, and regularisation.

The last has PGR against C: the vanilla path, with methods as points. A method on the path does what another C
does.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from w2s_harness.contract.errors import UsageError
from w2s_harness.data import destination
from w2s_harness.data.disk import write_errors
from w2s_harness.report.document.document import Leaderboard, Row, SettingRecord, label
from w2s_harness.report.notation import printable
from w2s_harness.report.tables.method_columns import SettingTable, setting_tables

FORMATS = ("pdf", "svg")
METADATA: dict[str, dict[str, None]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
}
"""What would differ from one machine or day to another."""
STYLE = {
    "svg.hashsalt": "w2s-harness",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "font.size": 8.0,
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_COLUMN_IN, _ROW_IN = 2.6, 0.22
"""Inches of a panel's width, and of a row's height."""
COLOURS = {"w2s": "#0072b2", "elicitation": "#e69f00", "out": "#7f7f7f"}
"""Told apart by the colour-blind too (Okabe and Ito 2008)."""
_LINES = (":", "--")
"""Of the weak floor and the ceiling."""
_PATH, _READOUT = "#000000", COLOURS["elicitation"]
_MARKS = {"w2s": "o", "elicitation": "D", "out": "x"}


def write_figures(document: Leaderboard, folder: Path) -> list[Path]:
    """Write `pgr`, `accuracy` and `regularisation` into a folder, each as PDF and SVG.

    The same document gives the same bytes.

    Raises `UsageError` where matplotlib is not installed, the leaderboard has no rows, or a file cannot be
    written.
    """
    try:
        import matplotlib.style
    except ImportError as bad:
        raise UsageError("--figures needs matplotlib: pip install 'w2s-harness[plots]'") from bad
    tables = setting_tables(document)
    panels = [table for table in tables if table.rows]
    if not panels:
        raise UsageError("--figures: the leaderboard has no rows to draw")
    written = []
    with write_errors(f"--figures {folder}: cannot be written: ", error=UsageError):
        folder.mkdir(parents=True, exist_ok=True)
        with matplotlib.style.context(["default", STYLE]):
            figures = [(name, _figure(panels, draw)) for name, draw in _BY_ROW.items()]
            for name, figure in [*figures, *_regularisation(tables)]:
                for kind in FORMATS:
                    path = folder / f"{name}.{kind}"
                    save(figure, path, kind)
                    written.append(path)
    return written


def save(figure: Any, path: Path, kind: str) -> None:
    """Draw a figure into a file, whole or not at all. Raises `OSError` as `destination.write`."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format=kind, metadata=METADATA[kind], bbox_inches="tight")
    destination.write(path, drawn.getvalue())


def _figure(panels: Sequence[SettingTable], draw: Callable[[Any, SettingTable], None]) -> Any:
    """A panel for each setting, side by side."""
    from matplotlib.figure import Figure

    most = max(len(table.rows) for table in panels)
    figure = Figure(figsize=(_COLUMN_IN * len(panels), 1.0 + _ROW_IN * most), layout="constrained")
    for axes, table in _panels(figure, panels):
        draw(axes, table)
        _name_rows(axes, _sorted(table))
    _legend(figure, {_kind(row) for table in panels for row in _sorted(table)})
    return figure


def _panels(figure: Any, tables: Sequence[SettingTable]) -> Iterator[tuple[Any, SettingTable]]:
    """Axes side by side, each with its table and under its title."""
    for axes, table in zip(figure.subplots(1, len(tables), squeeze=False)[0], tables, strict=True):
        axes.set_title(table.title, parse_math=False)
        yield axes, table


def _sorted(table: SettingTable) -> list[Row]:
    """The rows from top to bottom: teacher-driven, then elicitation, then what is below the line."""
    kinds = list(COLOURS)
    return sorted(table.rows, key=lambda row: kinds.index(_kind(row)))


def _kind(row: Row) -> str:
    if row.status not in ("ok", "no-gap"):
        return "out"
    return "elicitation" if row.track == "elicitation" else "w2s"


def _pgr_panel(axes: Any, table: SettingTable) -> None:
    """PGR with its 95 % interval; weak at 0, ceiling at 1."""
    for value, style in zip((0, 1), _LINES, strict=True):
        axes.axvline(value, color="black", linewidth=0.6, linestyle=style)
    for y, row in enumerate(_sorted(table)):
        if row.pgr is None:
            continue
        bounds = row.pgr_ci if row.pgr_ci_pool is None else row.pgr_ci_pool
        if bounds is not None:
            axes.plot(bounds, [y, y], color=COLOURS[_kind(row)], linewidth=1.2)
        _dots(axes, [row.pgr], [y], _kind(row), size=16)
    axes.set_xlabel("no gap: no PGR" if table.gap else "PGR (95 % CI)")


def _accuracy_panel(axes: Any, table: SettingTable) -> None:
    """Transfer accuracy of each seed, between weak and ceiling."""
    for line, style in zip((table.setting.weak.mean, table.setting.ceiling.mean), _LINES, strict=True):
        if line is not None:
            axes.axvline(line, color="black", linewidth=0.6, linestyle=style)
    for y, row in enumerate(_sorted(table)):
        found = [seed.accuracy for seed in row.transfer.per_seed if seed.accuracy is not None]
        _dots(axes, found, [y] * len(found), _kind(row), size=8)
    axes.set_xlabel("transfer accuracy by seed")


def _dots(axes: Any, x: Sequence[float], y: Sequence[int], kind: str, size: int) -> None:
    axes.scatter(x, y, s=size, marker=_MARKS[kind], color=COLOURS[kind], linewidths=0.8, zorder=3)


def _name_rows(axes: Any, rows: Sequence[Row]) -> None:
    """Names on the left, the first row on top, a line above each group but the first.

    What became of a row below the line stands beside its name, where nothing is drawn.
    """
    names = [f"{label(row)} ({row.status})" if _kind(row) == "out" else label(row) for row in rows]
    axes.set_yticks(range(len(rows)), [printable(name) for name in names])
    for text, row in zip(axes.get_yticklabels(), rows, strict=True):
        text.set_parse_math(False)
        if _kind(row) == "out":
            text.set_color(COLOURS["out"])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    for y in range(1, len(rows)):
        if _kind(rows[y]) != _kind(rows[y - 1]):
            axes.axhline(y - 0.5, color="#bfbfbf", linewidth=0.6)


def _legend(figure: Any, kinds: set[str]) -> None:
    from matplotlib.lines import Line2D

    names = {"w2s": "weak-to-strong", "elicitation": "elicitation track", "out": "below the line"}
    marks = [
        Line2D([], [], linestyle="", marker=_MARKS[kind], color=COLOURS[kind], label=names[kind])
        for kind in COLOURS
        if kind in kinds
    ]
    for style, name in zip(_LINES, ("weak", "ceiling"), strict=True):
        marks.append(Line2D([], [], color="black", linewidth=0.6, linestyle=style, label=name))
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), frameon=False)


def _regularisation(tables: Sequence[SettingTable]) -> list[tuple[str, Any]]:
    """`("regularisation", figure)`; nothing where no setting has a path over C."""
    from matplotlib.figure import Figure

    panels = [table for table in tables if _path(table.setting)]
    if not panels:
        return []
    figure = Figure(figsize=(2.8 * len(panels), 2.6), layout="constrained")
    for axes, table in _panels(figure, panels):
        _path_panel(axes, table)
    return [("regularisation", figure)]


def _path(setting: SettingRecord) -> list[tuple[float, float]]:
    """(C, accuracy) of vanilla, by C."""
    star = setting.vanilla_star.get("exact")
    points = [] if star is None else star.points
    return sorted((p.settings["C"], p.accuracy) for p in points if "C" in p.settings)


def _path_panel(axes: Any, table: SettingTable) -> None:
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
            axes.scatter(*zip(at, strict=True), s=14, color=COLOURS["w2s"], zorder=3)
            axes.annotate(printable(label(row)), at, textcoords="offset points", xytext=(4, 2), fontsize=6)
    axes.set_xscale("log")
    axes.set_xlabel("effective C")
    axes.set_ylabel("transfer accuracy" if gap is None else "PGR")


def c_effective(row: Row) -> float | None:
    """The geometric middle of what the row's fits by `exact` made of C; None without one."""
    found = [f.c_effective for f in row.fits if f.solver == "exact" and f.c_effective is not None]
    values = [c for pair in found for c in pair if c > 0]
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


_BY_ROW: dict[str, Callable[[Any, SettingTable], None]] = {"pgr": _pgr_panel, "accuracy": _accuracy_panel}
"""The figures that have a line for each row."""
