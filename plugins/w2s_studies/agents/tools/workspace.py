"""An agent's own folder: its files by relative path, and nothing beyond."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

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


@dataclass(frozen=True, slots=True)
class WorkspaceFile:
    """A file in a workspace."""

    path: str
    size: int
    """Bytes."""


class Workspace:
    """Files of one agent. Every part of a path is opened by itself and never through a link.

    Raises `WorkspaceError` for a path that leaves it, for links, for what is no plain file of UTF-8 text,
    and where it would hold too much. No name begins with a dot: such files are half written ones.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / SHARED).mkdir(parents=True, exist_ok=True)

    def files(self) -> list[WorkspaceFile]:
        """Every plain file, by path."""
        found = []
        for folder, names, files in os.walk(self.root, followlinks=False):
            names[:] = [name for name in names if not name.startswith(".")]
            for path in (Path(folder) / name for name in files if not name.startswith(".")):
                facts = path.lstat()
                if stat.S_ISREG(facts.st_mode):
                    found.append(WorkspaceFile(path.relative_to(self.root).as_posix(), facts.st_size))
        return sorted(found, key=lambda entry: entry.path)

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
        *folders, name = self._writable(path)
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

    def _writable(self, path: str) -> list[str]:
        parts = _parts(path)
        if parts[0] == SHARED:
            raise WorkspaceError(f"{path}: {SHARED}/ is read only; share_finding and submit put things there")
        return parts

    def _check_room(self, path: str, size: int) -> None:
        own = [e for e in self.files() if not e.path.startswith(f"{SHARED}/") and e.path != path]
        if len(own) >= FILES or sum(e.size for e in own) + size > TOTAL_BYTES:
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
