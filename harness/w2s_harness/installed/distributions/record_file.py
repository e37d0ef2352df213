"""The files of an installed distribution as its RECORD lists them, and its metadata, read with care."""

from __future__ import annotations

import csv
import functools
import io
import os
import posixpath
import re
from collections.abc import Iterable
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

from w2s_harness.installed import small_files

MOST_RECORD = 64 * 2**20
"""Bytes of a RECORD; that of a library with 10,000 files has one."""


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


def points(info: Path, group: str) -> list[EntryPoint]:
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


def requires(info: Path) -> list[str]:
    """Its `Requires-Dist` lines."""
    try:
        return list(Info(info).requires or ())
    except (TypeError, ValueError):
        return []


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
    for name in sorted(os.listdir(info.parent)):  # noqa: PTH208 (a Path each is slow)
        if name.endswith(".dist-info") and name not in kin:
            found |= wanted & _recorded(info.parent / name, _stamp(info.parent / name / "RECORD"))
    return frozenset(found)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


@functools.lru_cache(maxsize=1024)
def _recorded(info: Path, _: tuple[int, int] | None) -> frozenset[str]:
    return frozenset(own_files(info))


def normalised(name: str) -> str:
    """A distribution's name as PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()
