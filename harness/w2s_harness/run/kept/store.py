"""The store: arrays as files named by the digest of their bytes, scalars as lines of an append-only log.

Layout of a store (`.w2s/`): `store.json` (its format), `log.jsonl` (one `{"k": key, "v": value}` a line),
`objects/ab/abcd....npy` and `.bin`, `runs/ID/`. The host is the only writer; two hosts at once are safe,
since lines are appended whole and objects are renamed into place.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import DataError, StoreError
from w2s_harness.data.disk import add_lines, kind_of, open_lines, read_bytes, replace_file, writing
from w2s_harness.run.kept.uses import KEYS, Uses, hold

FORMAT = 1
_LONGEST = 2**16
_STALE_S = 3600.0
_FSYNC_EVERY_S = 0.25


def key_of(stage: str, inputs: Any) -> str:
    """The content address of a stage: sha256 over its name and its inputs as canonical JSON."""
    return hashlib.sha256(canonical([stage, inputs]).encode()).hexdigest()


def canonical(value: Any) -> str:
    """The canonical JSON that keys are made of. Raises `ValueError` for a number that is not finite."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """A result as it stands in a store."""

    facts: dict[str, Any]
    files: Mapping[str, Mapping[str, str]]
    """The arrays with a file of their own."""
    together: Mapping[str, str] | None
    """The file of all others."""
    rest: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of all arrays."""
        return (*self.files, *self.rest)


