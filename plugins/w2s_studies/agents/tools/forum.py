"""What agents tell each other: findings and handed-in methods, as files in every workspace."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from w2s_harness.data.disk import replace_file
from w2s_harness.jail.showing import visible
from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.tools.workspace import SHARED, Workspace

KINDS = ("result", "idea", "warning", "question")
"""What a finding may be."""
MOST_FINDINGS = 100
"""Of one agent."""
MOST_CHARACTERS = 20_000
"""Of what is shown of a text."""


class ForumError(Exception):
    """What an agent wants to share cannot be; one sentence that it is told."""


class Forum:
    """The shared part of all workspaces of a run; thread-safe.

    :param folder: the run's. :param names: its agents. What the books hold is put back where it is missing.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder = folder
        self.workspaces = {name: Workspace(folder / "agents" / name / "workspace") for name in names}
        self._findings = Journal(folder / "findings.jsonl")
        self._submissions = Journal(folder / "submissions.jsonl")
        self._lock = threading.Lock()
        for line in self._findings.read():
            self._show_finding(line)
        for line in self._submissions.read():
            self._show_method(line)

    def share(self, who: str, kind: str, title: str, text: str, call: str) -> str:
        """Show a finding in every workspace; its path there. A known `call` is not shared twice.

        Raises `ForumError` for more than `MOST_FINDINGS` of one agent.
        """
        with self._lock:
            lines = self._findings.read()
            known = next((one for one in lines if (one["who"], one["call"]) == (who, call)), None)
            if known is None:
                if sum(one["who"] == who for one in lines) >= MOST_FINDINGS:
                    raise ForumError(f"an agent shares {MOST_FINDINGS} findings at most")
                known = {
                    "n": len(lines) + 1, "who": who, "kind": kind, "title": one_line(title),
                    "text": text, "call": call,
                }  # fmt: skip
                self._findings.append(known)
            return self._show_finding(known)

    def submit(self, line: Mapping[str, Any], code: bytes) -> tuple[int, str]:
        """Keep a method that was handed in and show it; its number and its path in the workspaces.

        :param line: `who`, `call`, `name`, `label`, `sha256` and what else the books shall hold. A known
        `call` is kept once. Raises `ForumError` where another source has that label.
        """
        with self._lock:
            lines = self._submissions.read()
            mine = [one for one in lines if (one["who"], one["call"]) == (line["who"], line["call"])]
            if mine:
                return mine[0]["n"], self._show_method(mine[0])
            taken = next((one for one in lines if one["label"] == line["label"]), None)
            if taken is not None and taken["sha256"] != line["sha256"]:
                raise ForumError(
                    f"{taken['who']} handed in another method called {line['label']}. Rename yours."
                )
            n = len(lines) + 1
            kept = Path("submissions") / f"{n:03d}" / f"{line['name']}.py"
            (self.folder / kept).parent.mkdir(parents=True, exist_ok=True)
            replace_file(self.folder / kept, code)
            clean = {key: one_line(line[key]) for key in ("title", "summary") if key in line}
            full = {"n": n, "file": kept.as_posix(), **line, **clean}
            self._submissions.append(full)
            return n, self._show_method(full)

    def submissions(self) -> list[dict[str, Any]]:
        """Every method that was handed in, oldest first."""
        return self._submissions.read()

    def _show_finding(self, line: Mapping[str, Any]) -> str:
        shown = visible(line["text"], limit=MOST_CHARACTERS, keep="\n\t")
        text = f"# {one_line(line['title'])}\n\n{line['kind']}, by {line['who']}\n\n{shown}\n"
        path = f"{SHARED}/findings/{line['n']:03d}-{line['who']}-{_plain(line['title'])}.md"
        return self._show(path, text)

    def _show_method(self, line: Mapping[str, Any]) -> str:
        code = (self.folder / line["file"]).read_text(encoding="utf-8", errors="replace")
        return self._show(f"{SHARED}/methods/{line['n']:03d}-{line['who']}-{_plain(line['name'])}.py", code)

    def _show(self, path: str, text: str) -> str:
        """Put a file into every workspace; whole or not at all."""
        for workspace in self.workspaces.values():
            target = workspace.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                replace_file(target, text.encode("utf-8"))
        return path


def one_line(text: str) -> str:
    """A title as others may be shown it: one line of characters that print."""
    return visible(" ".join(text.split()), limit=MOST_CHARACTERS) or "untitled"


def headline(line: Mapping[str, Any]) -> str:
    """A finding's first line, which says whose it is."""
    return f"{line['who']} ({line['kind']}): {one_line(line['title'])}"


def quoted(text: str) -> str:
    """A finding's text moved in, so that no line of it can pass for another finding's first."""
    shown = visible(text, limit=MOST_CHARACTERS, keep="\n\t")
    return "\n".join(f"    {part}" for part in shown.split("\n"))


def _plain(title: str) -> str:
    """A title as part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40] or "untitled"
