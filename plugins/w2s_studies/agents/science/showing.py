"""What the books of an agent run say, as text, JSON or a figure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from w2s_harness.contract.errors import UsageError
from w2s_harness.data.disk import write_errors
from w2s_harness.report.document import document
from w2s_harness.report.notation import counted
from w2s_harness.report.views.figures import FORMATS, STYLE, save
from w2s_harness.scoring.metered.ledger import Ledger
from w2s_harness.scoring.metered.oracle import OracleLimits, rest, spent_by
from w2s_studies.agents.books import plan as planning
from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.books.money import Clock, Purse, Spending, load_prices
from w2s_studies.agents.books.plan import AgentPlan
from w2s_studies.agents.science import science as studying
from w2s_studies.agents.science.science import compare
from w2s_studies.agents.tools.workspace import headline, quoted

_COLOURS = ("#0072b2", "#d55e00")
"""Of the run and of the one beside it."""
NEW = ""
"""The lineage of what nobody asked about yet."""


def status(folder: Path, *, as_json: bool = False) -> str:
    """Each agent's queries, best answered number, submissions and spending.

    `left` is what the oracle would say to the agent's next query of the idea that it asked about last,
    `left_new` what it would say of a new one.
    """
    plan = planning.read(folder)
    purse, lines = (
        Purse(Journal(folder / "money.jsonl"), load_prices(), reading=True),
        Ledger(folder / "ledger.jsonl").entries(),
    )
    handed = Journal(folder / "submissions.jsonl").read()
    agents = [_agent(name, plan, lines, handed, purse) for name in plan.names]
    hours = Clock(Journal(folder / "clock.jsonl"), plan.hours).used_s() / 3600
    stage = "done" if (folder / "leaderboard.json").exists() else (
        "agents have stopped" if (folder / "done").exists() else "agents at work or stopped midway"
    )  # fmt: skip
    found = {"run": str(folder), "stage": stage, "hours": hours, "of_hours": plan.hours, "agents": agents}
    out = [f"{folder}: {stage}, {hours:.2f} of {plan.hours:g} h"]
    out += [
        f"  {a['who']:9s} queries {a['queries']:3d}  left {a['left']:3d}{_more(a)}  best {_two(a['best'])}  "
        f"submitted {a['submitted']}  ${a['usd']:.2f}"
        for a in agents
    ]
    return _shown(found, out, as_json)


def findings(folder: Path, *, as_json: bool = False) -> str:
    """What agents told each other, in order."""
    planning.read(folder)
    lines = Journal(folder / "findings.jsonl").read()
    return _shown(lines, [f"{headline(one)}\n{quoted(one['text'])}\n" for one in lines], as_json)


def cost(folder: Path, *, as_json: bool = False) -> str:
    """Dollars by agent and kind, per agent-hour, per submission and per significant claim."""
    plan = planning.read(folder)
    purse = Purse(Journal(folder / "money.jsonl"), load_prices(), reading=True)
    total = purse.spent()
    hours = Clock(Journal(folder / "clock.jsonl"), plan.hours).used_s() / 3600 * plan.agents
    handed = len(Journal(folder / "submissions.jsonl").read())
    claims = _claims(folder)
    found: dict[str, Any] = {
        "agents": {name: _spent(purse.spent(name)) for name in plan.names},
        "total": _spent(total),
        "usd_per_agent_hour": total.usd / hours if hours else None,
        "usd_per_submission": total.usd / handed if handed else None,
        "usd_per_significant_claim": total.usd / claims if claims else None,
    }
    out = [_line(name, purse.spent(name)) for name in plan.names] + [_line("all", total)]
    for key in ("usd_per_agent_hour", "usd_per_submission", "usd_per_significant_claim"):
        value = found[key]
        out.append(f"{key.replace('_', ' '):<27} {_two(value)}")
    return _shown(found, out, as_json)


def science(folder: Path, against: Path | None, *, as_json: bool = False) -> str:
    """How the run searched; beside another run at equal compute where one is given."""
    found = studying.of(folder)
    if against is not None:
        found["against"] = compare(folder, against)
    by = found["model"] or "plain search"
    out = [f"{folder}: {counted(found['ideas'], 'idea')} of {counted(found['agents'], 'agent')} ({by})"]
    out += [f"  {count:4d}  {family}" for family, count in found["families"].items()]
    for last in found["entropy"][-1:]:
        out.append(
            f"entropy of families {last['bits']:.2f} bits over {counted(last['agents'], 'agent')} "
            f"(bootstrap {last['low']:.2f} to {last['high']:.2f})"
        )
    out.append(f"duplicates {len(found['duplicates'])} of {found['ideas']}")
    out += [
        f"  {p['agent_hours']:.2f} agent-hours  ${p['usd']:.2f}  feedback PGR {p['pgr']:.2f}  "
        f"{p['label']} by {p['who']}"
        for p in found["frontier"]
    ]
    out += _compared(found["against"]) if against is not None else []
    return _shown(found, out, as_json)


def draw(folders: Sequence[Path], into: Path) -> list[Path]:
    """Write `search.pdf` and `search.svg`; the same books, the same bytes.

    Raises `UsageError` where matplotlib is not installed, nothing was evaluated, or a file cannot be written.
    """
    try:
        import matplotlib.style
        from matplotlib.figure import Figure
    except ImportError as bad:
        raise UsageError("--figures needs matplotlib: pip install 'w2s-harness[plots]'") from bad
    runs = [studying.of(folder) for folder in folders]
    if not any(run["ideas"] for run in runs):
        raise UsageError("--figures: nothing was evaluated, so there is nothing to draw")
    written = []
    with write_errors(f"--figures {into}: cannot be written: ", error=UsageError):
        into.mkdir(parents=True, exist_ok=True)
        with matplotlib.style.context(["default", STYLE]):
            figure = Figure(figsize=(8.0, 4.6), layout="constrained")
            panels = figure.subplots(2, 2)
            for run, colour in zip(runs, _COLOURS, strict=False):
                _draw_run(panels, run, colour)
            for axes, x, y in (
                (panels[0][0], "agent-hours", "best PGR on feedback"),
                (panels[0][1], "US dollars", "best PGR on feedback"),
                (panels[1][0], "agent-hours", "entropy of families (bits)"),
                (panels[1][1], "agent-hours", "lines of code"),
            ):
                axes.set_xlabel(x)
                axes.set_ylabel(y)
            figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
            for kind in FORMATS:
                path = into / f"search.{kind}"
                save(figure, path, kind)
                written.append(path)
    return written


def _draw_run(panels: Any, run: dict[str, Any], colour: str) -> None:
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


def _shown(found: Any, lines: Sequence[str], as_json: bool) -> str:
    return json.dumps(found, indent=1) + "\n" if as_json else "".join(f"{line}\n" for line in lines)


def _compared(found: Mapping[str, Any]) -> list[str]:
    names = [model or "plain search" for model in found["models"]]
    out = ["at equal compute (best of feedback; the best submission by then, on final):"]
    for point in found["points"]:
        out.append(f"  {point['compute_s']:.0f} s of evaluations")
        for name, run in zip(names, point["runs"], strict=True):
            ci = run["final_ci"]
            interval = f" ({ci[0]:.2f} to {ci[1]:.2f})" if ci else ""
            out.append(
                f"    {name}: {counted(run['evaluations'], 'evaluation')}, ${run['usd']:.2f}, feedback "
                f"{_two(run['feedback'])}, final {_two(run['final'])}{interval}"
            )
    return out


def _agent(name: str, plan: AgentPlan, lines: Any, handed: Any, purse: Purse) -> dict[str, Any]:
    mine = [line for line in lines if line.get("who") == name]
    limits = OracleLimits(plan.queries_per_agent, plan.queries_per_lineage, plan.queries)
    spent = sum((spent_by(line) for line in lines if line["kind"] != "open"), Counter[tuple[str, str]]())
    last = next((line["lineage"] for line in reversed(mine)), NEW)
    told = [line["answer"]["pgr"] for line in mine if line.get("answer", {}).get("pgr") is not None]
    paid = sum(int(line.get("cost", 0)) for line in mine)
    return {
        "who": name,
        "queries": paid,
        "left": rest(limits, spent, name, last),
        "left_new": rest(limits, spent, name, NEW),
        "best": max(told, default=None),
        "submitted": sum(one["who"] == name for one in handed),
        "usd": purse.spent(name).usd,
    }


def _more(agent: Mapping[str, Any]) -> str:
    """How many queries a new idea would have, where that is another number."""
    return "" if agent["left"] == agent["left_new"] else f" (a new idea {agent['left_new']})"


def _claims(folder: Path) -> int | None:
    """How many rows that agents wrote carry a claim; None before the board."""
    path = folder / "leaderboard.json"
    if not path.exists():
        return None
    rows = [row for row in document.read(path).rows if row.author]
    return sum(row.claim is not None and row.claim.holds for row in rows)


def _spent(one: Spending) -> dict[str, Any]:
    return {
        "usd": one.usd,
        "tokens_usd": one.tokens_usd,
        "lost_usd": one.lost_usd,
        "compute_usd": one.compute_usd,
        "compute_seconds": one.compute_s,
        "calls": one.calls,
        "tokens": one.tokens,
    }


def _line(name: str, one: Spending) -> str:
    tokens = "  ".join(f"{kind} {count}" for kind, count in sorted(one.tokens.items()))
    return (
        f"{name:9s} ${one.usd:.2f}  tokens ${one.tokens_usd:.2f}  lost ${one.lost_usd:.2f}  compute "
        f"${one.compute_usd:.2f} ({one.compute_s:.0f} s)  calls {one.calls}  {tokens}".rstrip()
    )


def _two(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