class Store:
    """Results by key. Safe for threads of one process and for several processes at once."""

    def __init__(self, root: Path, *, warn: Callable[[str], None] = lambda _: None) -> None:
        """Open the store at `root`, or make one for its owner alone (0700).

        Raises `StoreError` for one written by a newer version, for what is no store, and where nothing can be
        written.
        """
        self.root = root
        self.objects = root / "objects"
        self.runs = root / "runs"
        self._warn = warn
        self._lock = threading.Lock()
        self._synced = 0.0
        self._uses = Uses()
        self._seen: dict[Path, tuple[int, ...]] = {}
        self._check_format()
        with writing(root):
            self._held = hold(root)
            self.objects.mkdir(parents=True, exist_ok=True)
            self.runs.mkdir(exist_ok=True)
            self._log = open_lines(root / "log.jsonl")
        if not stat.S_ISREG(os.fstat(self._log).st_mode):
            raise StoreError(f"{root / 'log.jsonl'}: not a regular file. Name another store with --store.")
        with os.fdopen(os.dup(self._log), "rb") as file:
            file.seek(0)
            self._index = dict(log_lines(file.read()))
        self._sweep()

    def get(self, key: str) -> Any | None:
        """The value put under `key`, or None."""
        line = self._index.get(key)
        if line is not None:
            self._uses.note(key)
        try:
            return None if line is None else msgspec.json.decode(line)["v"]
        except (msgspec.DecodeError, KeyError):
            # A line that was torn behind an inner brace.
            self._warn(
                f"{self.root / 'log.jsonl'}: a torn line is dropped; its result will be computed again"
            )
            self._index.pop(key, None)
            return None

    def put(self, key: str, value: Any) -> None:
        """Append a value of plain JSON types. Raises `StoreError` where the disk is full."""
        line = msgspec.json.encode({"k": key, "v": value}) + b"\n"
        with self._lock, writing(self.root):
            add_lines(self._log, line)
            if time.monotonic() - self._synced > _FSYNC_EVERY_S:
                os.fsync(self._log)
                self._synced = time.monotonic()
        self._index[key] = line
        self._uses.note(key)

    def tell(self, run: Path) -> None:
        """Note in a run's folder what is asked of the store for it, from the start of this process."""
        with writing(self.root):
            self._uses.write_to(run / KEYS)

    def path(self, key: str) -> Path | None:
        """The checked file put under `key`, or None where there is none or its bytes have changed."""
        record = self.get(key)
        if record is None:
            return None
        return self._place(record) if self._checked(record, _digest) else None

    def data(self, key: str) -> bytes | None:
        """The checked bytes put under `key`, or None as for `path`; what was hashed is what is returned."""
        record = self.get(key)
        return None if record is None else self._bytes(record)

    def _bytes(self, record: Mapping[str, str]) -> bytes | None:
        found: list[bytes] = []

        def digest(file: IO[bytes]) -> str:
            found.append(file.read())
            return hashlib.sha256(found[0]).hexdigest()

        return found[0] if self._checked(record, digest) else None

    def _checked(self, record: Mapping[str, str], digest: Callable[[Any], str]) -> bool:
        path = self._place(record)
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
                same = digest(file) == record["sha256"]
        except OSError as bad:
            what = "is a link" if bad.errno == errno.ELOOP else "gone from the store"
            self._warn(f"{path}: {what}; it will be computed again")
            return False
        if not same:
            self._warn(f"{path}: its bytes have changed since they were written; it will be computed again")
            with suppress(OSError):
                path.unlink()
            return False
        return True

    def put_bytes(self, key: str, data: bytes, suffix: str = ".bin") -> Path:
        """Write bytes atomically under the digest of their content, and that digest under `key`."""
        record = self._write(data, suffix)
        self.put(key, record)
        return self._place(record)

    def _write(self, data: bytes, suffix: str) -> dict[str, str]:
        record = {"sha256": hashlib.sha256(data).hexdigest(), "suffix": suffix}
        path = self._place(record)
        with writing(self.root):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, data)
        return record

    def put_array(self, key: str, array: npt.NDArray[Any]) -> Path:
        """Write an array as `.npy`; as `put_bytes`."""
        return self.put_bytes(key, npy(array), ".npy")

    def array(self, key: str) -> npt.NDArray[Any] | None:
        """The array put under `key`, or None."""
        data = self.data(key)
        return None if data is None else _from_npy(data)

    def put_record(
        self, key: str, facts: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], *, apart: Set[str]
    ) -> None:
        """Put a result under `key`, whole or not at all: its arrays in files, then the line that names them.

        Those of `apart` have a file of their own, the rest one together. Raises `StoreError` as `put`.
        """
        own = {name: self._write(npy(array), ".npy") for name, array in arrays.items() if name in apart}
        rest = {name: npy(array) for name, array in arrays.items() if name not in apart}
        together = self._write(msgspec.msgpack.encode(rest), ".arrays") if rest else None
        self.put(key, {"facts": facts, "files": own, "together": together, "names": sorted(rest)})

    def kept(self, key: str, *, checked: bool = True) -> Kept | None:
        """The result put under `key`, or None where there is none.

        None too, if `checked`, where one of its files is not as it was.
        """
        value = self.get(key)
        if not isinstance(value, dict) or "facts" not in value:
            return None
        found = Kept(value["facts"], value["files"], value["together"], tuple(value["names"]))
        named = [*found.files.values(), *([found.together] if found.together else [])]
        return found if not checked or all(map(self._is_sound, named)) else None

    def file_of(self, kept: Kept, name: str) -> Path | None:
        """The checked file of an array that has one of its own; None as for `path`."""
        record = kept.files[name]
        return self._place(record) if self._is_sound(record) else None

    def array_of(self, kept: Kept, name: str) -> npt.NDArray[Any] | None:
        """An array of a result; None as for `path`."""
        record = kept.files.get(name) or kept.together
        data = None if record is None else self._bytes(record)
        if data is None:
            return None
        return _from_npy(data if name in kept.files else msgspec.msgpack.decode(data)[name])

    def _is_sound(self, record: Mapping[str, str]) -> bool:
        """Whether a file of a result is as it was; its bytes count once for as long as nobody touches it."""
        path = self._place(record)
        try:
            seen = path.lstat()
        except OSError:
            return self._checked(record, _digest)
        mark = (seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
        if self._seen.get(path) == mark:
            return True
        if not self._checked(record, _digest):
            return False
        self._seen[path] = mark
        return True

    def sync(self) -> None:
        """Make everything that was put survive a power cut."""
        with writing(self.root):
            self._uses.flush()
            os.fsync(self._log)

    def close(self) -> None:
        """Sync and close; a later `put` is refused."""
        log, self._log = self._log, -1
        held, self._held = self._held, -1
        with writing(self.root):
            try:
                self._uses.close()
                os.fsync(log)
            finally:
                os.close(log)
                os.close(held)

    def _place(self, record: Mapping[str, str]) -> Path:
        digest = record["sha256"]
        return self.objects / digest[:2] / f"{digest}{record['suffix']}"

    def _check_format(self) -> None:
        file = self.root / "store.json"
        if os.path.lexists(self.root) and not self.root.is_dir():
            kind = "a link to nowhere"
            if self.root.exists():
                kind = kind_of(self.root.stat().st_mode) or "a file"
            raise StoreError(
                f"{self.root}: not a store of w2s-harness but {kind}. Name a folder with --store."
            )
        if not os.path.lexists(file):
            with writing(self.root):
                # what stands in it is its owner's: predictions, drawn data seeds, what was asked of a task
                self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
                replace_file(file, json.dumps({"format": FORMAT}).encode())
            return
        try:
            found = json.loads(read_bytes(file, _LONGEST, "It is no store's.")).get("format")
        except (DataError, ValueError, AttributeError) as bad:
            raise StoreError(
                f"{file}: not a store of w2s-harness ({bad}). Name another with --store."
            ) from bad
        if not isinstance(found, int) or found > FORMAT:
            raise StoreError(
                f"{file}: the store has format {found}, this w2s-harness reads up to {FORMAT}. "
                "Upgrade w2s-harness, or name another store with --store."
            )

    def _sweep(self) -> None:
        """Remove what a killed writer left half-written."""
        for path in self.root.glob("**/.tmp-*"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _STALE_S:
                    path.unlink()


def npy(array: npt.NDArray[Any]) -> bytes:
    """An array as the bytes of an `.npy` file."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _from_npy(data: bytes) -> npt.NDArray[Any]:
    found: npt.NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    return found


def _digest(file: Any) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()


def digests(line: bytes) -> set[str]:
    """The files that a line of the log names."""
    try:
        value = msgspec.json.decode(line)["v"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return set()
    if not isinstance(value, dict):
        return set()
    files = value.get("files")
    named = [value, value.get("together"), *(files.values() if isinstance(files, dict) else ())]
    found = (record.get("sha256") for record in named if isinstance(record, dict))
    return {digest for digest in found if isinstance(digest, str)}


def log_lines(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The keys and whole lines of a log's bytes; torn ones are left out."""
    for line in data.split(b"\n"):
        if line.startswith(b'{"k":"') and line.endswith(b"}"):
            yield line[6 : line.index(b'"', 6)].decode("ascii", "replace"), line
