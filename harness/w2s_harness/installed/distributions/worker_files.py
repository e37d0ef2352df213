"""The files of a method: what is hashed, shown to guards and opened to its worker is this one list."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import posixpath
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from w2s_harness.contract.errors import PluginError
from w2s_harness.installed import small_files
from w2s_harness.installed.distributions import metadata, modules
from w2s_harness.installed.distributions.metadata import Entry

SKIPPED = frozenset({"__pycache__", ".w2s"})
"""Folders that are neither hashed nor opened: byte code is never run, a store is nobody's to read."""
_FRESH_NS = 2 * 10**9
"""A file that was changed this short a time ago may change again within one tick of its clock."""


@dataclass(frozen=True, slots=True)
class Most:
    """How much a method may bring."""

    files: int
    size: int
    """Bytes."""

    def __str__(self) -> str:
        return f"at most {self.files:,} files and {self.size // 2**20:,} MiB are allowed"


OWN = Most(20_000, 256 * 2**20)
"""Of its own distribution: guards read all of it."""
NEEDED = Most(200_000, 16 * 2**30)
"""Of what it needs."""


@dataclass(frozen=True, slots=True)
class File:
    """One ordinary file, or a symbolic link, which is hashed as what it says and never followed."""

    name: str
    """Relative, with `/`."""
    path: str
    link: str | None = None


def walked(tops: Iterable[tuple[str, Path]], whose: str, most: Most, *, hidden: bool) -> list[File]:
    """The files at and below some paths, each under the name that is given with it, sorted by name.

    What is neither a file, a folder nor a link is passed over, as are `SKIPPED` folders and, unless `hidden`,
    those of a name with a dot first and environments. Raises `PluginError` for more than `most` files and
    for a name that does not print.
    """
    found: dict[str, File] = {}
    todo = [(name, str(path)) for name, path in tops]
    seen = 0
    while todo:
        name, path = todo.pop()
        seen += 1
        if seen > 2 * most.files or len(found) > most.files:
            raise PluginError(f"{whose} holds over {most.files:,} files; {most}. Take out what is no code.")
        mode = _mode(path)
        if stat.S_ISDIR(mode):
            todo += _inside(name, path, hidden=hidden)
        elif stat.S_ISREG(mode):
            found[name] = File(name, path)
        elif stat.S_ISLNK(mode):
            found[name] = File(name, path, str(Path(path).readlink()))
    for name in found:
        if not name.isprintable():
            text = os.fsencode(name).decode("utf-8", "backslashreplace")
            shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
            raise PluginError(f"{whose}: the name of the file '{shown}' does not print. Rename it.")
    return [found[name] for name in sorted(found)]


def _mode(path: str) -> int:
    try:
        return os.lstat(path).st_mode
    except (OSError, ValueError):
        return 0


def _inside(name: str, path: str, *, hidden: bool) -> Iterator[tuple[str, str]]:
    if not hidden and os.path.lexists(os.path.join(path, "pyvenv.cfg")):  # noqa: PTH118 (a Path each is slow)
        return
    try:
        with os.scandir(path) as entries:
            inner = [entry.name for entry in entries]
    except OSError:
        return  # what we cannot list, a worker of ours cannot either
    for part in inner:
        if part not in SKIPPED and (hidden or not part.startswith(".")):
            yield f"{name}/{part}", f"{path}/{part}"


def digest(files: Sequence[File], whose: str, most: Most) -> str:
    """SHA-256 (hex) over names and contents. Raises `PluginError` for too many bytes, `OSError`."""
    whole = hashlib.sha256()
    left = most.size
    for file in files:
        if file.link is not None:
            inner = hashlib.sha256(b"link\0" + os.fsencode(file.link)).hexdigest()
        else:
            size, inner = _digest(file.path, left, whose, most)
            left -= size
        whole.update(f"{len(file.name)} {file.name}\0{inner}\n".encode())
    return whole.hexdigest()


def _digest(path: str, left: int, whose: str, most: Most) -> tuple[int, str]:
    try:
        status = os.lstat(path)
        if status.st_size > left:
            raise PluginError(
                f"{whose}: with {path} ({status.st_size / 2**20:,.0f} MiB) it is too large; {most}. "
                "Take out what is no code."
            )
        if time.time_ns() - status.st_ctime_ns < _FRESH_NS:
            return status.st_size, _read(path, status.st_size)
        stamp = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        return status.st_size, _hashed(path, stamp)
    except OSError as bad:
        raise PluginError(f"{whose}: {path} cannot be read: {bad.strerror or bad}") from bad


@functools.lru_cache(maxsize=2**17)
def _hashed(path: str, stamp: tuple[int, ...]) -> str:
    """Content of a file; once per state of it, since a board asks for every row."""
    return _read(path, stamp[2])


