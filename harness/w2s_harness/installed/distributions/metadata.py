"""Installed distributions: their entry points, and what their metadata and RECORD say; nothing is imported.

Only the interpreter's own site-packages are read: never the working directory, never `PYTHONPATH`.
"""

from __future__ import annotations

import csv
import functools
import io
import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

from w2s_harness.contract.errors import PluginError
from w2s_harness.contract.plan import OURS as OURS
from w2s_harness.installed import small_files
from w2s_harness.installed.distributions.site_folders import info_folders, site_folders

TRUSTED = "w2s_harness"
METHODS = "w2s_harness.methods"
SHARED = ("numpy", "scipy", "msgspec", "pluggy")
"""Distributions that every worker may use."""
MOST_RECORD = 64 * 2**20
"""Bytes of a RECORD; that of a library with 10,000 files has one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry point: a name that flags take, and the module behind it."""

    name: str
    module: str
    group: str
    distribution: str
    version: str
    info: Path
    """The distribution's `.dist-info` folder."""

    @property
    def is_shipped(self) -> bool:
        """Whether w2s-harness itself offers it."""
        return self.distribution == OURS

    def __str__(self) -> str:
        return f"{self.distribution} {self.version} ({self.name} = {self.module})"


def entries(
    group: str, *, folders: list[Path] | None = None, twins: dict[str, str] | None = None
) -> list[Entry]:
    """The entry points of `group`, sorted by name.

    :param twins: takes, by name, what is wrong where two distributions that are not ours offer one name.

    Raises `PluginError` for a name of two distributions where `twins` is not given; ours cannot be taken.
    """
    found: dict[str, Entry] = {}
    scanned = _scan(group, site_folders() if folders is None else folders)
    for entry in sorted(scanned, key=lambda e: (e.name, not e.is_shipped, e.distribution)):
        other = found.setdefault(entry.name, entry)
        if other is not entry and other.distribution != entry.distribution:
            why = (
                f"two distributions offer '{entry.name}' in the group {group}: {other} and {entry}. "
                "Uninstall one of them."
            )
            if twins is None or other.is_shipped:
                raise PluginError(why)
            twins[entry.name] = why
    return list(found.values())


def _scan(group: str, folders: Iterable[Path]) -> Iterator[Entry]:
    for info in info_folders(folders):
        points = _points(info, group)
        name, version = name_and_version(info) if points else ("", "")
        if f"{name}{version}".isprintable():
            for point in points:
                module = point.value.partition(":")[0].strip()
                yield Entry(point.name, module, group, normalised(name), version, info)


# -- what a distribution says of itself --------------------------------------------------------------------


class Info(Distribution):
    """A `.dist-info` folder as `importlib.metadata` reads it, without waiting for pipes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read_text(self, filename: str) -> str | None:
        """A file of the folder, or None."""
        try:
            return small_files.text(self._folder / filename)
        except (OSError, UnicodeDecodeError):
            return None

    def locate_file(self, path: str | os.PathLike[str]) -> Path:
        """Where a file of RECORD lies."""
        return self._folder.parent / path


def _points(info: Path, group: str) -> list[EntryPoint]:
    """The entry points of a group; none where they cannot be read."""
    text = Info(info).read_text("entry_points.txt")
    if text is None or f"[{group}]" not in text:
        return []
    return [point for point in all_points(info) if point.group == group]


def all_points(info: Path) -> list[EntryPoint]:
    """The entry points of a distribution whose names print; none where they cannot be read."""
    try:
        return [point for point in Info(info).entry_points if f"{point.name}{point.value}".isprintable()]
    except (ValueError, AttributeError, TypeError):
        return []


def name_and_version(info: Path) -> tuple[str, str]:
    """A distribution's name and version; a half-removed one has no METADATA: its folder's name says both."""
    name, _, version = info.name.removesuffix(".dist-info").partition("-")
    try:
        about = Info(info).metadata
        return about["Name"] or name, about["Version"] or version
    except (TypeError, KeyError, ValueError, AttributeError):
        return name, version


def installed_files(info: Path) -> list[str]:
    """The paths that RECORD names, relative to the site-packages folder, as they are written there."""
    return _rows(info) or []


def is_readable(info: Path) -> bool:
    """Whether RECORD says what was installed; one that is missing says nothing, and hides nothing."""
    return _rows(info) is not None or not os.path.lexists(info / "RECORD")


def _rows(info: Path) -> list[str] | None:
    try:
        body = small_files.text(info / "RECORD", most=MOST_RECORD)
        return [row[0] for row in csv.reader(io.StringIO(body, newline="")) if row and row[0]]
    except (OSError, UnicodeDecodeError, csv.Error):
        return None


def own_files(info: Path) -> list[str]:
    """The paths of RECORD inside its site-packages folder, normalised, byte code in `__pycache__` aside."""
    paths = dict.fromkeys(map(posixpath.normpath, installed_files(info)))
    return [
        p for p in paths if not p.startswith(("/", "..")) and p != "." and "__pycache__" not in p.split("/")
    ]


def claimed_by_others(info: Path, paths: Iterable[str], beside: Iterable[Path]) -> frozenset[str]:
    """Those of `paths` that the RECORD of another distribution of the folder, `beside` aside, names too."""
    wanted = frozenset(paths)
    kin = {info.name, *(other.name for other in beside)}
    found: set[str] = set()
    for other in info.parent.glob("*.dist-info"):
        if other.name not in kin:
            with suppress(OSError):
                status = (other / "RECORD").stat()
                found |= wanted & _recorded(other, (status.st_mtime_ns, status.st_size))
    return frozenset(found)


@functools.lru_cache(maxsize=1024)
def _recorded(info: Path, _: tuple[int, int]) -> frozenset[str]:
    return frozenset(own_files(info))


def offers(info: Path, group: str) -> bool:
    """Whether a distribution has entry points of `group`."""
    return bool(_points(info, group))


def distribution_name(info: Path) -> str:
    """A distribution's name, from its folder's."""
    return normalised(info.name.partition("-")[0])


def required(info: Path) -> list[Path]:
    """The installed distributions that this one needs (`Requires-Dist`, and theirs), extras aside.

    w2s-harness itself, what every worker may use (`SHARED`), and what only these need are left out.
    """
    beside = {distribution_name(p): p for p in sorted(info.parent.glob("*.dist-info"))}
    found: dict[str, Path] = {}
    todo = [info]
    while todo:
        lines: list[str] = []
        with suppress(TypeError, ValueError):
            lines = Info(todo.pop()).requires or []
        for line in lines:
            name = normalised(re.match(r"[\w.-]*", line)[0])  # type: ignore[index]
            if name in found or name in (OURS, *SHARED) or name not in beside or "extra ==" in line:
                continue
            found[name] = beside[name]
            todo.append(beside[name])
    return list(found.values())


def normalised(name: str) -> str:
    """A distribution's name as PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()
