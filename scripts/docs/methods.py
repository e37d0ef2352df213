"""Write `docs/methods.md`: every shipped method, from its module's docstrings and fields.

    python scripts/docs/methods.py [--check] [--board LEADERBOARD] [PAGE]

Modules are read as text, never imported. `--board` is the leaderboard JSON that the measured table comes from
(`docs/methods-leaderboard.json`, where it exists); `--check` only compares, and ends with 1 where the page is
out of date.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "methods.md"
BOARD = ROOT / "docs" / "methods-leaderboard.json"
GROUP = "w2s_harness.methods"
INTRODUCTION = """# The methods

<!-- Written by scripts/docs/methods.py from the methods' docstrings; change those. -->

Every method that w2s-harness ships. `--methods all` takes them all; some need a grant (`--grant groups`) or \
are skipped on a pair that cannot do what they need, with the reason in the row. How to write one: \
[Writing a method](methods-guide.md). Notation: x a row, w(x) the weak teacher's probability that its label \
is 1, s(x) a student's, n the number of unlabeled training rows.
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page says of a method."""

    name: str
    module: Path
    summary: str
    """The module's docstring."""
    text: str
    """The class's docstring."""
    attributes: Mapping[str, str]
    """`track`, `access`, `authored_by`, `reference`, as text."""
    parameters: Sequence[tuple[str, str, str]]
    """(name, type, default)"""


def shipped() -> list[Shown]:
    """The methods of the project's entry points, in their order there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [
        read(name, ROOT / "plugins" / f"{module.replace('.', '/')}.py")
        for name, module in project["entry-points"][GROUP].items()
    ]


def read(name: str, module: Path) -> Shown:
    """The method called `name` in a module. Raises `SystemExit` where the module has no such class."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    for part in tree.body:
        if isinstance(part, ast.ClassDef):
            attributes = _attributes(part)
            if attributes.get("name") == name:
                summary, text = (inspect.cleandoc(ast.get_docstring(p) or "") for p in (tree, part))
                return Shown(name, module, summary, text, attributes, _parameters(part))
    raise SystemExit(f"{module}: no class with name = '{name}'")


def page(methods: Sequence[Shown], board: Mapping[str, Any] | None) -> str:
    """The whole page."""
    parts = [INTRODUCTION, _overview(methods)]
    if board is not None:
        parts.append(measured(board, [m.name for m in methods]))
    parts += [_section(method) for method in methods]
    return "\n".join(parts)


def measured(board: Mapping[str, Any], order: Sequence[str]) -> str:
    """The table of a leaderboard: PGR with its interval, own, and rank, for each task on its first pair."""
    settings: dict[str, Any] = {}
    for setting in board["settings"]:
        settings.setdefault(setting["task"], setting)
    rows: dict[str, dict[str, Any]] = {}
    for row in board["rows"]:
        is_shown = settings[row["task"]]["pair"] == row["pair"] and not row["parameters"]
        if is_shown and row["method"] in order:
            rows.setdefault(row["method"], {})[row["task"]] = row
    header = " | ".join(f"{t}: PGR, 95 % CI | own | rank" for t in settings)
    lines = [
        "## Measured",
        "",
        _conditions(settings),
        "",
        f"| method | track | {header} | FLOPs |",
        f"| --- | --- |{' --- | --- | --- |' * len(settings)} --- |",
    ]
    for name in sorted(rows, key=lambda name: (_place(rows[name]), order.index(name))):
        cells = " | ".join(_cell(rows[name].get(task)) for task in settings)
        lines.append(f"| [{name}](#{name}) | {_track(rows[name])} | {cells} | {_flops(rows[name])} |")
    return "\n".join([*lines, ""])


def _conditions(settings: Mapping[str, Any]) -> str:
    levels = "; ".join(
        f"{task} on `{s['pair']}` weak {_number(s['weak']['mean'], 3)}, "
        f"ceiling {_number(s['ceiling']['mean'], 3)}"
        for task, s in settings.items()
    )
    seeds = len(next(iter(settings.values()))["baseline_seeds"])
    return (
        f"{seeds} seeds. Accuracies: {levels}. `own` is the PGR that is the teacher's own, in bold where the"
        " verdict is weak supervision. A rank is an interval from all pairwise"
        " tests; methods of the elicitation track are not ranked among the others. Intervals are for new"
        " training pools. Marked with `*`: the difference from `vanilla*`, vanilla at its best settings, is"
        " significant for new pools after Holm's correction. FLOPs are over those of"
        " `vanilla`, mean over the tasks. Sorted by mean PGR."
    )


