"""An agent's own folder, files by relative path and nothing beyond, and what agents tell each other there."""

from __future__ import annotations

import errno
import os
import re
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from w2s_harness.data.disk import replace_file
from w2s_harness.jail.showing import visible
from w2s_studies.agents.books.journal import Journal

SHARED = "shared"
"""Its part that everybody reads and nobody writes."""
FILE_BYTES = 2**20
FILES = 200
TOTAL_BYTES = 20 * 2**20
_PATH_CHARACTERS = 200
_PART_BYTES = 100
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class WorkspaceError(Exception):
    """What an agent asked for cannot be; one sentence that it is told."""


class Workspace:
    """Files of one agent. Every part of a path is opened by itself and never through a link.

    Raises `WorkspaceError` for a path that leaves it, for links, for what is no plain file of UTF-8 text,
    and where it would hold too much. No name begins with a dot: such files are half written ones.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / SHARED).mkdir(parents=True, exist_ok=True)

    def files(self) -> dict[str, int]:
        """The bytes of every plain file, by path."""
        found = {}
        for folder, names, files in os.walk(self.root, followlinks=False):
            names[:] = [name for name in names if not name.startswith(".")]
            for path in (Path(folder) / name for name in files if not name.startswith(".")):
                facts = path.lstat()
                if stat.S_ISREG(facts.st_mode):
                    found[path.relative_to(self.root).as_posix()] = facts.st_size
        return dict(sorted(found.items()))

    def read(self, path: str) -> str:
        """A file's text."""
        try:
            return self.read_bytes(path).decode("utf-8")
        except UnicodeDecodeError:
            raise WorkspaceError(f"{path} is no UTF-8 text") from None

    def read_bytes(self, path: str) -> bytes:
        """A file's bytes, at most `FILE_BYTES`."""
        *folders, name = _parts(path)
        with self._folder(folders, path, make=False) as at:
            return _read(name, at, path)

    def write(self, path: str, text: str) -> None:
        """Make or replace a file."""
        *folders, name = _parts(path)
        if [*folders, name][0] == SHARED:
            raise WorkspaceError(f"{path}: {SHARED}/ is read only; share_finding and submit put things there")
        try:
            body = text.encode("utf-8")
        except UnicodeEncodeError:
            why = "the text holds half of a surrogate pair, which is no UTF-8"
            raise WorkspaceError(f"{path}: {why}") from None
        if len(body) > FILE_BYTES:
            raise WorkspaceError(f"{path}: {len(body)} bytes are over the {FILE_BYTES} that a file may have")
        self._check_room("/".join([*folders, name]), len(body))
        with self._folder(folders, path, make=True) as at:
            _replace(name, body, at, path)

    def edited(self, path: str, old: str, new: str) -> str:
        """A file's text with the one place where `old` stands replaced; the file stays as it is."""
        text = self.read(path)
        count = text.count(old) if old else 0
        if count != 1:
            raise WorkspaceError(f"{path}: the text to replace stands there {count} times, not once")
        return text.replace(old, new)

    def plain(self, path: str) -> str:
        """The one way in which a path is spelled: `./shared//a.md` is `shared/a.md`."""
        return "/".join(_parts(path))

    def _check_room(self, path: str, size: int) -> None:
        found = self.files().items()
        own = [n for name, n in found if not name.startswith(f"{SHARED}/") and name != path]
        if len(own) >= FILES or sum(own) + size > TOTAL_BYTES:
            raise WorkspaceError(
                f"{path}: a workspace holds at most {FILES} files and {TOTAL_BYTES // 2**20} MiB"
            )

    @contextmanager
    def _folder(self, folders: list[str], path: str, *, make: bool) -> Iterator[int]:
        """An open descriptor of a folder inside, reached without links."""
        at = os.open(self.root, _DIRECTORY)
        try:
            for name in folders:
                try:
                    if make:
                        with suppress(FileExistsError):
                            os.mkdir(name, 0o755, dir_fd=at)
                    inner = os.open(name, _DIRECTORY, dir_fd=at)
                except OSError as bad:
                    raise WorkspaceError(_said(path, bad)) from None
                os.close(at)
                at = inner
            yield at
        finally:
            os.close(at)


def _parts(path: str) -> list[str]:
    pure = PurePosixPath(path)
    parts = list(pure.parts)
    bad = not parts or pure.is_absolute() or ".." in parts or "\0" in path or "\\" in path
    if bad or len(path) > _PATH_CHARACTERS or not path.isprintable():
        raise WorkspaceError(
            f"{path[:80]!r} is no path inside the workspace. Give a relative one without '..'."
        )
    for part in parts:
        if part.startswith(".") or len(part.encode()) > _PART_BYTES:
            raise WorkspaceError(f"{part!r} is no name here: at most {_PART_BYTES} bytes, no dot in front")
    return parts


def _read(name: str, at: int, path: str) -> bytes:
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
    except OSError as bad:
        raise WorkspaceError(_said(path, bad)) from None
    facts = os.fstat(file)
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
        os.close(file)
        raise WorkspaceError(f"{path} is no plain file of this workspace's")
    with os.fdopen(file, "rb") as opened:
        body = opened.read(FILE_BYTES + 1)
    if len(body) > FILE_BYTES:
        raise WorkspaceError(f"{path} is over {FILE_BYTES} bytes")
    return body


def _replace(name: str, body: bytes, at: int, path: str) -> None:
    """Write beside and rename over, so that a link of that name is replaced and never followed."""
    hidden = f".{name}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        try:
            file = os.open(hidden, flags, 0o644, dir_fd=at)
        except FileExistsError:
            os.unlink(hidden, dir_fd=at)
            file = os.open(hidden, flags, 0o644, dir_fd=at)
        with os.fdopen(file, "wb") as opened:
            opened.write(body)
        os.rename(hidden, name, src_dir_fd=at, dst_dir_fd=at)
    except OSError as bad:
        with suppress(OSError):
            os.unlink(hidden, dir_fd=at)
        raise WorkspaceError(_said(path, bad)) from None


def _said(path: str, bad: OSError) -> str:
    if bad.errno in (errno.ELOOP, errno.ENOTDIR):
        return f"{path} leads through a link or a file; a workspace has neither"
    if bad.errno == errno.ENOENT:
        return f"{path}: there is no such file"
    return f"{path}: {bad.strerror}"


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
