"""Entry points of installed distributions, without importing any of them.

Only the interpreter's own site-packages are read: never the working directory, never `PYTHONPATH`.
"""

from __future__ import annotations

import json
import os
import site
import sys
import sysconfig
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, PathDistribution
from pathlib import Path

from w2s_harness.errors import PluginError

TRUSTED = "w2s_harness"
METHODS = "w2s_harness.methods"
OURS = "w2s-harness"


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


def site_folders() -> list[Path]:
    """The interpreter's site-packages folders that exist, without duplicates, in `sys.path` order."""
    paths = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()]
    if site.ENABLE_USER_SITE:
        paths.append(site.getusersitepackages())
    if _sees_system_packages():
        paths += [p for p in sys.path if p.startswith(sys.base_prefix) and p.endswith("-packages")]
    unique = dict.fromkeys(os.path.realpath(p) for p in paths)
    return [Path(p) for p in unique if os.path.isdir(p)]  # noqa: PTH112 (a Path each is slow)


def entries(group: str, *, folders: list[Path] | None = None) -> list[Entry]:
    """The entry points of `group`, sorted by name.

    Raises `PluginError` where two distributions offer one name; ours cannot be taken.
    """
    found: dict[str, Entry] = {}
    for entry in sorted(_scan(group, folders), key=lambda e: (e.name, not e.is_shipped, e.distribution)):
        other = found.setdefault(entry.name, entry)
        if other is not entry and other.distribution != entry.distribution:
            raise PluginError(
                f"two distributions offer '{entry.name}' in the group {group}: {other} and {entry}. "
                "Uninstall one of them."
            )
    return list(found.values())


def _scan(group: str, folders: list[Path] | None) -> Iterator[Entry]:
    seen: set[str] = set()
    for folder in site_folders() if folders is None else folders:
        for name in sorted(os.listdir(folder)):  # noqa: PTH208 (a Path each is slow)
            if not name.endswith(".dist-info") or name in seen:
                continue
            seen.add(name)
            yield from _of_distribution(folder / name, group)


def _of_distribution(info: Path, group: str) -> Iterator[Entry]:
    try:
        text = (info / "entry_points.txt").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    if f"[{group}]" not in text:
        return
    distribution = PathDistribution(info)
    name = distribution.metadata["Name"].lower().replace("_", "-").replace(".", "-")
    for point in _points(distribution):
        if point.group == group:
            yield Entry(
                point.name, point.value.partition(":")[0].strip(), group, name, distribution.version, info
            )


def _points(distribution: PathDistribution) -> list[EntryPoint]:
    return list(distribution.entry_points)


def _sees_system_packages() -> bool:
    config = Path(sys.prefix) / "pyvenv.cfg"
    try:
        text = config.read_text(encoding="utf-8")
    except OSError:
        return False
    return "include-system-site-packages = true" in text.lower()


def editable_root(info: Path) -> Path | None:
    """The project folder of an editable install, else None."""
    try:
        record = json.loads((info / "direct_url.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not record.get("dir_info", {}).get("editable"):
        return None
    return Path(urllib.parse.unquote(urllib.parse.urlparse(record.get("url", "")).path))


def import_folders(info: Path) -> list[Path]:
    """The folders from which a distribution's modules are imported."""
    folders = [info.parent]
    if editable_root(info) is not None:
        for line in installed_files(info):
            if line.endswith(".pth"):
                folders += _pth_folders(info.parent / line)
    return folders


def _pth_folders(path: Path) -> list[Path]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [Path(line) for line in map(str.strip, lines) if line and Path(line).is_dir()]


def installed_files(info: Path) -> list[str]:
    """The paths that the distribution's RECORD names, relative to its site-packages folder."""
    try:
        text = (info / "RECORD").read_text(encoding="utf-8")
    except OSError:
        return []
    return [row.rsplit(",", 2)[0].strip('"') for row in text.splitlines() if row]


def module_file(entry: Entry) -> Path | None:
    """Where the entry's module lies on disk, found without importing its packages."""
    relative = Path(*entry.module.split("."))
    for folder in import_folders(entry.info):
        for candidate in (folder / relative.with_suffix(".py"), folder / relative / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None
