"""Where a model's files are: a folder, a file, inside an installed package, or in the hub's cache."""

from __future__ import annotations

import contextlib
import importlib.util
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.types import Model
from w2s_harness.students.checkpoints import fetching, hub

PACKAGE = "package:"
"""Sources `package:NAME/PATTERN` lie inside an installed package, or where `fetch` put its files."""

_GGUF = ("gguf", "accelerate")
"""What transformers reads a .gguf file through."""


def locate(settings: Model) -> Path | None:
    """The file or folder that holds the model, or None for a hub id that is not in the hub's cache.

    A hub id is looked up under its commit only: a branch is a name that moves (`hub.resolve`). Reads nothing
    of the model. Raises `ModelError` for a path that is no model and for a package that is not installed.
    """
    source = settings.source
    path = Path(_in_package(source) if source.startswith(PACKAGE) else source).expanduser()
    if path.is_dir():
        return path
    if path.exists():
        if path.suffix not in (".gguf", ".zip"):
            raise ModelError(f"'{source}' is no model: name a folder, a .gguf file or a hub id")
        return path
    if path.is_symlink():
        raise ModelError(f"'{source}' is no model: it is a link to {path.readlink()}, which is not there")
    if not is_hub_id(source):
        hint = "" if "/" in source else "; a hub id is OWNER/NAME"
        raise ModelError(f"'{source}' is no model: there is no such file or folder{hint}")
    return hub.snapshot(source, settings.revision)


def is_hub_id(source: str) -> bool:
    """Whether a source that is no file may be a hub id: `owner/name`."""
    is_path = source.startswith((".", "/", "~")) or source.endswith((".gguf", ".zip"))
    return not is_path and not source.startswith(PACKAGE) and source.count("/") == 1


@contextlib.contextmanager
def unpacked(settings: Model) -> Iterator[tuple[Path, dict[str, str]]]:
    """The folder to load from, and what `from_pretrained` needs besides.

    Raises `ModelError`, also for a hub id whose commit is not in the cache: nothing is downloaded here.
    """
    path = locate(settings)
    if path is None:
        raise ModelError(
            f"'{settings.source}' at {settings.revision or 'no named commit'} is not in the hub's cache"
        )
    if path.suffix == ".gguf":
        for needed in _GGUF:
            if importlib.util.find_spec(needed) is None:
                raise ModelError(
                    f"'{settings.source}': a .gguf file is read through the package {needed}, which is not "
                    "installed; pip install 'w2s-harness[smollm2]'"
                )
        yield path.parent, {"gguf_file": path.name}
    elif path.suffix == ".zip":
        with tempfile.TemporaryDirectory(prefix="w2s-model-") as folder:
            try:
                with zipfile.ZipFile(path) as archive:
                    archive.extractall(folder)
            except (zipfile.BadZipFile, OSError) as bad:
                raise ModelError(
                    f"'{settings.source}' is no model: the archive cannot be read: {bad}"
                ) from bad
            yield Path(folder), {}
    else:
        yield path, {}


def _in_package(source: str) -> str:
    name, _, pattern = source.removeprefix(PACKAGE).partition("/")
    # find_spec of a top-level name does not import it: the model packages do work when imported.
    spec = importlib.util.find_spec(name)
    installed = [] if spec is None else list(spec.submodule_search_locations or ())
    folders = [Path(folder) for folder in installed] or [fetching.cache() / name]
    for folder in filter(Path.is_dir, folders):
        found = sorted(folder.glob(pattern)) if pattern else [folder]
        if len(found) == 1:
            return str(found[0])
    if installed:
        raise ModelError(f"'{source}': the package {name} does not hold exactly one such file")
    known = fetching.set_of(name)
    mend = f"`w2s-harness fetch {known}` brings it" if known else f"install the package that holds {name}"
    raise ModelError(f"'{source}': the package {name} is not installed; {mend}")
