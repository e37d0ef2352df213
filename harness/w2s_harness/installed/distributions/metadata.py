"""Entry points of installed distributions, without importing any of them.

Only the interpreter's own site-packages are read: never the working directory, never `PYTHONPATH`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from w2s_harness.contract.errors import PluginError, UsageError
from w2s_harness.contract.plan.method_source import OURS as OURS
from w2s_harness.installed.distributions import editable, record_file, redirecting
from w2s_harness.installed.distributions.record_file import installed_files, normalised
from w2s_harness.installed.distributions.site_folders import site_folders

TRUSTED = "w2s_harness"
METHODS = "w2s_harness.methods"
SHARED = ("numpy", "scipy", "msgspec", "pluggy")
"""Distributions that every worker may use."""


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


def entries(
    group: str, *, folders: list[Path] | None = None, twins: dict[str, str] | None = None
) -> list[Entry]:
    """The entry points of `group`, sorted by name.

    :param twins: takes, by name, what is wrong where two distributions that are not ours offer one name.

    Raises `PluginError` for a name of two distributions where `twins` is not given; ours cannot be taken.
    """
    found: dict[str, Entry] = {}
    for entry in sorted(_scan(group, folders), key=lambda e: (e.name, not e.is_shipped, e.distribution)):
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


def _scan(group: str, folders: list[Path] | None) -> Iterator[Entry]:
    seen: set[str] = set()
    for folder in site_folders() if folders is None else folders:
        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208 (a Path each is slow)
        except OSError:
            continue
        for name in names:
            if not name.endswith(".dist-info") or name in seen or not name.isprintable():
                continue
            seen.add(name)
            yield from _of_distribution(folder / name, group)


def _of_distribution(info: Path, group: str) -> Iterator[Entry]:
    points = record_file.points(info, group)
    if not points:
        return
    name, version = record_file.name_and_version(info)
    if not f"{name}{version}".isprintable():
        return
    for point in points:
        module = point.value.partition(":")[0].strip()
        yield Entry(point.name, module, group, normalised(name), version, info)


def import_folders(info: Path) -> list[Path]:
    """The folders from which a distribution's modules are imported: also an editable one that is honoured.

    Our own may come from an editable wheel, of which pip does not say so; its `.pth` names folders instead.
    """
    if _is_ours(info):
        return [info.parent, *_pth_folders(info)]
    found = editable.of(info)
    return [info.parent, *(found.imported_from if found is not None else ())]


def _is_ours(info: Path) -> bool:
    return distribution_name(info) == OURS == normalised(record_file.name_and_version(info)[0])


def _pth_folders(info: Path) -> list[Path]:
    """The folders that the `.pth` files of a distribution add to `sys.path`; asked of what is trusted."""
    files = [info.parent / line for line in installed_files(info) if line.endswith(".pth")]
    folders = [file.parent / line for file in files for line in redirecting.pth_lines(file) or []]
    return [folder for folder in folders if folder.is_dir()]


def offers(info: Path, group: str) -> bool:
    """Whether a distribution has entry points of `group`."""
    return bool(record_file.points(info, group))


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
        for line in record_file.requires(todo.pop()):
            name = normalised(re.match(r"[\w.-]*", line)[0])  # type: ignore[index]
            if name in found or name in (OURS, *SHARED) or name not in beside or "extra ==" in line:
                continue
            found[name] = beside[name]
            todo.append(beside[name])
    return list(found.values())


def module_file(entry: Entry) -> Path | None:
    """Where the entry's module lies on disk, found without importing its packages."""
    parts = entry.module.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    folders = import_folders(entry.info)
    if entry.group == TRUSTED:
        # The host imports it, so from wherever the interpreter does.
        folders += _pth_folders(entry.info)
    for folder in folders:
        relative = folder.joinpath(*parts)
        for candidate in (relative.with_suffix(".py"), relative / "__init__.py"):
            if _is_inside(candidate, folder, entry):
                return candidate
    return None


def _is_inside(candidate: Path, folder: Path, entry: Entry) -> bool:
    """Whether it is there, and no link leads out of the folder; our own packages may be links."""
    try:
        if not candidate.is_file():
            return False
    except OSError:
        return False
    home = os.path.realpath(folder)
    return entry.is_shipped or os.path.realpath(candidate).startswith(home.rstrip("/") + "/")
