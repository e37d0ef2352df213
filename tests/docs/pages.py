"""What a Markdown page holds: its fenced blocks, the marks above them, its links."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHELL = ("sh", "bash", "shell", "console")
MARKS = ("file", "exit", "prints", "not run")
"""Marks are HTML comments on the lines above a block: `<!-- file: mine.py -->`. A comment `# mine.py` at the
end of a Python block's first line names its file too."""
_MARK = re.compile(r"^<!-- (file|exit|prints|not run)(?:: (.+))? -->$")
_FENCE = re.compile(r"^(```+)\s*([\w-]*)")
_NAMED = re.compile(r"\s# (\w+\.py)$")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SETUP = "python3 -m venv"
"""How README's two set-up lines begin."""


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    page: Path
    line: int
    language: str
    text: str
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> str:
        """The block as a shell script: without prompts, output (`console`) and the set-up lines."""
        lines = self.text.splitlines()
        if self.language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        return "\n".join(line for line in lines if not line.strip().startswith(SETUP))


def markdown() -> list[Path]:
    """Every Markdown page of the project, the written ones only."""
    top = sorted(ROOT.glob("*.md"))
    below = [p for folder in ("docs", "examples", "scripts", "benchmarks", "tests") for p in
             sorted((ROOT / folder).rglob("*.md"))]  # fmt: skip
    return [p for p in (*top, *below) if "goldens" not in p.parts]


def documentation() -> list[Path]:
    """The pages whose commands are run: README, CONTRIBUTING and the guides."""
    named = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [p for p in named if p.is_file()]


def blocks(page: Path) -> list[Block]:
    """The page's fenced blocks, in their order."""
    found: list[Block] = []
    marks: dict[str, str] = {}
    fence, language, start, text = "", "", 0, list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        opening = _FENCE.match(line)
        if fence:
            if line.rstrip() == fence:
                named = _NAMED.search(text[0]) if text and language == "python" else None
                marks |= {"file": named[1]} if named else {}
                found.append(Block(page, start, language, "\n".join(text) + "\n", marks))
                fence, marks, text = "", {}, []
            else:
                text.append(line)
        elif opening:
            fence, language, start = opening[1], opening[2], number
        elif mark := _MARK.match(line.strip()):
            marks[mark[1]] = mark[2] or ""
        elif line.strip():
            marks = {}
    assert not fence, f"{page}:{start}: a block that is never closed"
    return found


def links(page: Path) -> list[str]:
    """The relative links of a page, without anchors; fenced blocks do not count."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    found = [target.partition("#")[0] for target in _LINK.findall(text)]
    return [t for t in found if t and not re.match(r"^[a-z]+:", t)]


def section(page: Path, heading: str) -> str:
    """The text below a heading, up to the next one of its level or higher."""
    level = len(heading) - len(heading.lstrip("#"))
    lines = page.read_text(encoding="utf-8").splitlines()
    assert heading in lines, f"{page.relative_to(ROOT)} has no heading '{heading}'"
    out = []
    for line in lines[lines.index(heading) + 1 :]:
        if re.match(rf"^#{{1,{level}}} ", line):
            break
        out.append(line)
    return "\n".join(out)
