"""Whether the plan of `examples/paper` is what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pages import ROOT, SHELL, blocks

from conftest import Shell
from w2s_harness.installed.trusted.plugins import Plugins

PAPER = ROOT / "examples" / "paper"


def test_paper_is_every_method_on_the_shipped_tasks_with_eight_seeds() -> None:
    plan = yaml.safe_load((PAPER / "w2s.yaml").read_text(encoding="utf-8"))
    assert plan["tasks"] == ["math", "code", "chat", "kinds"]
    assert (plan["methods"], plan["seeds"]) == ("all", 8)


def test_plan_of_the_paper_resolves(shell: Shell, workplace: Path) -> None:
    first = next(b for b in blocks(PAPER / "README.md") if b.language in SHELL and "not run" not in b.marks)
    done = shell(f"unset W2S_SEEDS; {first.commands}", workplace)
    assert done.returncode == 0, done.stderr
    shipped = [name for name, entry in Plugins().methods.items() if entry.is_shipped]
    assert len(shipped) > 6
    for place in ("math/tiny", "code/tiny", "chat/tiny", "kinds/tiny-kinds"):
        for method in shipped:
            assert f"  {place}/{method}/s7\n" in done.stdout
    assert f"alpha 0.05 / {4 * (len(shipped) - 1)} comparisons (Holm), 8 seeds" in done.stdout


def test_commands_of_the_paper_make_its_tables_and_figures(shell: Shell, workplace: Path) -> None:
    pytest.importorskip("matplotlib")
    commands = next(b.commands for b in blocks(PAPER / "README.md") if "not run" in b.marks)
    small = commands.replace("w2s-harness run", "w2s-harness run --methods vanilla,confident --tasks math")
    done = shell(f"cd examples/paper; {small}", workplace)
    assert done.returncode == 0, done.stderr
    folder = workplace / "examples" / "paper"
    assert r"\toprule" in (folder / "tables.tex").read_text(encoding="utf-8")
    names = ("pgr", "accuracy", "regularisation")
    written = {p.name for p in (folder / "figures").iterdir()}
    assert written == {f"{name}.{kind}" for name in names for kind in ("pdf", "svg")}
