"""How agent runs searched, as a figure: progress, breadth and length of ideas against what was used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from w2s_harness.contract.errors import UsageError
from w2s_harness.data.disk import write_errors
from w2s_harness.report.notation import counted
from w2s_harness.report.views.figures import FORMATS, STYLE, save
from w2s_studies.agents.science import science

_COLOURS = ("#0072b2", "#d55e00")
"""Of the run and of the one beside it."""


def draw(folders: Sequence[Path], into: Path) -> list[Path]:
    """Write `search.pdf` and `search.svg`; the same books, the same bytes.

    Raises `UsageError` where matplotlib is not installed, nothing was evaluated, or a file cannot be written.
    """
    try:
        import matplotlib.style
        from matplotlib.figure import Figure
    except ImportError as bad:
        raise UsageError("--figures needs matplotlib: pip install 'w2s-harness[plots]'") from bad
    runs = [science.of(folder) for folder in folders]
    if not any(run["ideas"] for run in runs):
        raise UsageError("--figures: nothing was evaluated, so there is nothing to draw")
    written = []
    with write_errors(f"--figures {into}: cannot be written: ", error=UsageError):
        into.mkdir(parents=True, exist_ok=True)
        with matplotlib.style.context(["default", STYLE]):
            figure = Figure(figsize=(8.0, 4.6), layout="constrained")
            panels = figure.subplots(2, 2)
            for run, colour in zip(runs, _COLOURS, strict=False):
                _run(panels, run, colour)
            _name(panels)
            figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
            for kind in FORMATS:
                path = into / f"search.{kind}"
                save(figure, path, kind)
                written.append(path)
    return written


def _run(panels: Any, run: dict[str, Any], colour: str) -> None:
    name = f"{run['model'] or 'plain search'}, {counted(run['agents'], 'agent')}"
    steps, last = run["frontier"], run["complexity"][-1:]
    for axes, key in ((panels[0][0], "agent_hours"), (panels[0][1], "usd")):
        x, y = [p[key] for p in steps], [p["pgr"] for p in steps]
        if steps and key == "agent_hours":
            x, y = [*x, last[0]["agent_hours"]], [*y, y[-1]]
        axes.step(x, y, where="post", color=colour, linewidth=1.2, marker="o", markersize=3, label=name)
    breadth = run["entropy"]
    hours = [p["agent_hours"] for p in breadth]
    panels[1][0].plot(hours, [p["bits"] for p in breadth], color=colour, linewidth=1.2)
    panels[1][0].fill_between(
        hours, [p["low"] for p in breadth], [p["high"] for p in breadth], color=colour, alpha=0.2, linewidth=0
    )
    length = run["complexity"]
    panels[1][1].scatter([p["agent_hours"] for p in length], [p["lines"] for p in length], s=6, color=colour)


def _name(panels: Any) -> None:
    for axes, x, y in (
        (panels[0][0], "agent-hours", "best PGR on feedback"),
        (panels[0][1], "US dollars", "best PGR on feedback"),
        (panels[1][0], "agent-hours", "entropy of families (bits)"),
        (panels[1][1], "agent-hours", "lines of code"),
    ):
        axes.set_xlabel(x)
        axes.set_ylabel(y)
