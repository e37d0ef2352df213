"""Whether the page on the published results is what the published results give."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT

SCRIPT = ROOT / "scripts" / "docs" / "replication.py"
PAGE = ROOT / "docs" / "replication.md"


@pytest.fixture
def results() -> Path:
    folder = Path(os.environ.get("W2S_SHARED_DATA", ROOT.parent / "shared" / "data")) / "aar-results"
    if not folder.is_dir():
        pytest.skip(f"no published results at {folder} (set W2S_SHARED_DATA)")
    return folder


def _script(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_page_is_up_to_date(results: Path) -> None:
    done = _script(results, "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_script_notices_a_change(results: Path, tmp_path: Path) -> None:
    page = tmp_path / "replication.md"
    text = PAGE.read_text(encoding="utf-8")
    page.write_text(text.replace("| .5280 |", "| .5281 |", 1), encoding="utf-8")
    assert _script(results, page, "--check").returncode == 1
    assert _script(results, page).returncode == 0
    assert page.read_text(encoding="utf-8") == text


def test_what_the_page_says_in_words_holds(results: Path) -> None:
    rows = [
        r for r in PAGE.read_text(encoding="utf-8").splitlines() if r.startswith(("| chat |", "| math |"))
    ]
    verdicts = {(r.split("|")[1].strip(), r.split("|")[2].strip()): r.split("|")[6].strip() for r in rows}
    pairs = {key: said for key, said in verdicts.items() if " - " in key[1]}
    assert len(pairs) == 12
    assert [key for key, said in pairs.items() if said != "no"] == [("math", "zero-shot - critic")]
