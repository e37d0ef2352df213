"""What a method's worker must be able to read of its distribution: files by name, never all of a folder."""

from __future__ import annotations

import importlib.util
import os
import posixpath
from collections.abc import Iterable
from pathlib import Path

from w2s_harness.installed.distributions import contents, editable, metadata, record_file
from w2s_harness.installed.distributions.contents import File, Most
from w2s_harness.installed.distributions.editable import Editable
from w2s_harness.installed.distributions.metadata import Entry

_UNTOLD = frozenset({
    "RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json",
})  # fmt: skip
"""Files of a `.dist-info` folder that say how it was installed, not what is in it."""


def own_files(entry: Entry) -> list[File]:
    """The files of an installed method's distribution: those of its RECORD, or of its editable source.

    Raises `PluginError` where they are too many or a name does not print.
    """
    found = of_distribution(entry.info, f"{entry.distribution} {entry.version}", contents.OWN)
    file = metadata.module_file(entry)
    if file is None or editable.of(entry.info) is not None:
        return found
    # It is in it even where RECORD is missing or says nothing of it.
    top = _top(file, metadata.import_folders(entry.info))
    is_recorded = any(f.path == str(file) for f in found)
    return found if is_recorded else sorted({*found, *_walked(entry, top)}, key=lambda f: f.name)


def _walked(entry: Entry, top: Path) -> list[File]:
    whose = f"{entry.distribution} {entry.version}"
    return contents.walked([(top.name, top)], whose, contents.OWN, hidden=True)


def needed_files(entry: Entry) -> list[File]:
    """The files of what a method needs (`Requires-Dist`, and theirs), as `own_files`."""
    whose = f"what {entry.distribution} {entry.version} needs"
    lists = [of_distribution(info, whose, contents.NEEDED) for info in metadata.required(entry.info)]
    return sorted({file for files in lists for file in files}, key=lambda f: (f.name, f.path))


def of_distribution(info: Path, whose: str, most: Most) -> list[File]:
    """The files of a distribution that exist, by name. Raises as `own_files`."""
    project = editable.of(info)
    if project is not None:
        tops = [(top.relative_to(project.root).as_posix(), top) for top in project.tops]
        told = [(f"{info.name}/{name}", info / name) for name in ("METADATA", "entry_points.txt")]
        return contents.walked([*tops, *told], whose, most, hidden=False)
    paths = [p for p in record_file.own_files(info) if not _is_untold(p, info) and not _is_hook(p)]
    paths = [p for p in paths if not contents.SKIPPED & set(p.split("/"))]
    strangers = record_file.claimed_by_others(info, paths, metadata.required(info))
    inside = _Inside(info.parent)
    tops = [(p, info.parent / p) for p in paths if p not in strangers and inside.holds(p)]
    return contents.walked(tops, whose, most, hidden=True)


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


def _is_untold(path: str, info: Path) -> bool:
    folder, _, name = path.partition("/")
    return folder == info.name and name in _UNTOLD


def _is_hook(path: str) -> bool:
    return "/" not in path and path.endswith(".pth")


def opened(entry: Entry) -> tuple[str, ...]:
    """What is opened to its worker beyond site-packages: modules and packages of editable projects."""
    return tuple(str(top) for project in _projects(entry) for top in project.tops)


def _projects(entry: Entry) -> list[Editable]:
    infos = (entry.info, *metadata.required(entry.info))
    return [project for info in infos if (project := editable.of(info)) is not None]


def imported_from(entry: Entry) -> tuple[str, ...]:
    """The folders from which an installed method and what it needs are imported."""
    infos = (entry.info, *metadata.required(entry.info))
    return tuple(dict.fromkeys(str(f) for info in infos for f in metadata.import_folders(info)))


def own_packages() -> tuple[str, ...]:
    """The packages of w2s-harness: workers read parts of them, and no distribution's claim opens more."""
    specs = [importlib.util.find_spec(name) for name in ("w2s_harness", "w2s_plugins", "w2s_tasks")]
    return tuple(f for spec in specs if spec for f in spec.submodule_search_locations or ())


def closed_entries(entries: Iterable[Entry]) -> tuple[str, ...]:
    """The packages of trusted plugins, which no worker reads: tasks bring labels, pairs bring weights."""
    files = [(metadata.module_file(e), metadata.import_folders(e.info)) for e in entries if not e.is_shipped]
    return tuple(dict.fromkeys(str(_top(file, folders)) for file, folders in files if file is not None))


def _top(file: Path, folders: list[Path]) -> Path:
    """The outermost package that holds a module, below the folder that it is imported from."""
    for folder in folders:
        if folder in file.parents:
            return folder / file.relative_to(folder).parts[0]
    return Path(os.path.realpath(file)).parent
