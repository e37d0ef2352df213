"""Entry points of installed distributions, without importing any of them.

Only the interpreter's own site-packages are read: never the working directory, never `PYTHONPATH`.
"""

from __future__ import annotations

import json
import os
import re
import site
import sys
import sysconfig
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, PathDistribution
from pathlib import Path
from typing import Any

from w2s_harness.errors import PluginError, UsageError

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


def environment_folder(environment: Path) -> Path:
    """The site-packages of a virtual environment, found without running its `python`.

    Raises `UsageError` where it has none, or is of another minor version of Python than this one.
    """
    wanted = f"python{sys.version_info.major}.{sys.version_info.minor}"
    folder = environment / "lib" / wanted / "site-packages"
    if folder.is_dir():
        return folder.resolve()
    others = sorted(p.parent.name for p in environment.glob("lib/python*/site-packages"))
    if others:
        raise UsageError(
            f"--methods-env {environment}: is of {others[0]}, workers run {wanted}. Make it with that."
        )
    raise UsageError(
        f"--methods-env {environment}: no virtual environment: it has no lib/{wanted}/site-packages"
    )


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
    # A half-removed distribution has no METADATA: its folder's name says both.
    name, version = (info.name.removesuffix(".dist-info").partition("-")[i] for i in (0, 2))
    about: Any = distribution.metadata or {}
    name, version = about.get("Name") or name, about.get("Version") or version
    for point in _points(distribution):
        if point.group == group:
            module = point.value.partition(":")[0].strip()
            yield Entry(point.name, module, group, normalised(name), version, info)


def normalised(name: str) -> str:
    """A distribution's name as PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


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
    """The project folder of an editable install, else None.

    An install from an editable wheel has no `direct_url.json` that says so; its `.pth` names folders instead.
    """
    try:
        record = json.loads((info / "direct_url.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        record = {}
    if record.get("dir_info", {}).get("editable"):
        return Path(urllib.parse.unquote(urllib.parse.urlparse(record.get("url", "")).path))
    return next(iter(_source_folders(info)), None)


def import_folders(info: Path) -> list[Path]:
    """The folders from which a distribution's modules are imported."""
    return [info.parent, *_source_folders(info)]


def _source_folders(info: Path) -> list[Path]:
    """The folders that the distribution's `.pth` files add to `sys.path`."""
    files = [line for line in installed_files(info) if line.endswith(".pth")]
    return [folder for line in files for folder in _pth_folders(info.parent / line)]


def _pth_folders(path: Path) -> list[Path]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    folders = [path.parent / line for line in map(str.strip, lines) if line]
    return [folder for folder in folders if folder.is_dir()]


def installed_files(info: Path) -> list[str]:
    """The paths that the distribution's RECORD names, relative to its site-packages folder."""
    try:
        text = (info / "RECORD").read_text(encoding="utf-8")
    except OSError:
        return []
    return [row.rsplit(",", 2)[0].strip('"') for row in text.splitlines() if row]


def offers(info: Path, group: str) -> bool:
    """Whether a distribution has entry points of `group`."""
    return any(point.group == group for point in PathDistribution(info).entry_points)


def distribution_name(info: Path) -> str:
    """A distribution's name, from its folder's."""
    return normalised(info.name.partition("-")[0])


def required(info: Path) -> list[Path]:
    """The installed distributions that this one needs (`Requires-Dist`, and theirs), extras aside.

    w2s-harness itself and what only it needs are left out.
    """
    beside = {distribution_name(p): p for p in sorted(info.parent.glob("*.dist-info"))}
    found: dict[str, Path] = {}
    todo = [info]
    while todo:
        for line in PathDistribution(todo.pop()).requires or ():
            name = normalised(re.match(r"[\w.-]*", line)[0])  # type: ignore[index]
            if name in found or name == OURS or name not in beside or "extra ==" in line:
                continue
            found[name] = beside[name]
            todo.append(beside[name])
    return list(found.values())


def module_file(entry: Entry) -> Path | None:
    """Where the entry's module lies on disk, found without importing its packages."""
    relative = Path(*entry.module.split("."))
    for folder in import_folders(entry.info):
        for candidate in (folder / relative.with_suffix(".py"), folder / relative / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None
