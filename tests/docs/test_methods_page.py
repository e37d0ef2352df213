"""Whether docs/methods.md is what its script makes of the methods as they are."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from pages import ROOT

SCRIPT = ROOT / "scripts" / "docs" / "methods.py"
README_BOARD = ROOT / "docs" / "readme-leaderboard.json"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_methods", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["docs_methods"] = module
    spec.loader.exec_module(module)
    return module


def _run(*arguments: str) -> int:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, check=False
    ).returncode


def test_the_page_is_up_to_date() -> None:
    assert _run("--check") == 0, "run scripts/docs/methods.py"


def test_the_script_notices_a_change(tmp_path: Path) -> None:
    page = tmp_path / "methods.md"
    text = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    page.write_text(text.replace("## confident", "## confidant"), encoding="utf-8")
    assert _run(str(page), "--check") == 1
    assert _run(str(page)) == 0
    assert page.read_text(encoding="utf-8") == text


def test_every_method_has_its_section_with_parameters_and_source(script: ModuleType) -> None:
    names = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"][
        "w2s_harness.methods"
    ]
    methods = script.shipped()
    assert [m.name for m in methods] == list(names)
    page = script.page(methods, None)
    for method in methods:
        assert f"\n## {method.name}\n" in page
        assert method.text and method.summary and method.attributes["reference"], method.name
    confident = next(m for m in methods if m.name == "confident")
    assert confident.parameters == [("margin", "float", "0.25"), ("soft", "bool", "True")]


def test_a_class_is_read_without_being_imported(script: ModuleType, tmp_path: Path) -> None:
    module = tmp_path / "mine.py"
    module.write_text(
        '"""What it does."""\nraise SystemExit\n\nclass Mine:\n    """Target w * [s < t]."""\n\n'
        '    name = "mine"\n    access = ("embeddings",)\n    k: int = 3\n',
        encoding="utf-8",
    )
    shown = script.read("mine", module)
    assert (shown.summary, shown.parameters) == ("What it does.", [("k", "int", "3")])
    assert shown.attributes["access"] == "`embeddings`"
    assert script._plain(shown.text) == "Target w \\* [s &lt; t]."
    with pytest.raises(SystemExit, match="no class"):
        script.read("other", module)


def test_the_table_shows_what_the_leaderboard_holds(script: ModuleType) -> None:
    board = json.loads(README_BOARD.read_text(encoding="utf-8"))
    table = script.measured(board, ["vanilla", "logconf"])
    row = next(r for r in board["rows"] if r["method"] == "logconf")
    low, high = (script._number(x) for x in row["pgr_ci_pool"])
    (line,) = [x for x in table.splitlines() if x.startswith("| [logconf]")]
    assert f"{script._number(row['pgr'])}, {low} to {high}" in line
    tracks = sorted({row["track"] for row in board["rows"] if row["method"] == "vanilla"})
    assert f"| [vanilla](#vanilla) | {', '.join(tracks)} |" in table and "zero-shot" not in table
    assert script._number(-0.0007) == ".00"


def test_a_row_without_a_score_says_why(script: ModuleType) -> None:
    row = {"pgr": None, "status": "skipped", "reason": "cannot | generate"}
    assert script._cell(row).startswith("skipped: cannot ")
    assert script._cell(row).count("|") == 2
