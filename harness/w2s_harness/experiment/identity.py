"""What a stage's result depends on beside its inputs: code, library versions, model weights."""

from __future__ import annotations

import functools
import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import w2s_harness
from w2s_harness.errors import ModelError
from w2s_harness.experiment.store import Store, key_of
from w2s_harness.models import hub
from w2s_harness.models.places import locate
from w2s_harness.types import Model

_STAGES = {
    "all": ("",),
    "data": ("data", "types.py"),
    "features": (
        "models/loading.py",
        "models/weights.py",
        "models/chat.py",
        "models/wrappers.py",
        "models/places.py",
        "models/text.py",
        "models/readout.py",
        "models/zero_shot.py",
    ),
    "fit": (
        "models",
        "data/draw.py",
        "experiment/baselines.py",
        "experiment/reading.py",
        "experiment/tuning.py",
    ),
    "cell": (
        "models",
        "wire",
        "data",
        "student.py",
        "handles.py",
        "rows.py",
        "arguments.py",
        "isolation/worker.py",
        "isolation/importing.py",
        "isolation/loading.py",
        "isolation/noticing.py",
        "isolation/lockdown.py",
        "experiment/one_cell.py",
        "experiment/trained_on.py",
        "experiment/worlds.py",
        "experiment/own_worlds.py",
        "experiment/readouts.py",
        "scoring/own.py",
        "scoring/readouts.py",
        "experiment/releasing.py",
        "experiment/reading.py",
        "experiment/conversation.py",
    ),
    "null": ("experiment/nulls.py", "balance.py"),
    "vanilla-path": ("experiment/vanilla_path.py", "experiment/worlds.py"),
    "readouts": (
        "models",
        "wire",
        "data",
        "scoring/readouts.py",
        "experiment/reading.py",
        "experiment/host_fits.py",
        "experiment/readouts.py",
    ),
    "own": (
        "experiment/own_calibration.py",
        "data",
        "scoring/own.py",
        "scoring/readouts.py",
        "experiment/worlds.py",
        "experiment/own_worlds.py",
    ),
    "control": (
        "models",
        "wire",
        "data",
        "experiment/worlds.py",
        "experiment/own_worlds.py",
        "scoring/own.py",
        "scoring/readouts.py",
        "experiment/reading.py",
        "experiment/host_fits.py",
        "experiment/controls.py",
        "experiment/gold_oracle.py",
        "experiment/equal_compute.py",
    ),
}
_LIBRARIES = ("torch", "transformers", "numpy", "scipy", "peft")


@functools.cache
def code_version(stage: str) -> str:
    """Digest of the modules that a stage runs, and of the versions of the libraries under them."""
    root = Path(w2s_harness.__file__).parent
    digest = hashlib.sha256()
    for part in _STAGES[stage]:
        path = root / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(f"{file.relative_to(root)}\0".encode())
            digest.update(file.read_bytes())
    if stage != "data":
        digest.update(repr(library_versions()).encode())
    return digest.hexdigest()


def library_versions() -> dict[str, str | None]:
    """The installed versions of the libraries that compute."""
    return {name: _version(name) for name in _LIBRARIES}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def model_identity(model: Model, store: Store) -> dict[str, Any]:
    """What identifies a model whose files are here: the digest of what is read of them, and its commit.

    `revision` and `commit` are the model's own; a hub id must name a commit (`looking.Looks` sees to it). The
    digest is remembered under the files' places, sizes, inodes and times of change, so that big weights are
    read once. Raises `ModelError` for a model that is not here.
    """
    place = locate(model)
    if place is None:
        raise ModelError(
            f"'{model.source}' is not in the hub's cache; name its commit, or run it online once"
        )
    files = _files_read(place)
    # The time of change, unlike that of modification, cannot be set back by a copy.
    seen = [(str(f), s.st_size, s.st_ino, s.st_mtime_ns, s.st_ctime_ns) for f in files if (s := f.stat())]
    key = key_of("model-digest", seen)
    digest = store.get(key)
    if digest is None:
        digest = _digest(files, place)
        store.put(key, digest)
    is_of_hub = hub.is_commit(model.revision)
    source = model.source if is_of_hub else "/".join(place.parts[-3:])
    return {"source": source, "revision": model.revision, "commit": model.revision, "sha256": digest}


def _files_read(place: Path) -> list[Path]:
    """The files of a model that loading may read: neither notes beside them nor checkpoints in folders."""
    if not place.is_dir():
        return [place]
    return sorted({f for pattern in hub.PATTERNS for f in place.glob(pattern) if f.is_file()})


def _digest(files: list[Path], place: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            inner = hashlib.file_digest(stream, "sha256").hexdigest()
        digest.update(f"{file.relative_to(place) if place.is_dir() else file.name}\0{inner}\n".encode())
    return digest.hexdigest()
