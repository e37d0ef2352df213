"""What identifies a model: the digest of its files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.types import Model
from w2s_harness.run.kept.store import Store, key_of
from w2s_harness.students.checkpoints import hub
from w2s_harness.students.checkpoints.places import locate


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
