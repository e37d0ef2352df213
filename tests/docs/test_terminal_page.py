"""Whether docs/terminal.md shows what the renderers draw today."""

from __future__ import annotations

import subprocess
import sys

from pages import ROOT

SCRIPT = ROOT / "scripts" / "docs" / "terminal.py"


def test_the_recording_is_what_is_drawn() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"run scripts/docs/terminal.py\n{done.stderr}"


def test_no_line_of_the_recording_is_wider_than_its_terminal() -> None:
    narrow, wide = (ROOT / "docs" / "terminal.md").read_text(encoding="utf-8").split("## 120 columns")
    for text, width in ((narrow.split("## 80 columns")[1], 80), (wide.split("## Where")[0], 120)):
        assert 40 < max(map(len, text.splitlines())) <= width
