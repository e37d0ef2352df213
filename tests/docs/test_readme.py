"""Whether README shows what the tool prints, and whether links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import ROOT, links, markdown

from w2s_harness.data.rows.prepared import prepare
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.report import formats
from w2s_harness.report.document import document
from w2s_harness.run.kept.store import Store
from w2s_harness.run.work.setting.preparing import model_identity

README = ROOT / "README.md"
PRINTED = ROOT / "docs" / "readme-leaderboard.json"
PAIRS = {"math": "tiny", "code": "tiny", "chat": "tiny", "kinds": "tiny-kinds"}
_BLOCK = re.compile(r"<!-- leaderboard -->\s*```\w*\n(.*?)```\s*<!-- /?leaderboard(?: end)? -->", re.S)


def test_leaderboard_in_readme_is_what_report_prints() -> None:
    found = _BLOCK.findall(README.read_text(encoding="utf-8"))
    assert len(found) == 1, "README has no fenced block between <!-- leaderboard --> marks"
    printed = formats.render(document.read(PRINTED), "text")
    assert found[0].strip("\n") == printed.strip("\n")


def test_leaderboard_in_readme_is_of_the_default_plan() -> None:
    plan = document.read(PRINTED).plan
    assert [task["name"] for task in plan["tasks"]] == list(PAIRS)
    assert [pair["name"] for pair in plan["pairs"]] == ["tiny", "tiny-kinds"]


@pytest.mark.parametrize("name", PAIRS)
def test_leaderboard_in_readme_is_of_the_shipped_data_and_models(name: str, tmp_path: Path) -> None:
    plugins, store = Plugins(), Store(tmp_path / "store")
    shown = next(s for s in document.read(PRINTED).settings if s.task == name)
    assert shown.data_digest == prepare(plugins.task(name), limit=None).digest
    pair = plugins.pair(PAIRS[name])
    assert shown.models["weak"].sha256 == model_identity(pair.weak, store)["sha256"]
    assert shown.models["strong"].sha256 == model_identity(pair.strong, store)["sha256"]


def test_every_page_of_the_docs_is_linked_from_readme() -> None:
    linked = {(ROOT / target).resolve() for target in links(README)}
    assert sorted({*(ROOT / "docs").glob("*.md")} - linked) == []


@pytest.mark.parametrize("page", [pytest.param(p, id=str(p.relative_to(ROOT))) for p in markdown()])
def test_links_lead_somewhere(page: Path) -> None:
    missing = [target for target in links(page) if not (page.parent / target).exists()]
    assert not missing, f"{page.name} links to {missing}"
