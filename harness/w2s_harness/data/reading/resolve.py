"""From a path on the command line to a task, and to a digest of what stands behind it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from w2s_harness.contract.errors import DataError, UsageError
from w2s_harness.contract.types import Task
from w2s_harness.data.disk import absence, open_regular, shown
from w2s_harness.data.reading.file_task import FileTask, FolderTask, missing, near
from w2s_harness.data.reading.yaml_task import YamlTask

_YAML = (".yaml", ".yml")


def data_task(path: str | Path) -> Task:
    """The task in a folder of the published layout, or in a .yaml or .yml file.

    Reads the YAML and the first row only. Raises `DataError` for a path that does not exist and for what
    `FolderTask` and `YamlTask` refuse; `UsageError` for a file of another kind.
    """
    path = Path(path)
    if missing(path):
        raise DataError(f"{shown(path)}: no such file or folder{near(path)}. Check the path.")
    if path.is_dir():
        return FolderTask(path)
    if path.is_symlink() and not path.exists():
        raise DataError(f"{shown(path)}: {absence(path)}")
    if path.suffix.lower() in _YAML:
        return YamlTask(path)
    what = "a task is a folder or a .yaml file"
    raise UsageError(f"{shown(path)}: {what}. Put `file: {path.name}` into a YAML and name that.")


def source_digest(task: Task) -> str | None:
    """sha256 (hex) over the bytes of a file task's files and its settings; None for other tasks.

    Equal digests mean equal prepared data under one limit, so that a cached run need not parse the files.
    Names of files and folders do not count. Raises `DataError` for a file that cannot be read.
    """
    if not isinstance(task, FileTask):
        return None
    sizes = dict(sorted(task.sizes.items())) if task.sizes is not None else None
    names = dict(sorted(task.columns.names.items()))
    files: list[tuple[str | None, str]] = []
    for split, path in task.files.items():
        with open_regular(path) as file:
            files.append((split, hashlib.file_digest(file, "sha256").hexdigest()))
    settings: list[Any] = ["w2s-harness/source/1", task.kind, names, task.columns.group, sizes, files]
    if task.columns.panel:
        settings.append(list(task.columns.panel))
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()