def _read(path: str, most: int) -> str:
    with os.fdopen(small_files.opened(path, most=most, follow=False), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def contents(files: Sequence[File], whose: str, most: Most) -> dict[str, bytes]:
    """What is in the files, by name, links aside. Raises `PluginError` as `digest`."""
    found: dict[str, bytes] = {}
    left = most.size
    for file in files:
        if file.link is None:
            try:
                found[file.name] = small_files.read(file.path, most=left, follow=False)
            except OSError as bad:
                raise PluginError(f"{whose}: {file.path} cannot be read: {bad}; {most}.") from bad
            left -= len(found[file.name])
    return found


_UNTOLD = frozenset({
    "RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json",
})  # fmt: skip
"""Files of a `.dist-info` folder that say how it was installed, not what is in it."""


def own_files(entry: Entry) -> list[File]:
    """The files of an installed method's distribution: those of its RECORD, or of its editable source.

    Raises `PluginError` where they are too many or a name does not print.
    """
    whose = f"{entry.distribution} {entry.version}"
    found = of_distribution(entry.info, whose, OWN)
    file = modules.module_file(entry)
    if file is None or modules.of(entry.info) is not None:
        return found
    if any(f.path == str(file) for f in found):
        return found
    # It is in it even where RECORD is missing or says nothing of it.
    top = _top(file, modules.import_folders(entry.info))
    return sorted({*found, *walked([(top.name, top)], whose, OWN, hidden=True)}, key=lambda f: f.name)


def needed_files(entry: Entry) -> list[File]:
    """The files of what a method needs (`Requires-Dist`, and theirs), as `own_files`."""
    whose = f"what {entry.distribution} {entry.version} needs"
    lists = [of_distribution(info, whose, NEEDED) for info in metadata.required(entry.info)]
    return sorted({file for files in lists for file in files}, key=lambda f: (f.name, f.path))


def of_distribution(info: Path, whose: str, most: Most) -> list[File]:
    """The files of a distribution that exist, by name. Raises as `own_files`."""
    project = modules.of(info)
    if project is not None:
        tops = [(top.relative_to(project.root).as_posix(), top) for top in project.tops]
        told = [(f"{info.name}/{name}", info / name) for name in ("METADATA", "entry_points.txt")]
        return walked([*tops, *told], whose, most, hidden=False)
    untold = {f"{info.name}/{name}" for name in _UNTOLD}
    paths = [p for p in metadata.own_files(info) if p not in untold and not SKIPPED & set(p.split("/"))]
    paths = [p for p in paths if "/" in p or not p.endswith(".pth")]
    strangers = metadata.claimed_by_others(info, paths, metadata.required(info))
    inside = _Inside(info.parent)
    tops = [(p, info.parent / p) for p in paths if p not in strangers and inside.holds(p)]
    return walked(tops, whose, most, hidden=True)


class _Inside:
    """Which paths of a RECORD are files, or links, and lie where they say, through no link."""

    def __init__(self, site: Path) -> None:
        self._site, self._home = site, os.path.realpath(site)
        self._known: dict[str, bool] = {}

    def holds(self, path: str) -> bool:
        folder = posixpath.dirname(path)
        if folder not in self._known:
            real = os.path.realpath(self._site / folder)
            self._known[folder] = real == os.path.normpath(os.path.join(self._home, folder))  # noqa: PTH118
        full = self._site / path
        return self._known[folder] and (full.is_symlink() or not full.is_dir())


def opened(entry: Entry) -> tuple[str, ...]:
    """What is opened to its worker beyond site-packages: modules and packages of editable projects."""
    projects = [modules.of(info) for info in (entry.info, *metadata.required(entry.info))]
    return tuple(str(top) for project in projects if project is not None for top in project.tops)


def imported_from(entry: Entry) -> tuple[str, ...]:
    """The folders from which an installed method and what it needs are imported."""
    infos = (entry.info, *metadata.required(entry.info))
    return tuple(dict.fromkeys(str(f) for info in infos for f in modules.import_folders(info)))


def own_packages() -> tuple[str, ...]:
    """The packages of w2s-harness: workers read parts of them, and no distribution's claim opens more."""
    specs = [importlib.util.find_spec(name) for name in ("w2s_harness", "w2s_plugins", "w2s_tasks")]
    return tuple(f for spec in specs if spec for f in spec.submodule_search_locations or ())


def closed_entries(entries: Iterable[Entry]) -> tuple[str, ...]:
    """The packages of trusted plugins, which no worker reads: tasks bring labels, pairs bring weights."""
    files = [(modules.module_file(e), modules.import_folders(e.info)) for e in entries if not e.is_shipped]
    return tuple(dict.fromkeys(str(_top(file, folders)) for file, folders in files if file is not None))


def _top(file: Path, folders: list[Path]) -> Path:
    """The outermost package that holds a module, below the folder that it is imported from."""
    for folder in folders:
        if folder in file.parents:
            return folder / file.relative_to(folder).parts[0]
    return Path(os.path.realpath(file)).parent
