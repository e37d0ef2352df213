"""What a method's worker must be able to read of its distribution: top-level names, never all of a folder."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path

from w2s_harness.discovery import metadata
from w2s_harness.discovery.metadata import Entry


def of_entry(entry: Entry) -> tuple[str, ...]:
    """The folders and files of an installed method and of what it needs (`Requires-Dist`, and theirs).

    By RECORD; of an editable install, the folders that its `.pth` names.
    """
    paths: list[Path] = []
    for info in (entry.info, *metadata.required(entry.info)):
        paths += top_level(info)
        paths += _editable_folders(info)
    file = metadata.module_file(entry)
    if file is not None:
        paths.append(_top(file, metadata.import_folders(entry.info)))
    return tuple(dict.fromkeys(map(str, paths)))


def own_packages() -> tuple[str, ...]:
    """The packages of w2s-harness: workers read parts of them, and no distribution's claim opens more."""
    specs = [importlib.util.find_spec(name) for name in ("w2s_harness", "w2s_plugins", "w2s_tasks")]
    return tuple(f for spec in specs if spec for f in spec.submodule_search_locations or ())


def _editable_folders(info: Path) -> list[Path]:
    """The folders that an editable install's `.pth` names, as far as they lie in its project."""
    root = metadata.editable_root(info)
    if root is None or root.resolve() in (Path("/"), Path.home().resolve()):
        return []
    inside = [folder.resolve() for folder in metadata.import_folders(info)[1:]]
    return [folder for folder in inside if root.resolve() in (folder, *folder.parents)]


def closed_entries(entries: Iterable[Entry]) -> tuple[str, ...]:
    """The packages of trusted plugins, which no worker reads: tasks bring labels, pairs bring weights."""
    files = [(metadata.module_file(e), metadata.import_folders(e.info)) for e in entries if not e.is_shipped]
    return tuple(dict.fromkeys(str(_top(file, folders)) for file, folders in files if file is not None))


def top_level(info: Path) -> list[Path]:
    """The first parts of the paths in a distribution's RECORD that lie beside it and are there."""
    first = {name.partition("/")[0] for name in metadata.installed_files(info)}
    names = sorted(n for n in first | {info.name} if n not in ("", ".", "..", "__pycache__"))
    paths = [info.parent / n for n in names if not n.endswith(".pth") and "\\" not in n]
    return [p for p in paths if p.exists() and not p.is_symlink()]


def _top(file: Path, folders: list[Path]) -> Path:
    """The outermost package that holds a module, below the folder that it is imported from."""
    for folder in folders:
        if folder in file.parents:
            return folder / file.relative_to(folder).parts[0]
    return Path(os.path.realpath(file)).parent