def _place(rows: Mapping[str, Any]) -> tuple[bool, bool, float]:
    scored = [row["pgr"] for row in rows.values() if row["pgr"] is not None]
    return not scored, _track(rows) == "elicitation", -sum(scored) / max(1, len(scored))


def _track(rows: Mapping[str, Any]) -> str:
    return ", ".join(sorted({row["track"] for row in rows.values()}))


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "- | - | -"
    if row["pgr"] is None:
        return f"{row['status']}: {_plain(row['reason'] or '').replace('|', '/')} | - | -"
    against = row.get("vs_vanilla_star") or {}
    mark = " *" if against.get("significant") else ""
    ci = row["pgr_ci_pool"]
    interval = f", {_number(ci[0])} to {_number(ci[1])}" if ci else ""
    rank = row["rank"]
    place = "-" if rank is None else str(rank[0]) if rank[0] == rank[1] else f"{rank[0]}-{rank[1]}"
    return f"{_number(row['pgr'])}{interval}{mark.replace('*', chr(92) + '*')} | {_own(row)} | {place}"


def _own(row: Mapping[str, Any]) -> str:
    own = row.get("own") or {}
    parts = [own[k]["pgr"] for k in ("echo", "decoy") if own.get(k) and own[k]["pgr"] is not None]
    if len(parts) < 2:
        return "-"
    least = _number(min(parts))
    return f"**{least}**" if own["verdict"] == "weak supervision" else least


def _flops(rows: Mapping[str, Any]) -> str:
    known = [row["flops_over_vanilla"] for row in rows.values() if row.get("flops_over_vanilla") is not None]
    return f"{sum(known) / len(known):.1f}" if known else "-"


def _number(value: float, digits: int = 2) -> str:
    text = f"{value:.{digits}f}"
    return re.sub(r"^(-?)0\.", r"\1.", text.removeprefix("-") if float(text) == 0 else text)


def _overview(methods: Sequence[Shown]) -> str:
    rows = [
        f"| [{m.name}](#{m.name}) | {m.attributes['track']} | {m.attributes['access'] or 'strict'} "
        f"| {_plain(m.summary.partition(chr(10))[0])} |"
        for m in methods
    ]
    return "\n".join(["| method | track | access | what it does |", "| --- | --- | --- | --- |", *rows, ""])


def _section(method: Shown) -> str:
    source = f"plugins/{method.module.relative_to(ROOT / 'plugins')}"
    attributes = method.attributes
    facts = [
        f"Track `{attributes['track']}`, access {attributes['access'] or 'strict'}, "
        f"written by {attributes['authored_by']}; [source](../{source})."
    ]
    if attributes["reference"]:
        facts.append(f"Reference: {attributes['reference']}.")
    lines = [f"## {method.name}", "", _plain(method.text), "", " ".join(facts), ""]
    if method.parameters:
        lines += ["| parameter | type | default |", "| --- | --- | --- |"]
        lines += [f"| `{name}` | {kind} | `{default}` |" for name, kind, default in method.parameters]
        lines.append("")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Text of a docstring as Markdown: what is no code in backticks means itself."""
    parts = re.split(r"(`[^`]*`)", text)
    parts[::2] = [
        re.sub(r"([*|]|(?<!\w)_|_(?!\w))", r"\\\1", p).replace("<", "&lt;").replace("](", "] (")
        for p in parts[::2]
    ]
    return "".join(parts)


def _attributes(part: ast.ClassDef) -> dict[str, str]:
    found = {"track": "w2s", "access": "", "authored_by": "human", "reference": ""}
    for line in part.body:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            value = ast.literal_eval(line.value)
            if isinstance(value, bool):
                continue
            text = value if isinstance(value, str) else ", ".join(f"`{v}`" for v in value)
            found[line.targets[0].id] = text
    return found


def _parameters(part: ast.ClassDef) -> list[tuple[str, str, str]]:
    return [
        (line.target.id, ast.unparse(line.annotation), ast.unparse(line.value))
        for line in part.body
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value is not None
    ]


def main() -> int:
    """Write or check the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", nargs="?", type=Path, default=PAGE)
    parser.add_argument("--board", type=Path, default=None)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    source = given.board or (BOARD if BOARD.is_file() else None)
    board = json.loads(source.read_text(encoding="utf-8")) if source else None
    new = page(shipped(), board)
    if given.check:
        same = given.page.is_file() and given.page.read_text(encoding="utf-8") == new
        print("up to date" if same else f"{given.page}: run scripts/docs/methods.py")
        return int(not same)
    given.page.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
