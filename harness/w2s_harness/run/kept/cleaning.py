"""What can be removed from a store: runs that a user is done with, and results that no run left uses."""

from __future__ import annotations

import datetime
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from w2s_harness.contract.errors import DataError, StoreError, UsageError
from w2s_harness.data.disk import read_bytes, replace_file, writing
from w2s_harness.run.kept import attempt_lines, runs, uses
from w2s_harness.run.kept.store import FORMAT, digests, log_lines

_OBJECT = re.compile(r"[0-9a-f]{64}(\.[a-z]+)?")
_HOURS = {"h": 1, "d": 24, "w": 24 * 7}
_STALE_S = 3600.0
_GONE = ".gone-"


@dataclass(frozen=True, slots=True)
class Removable:
    """What would be removed."""

    runs: Sequence[Path]
    left: int
    """Runs that stay."""
    results: Sequence[Path]
    """Files of results that nothing left refers to."""
    leftovers: Sequence[Path]
    """What a killed command left half-made."""
    log: bytes | None
    """The new log; None where no line of it goes."""
    lines: int
    """Lines of the log that go."""
    size: int
    """Bytes that all of it takes."""
    silent: Sequence[str] = ()
    """Runs that stay and do not say what they use, so that all results stay."""

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to remove."""
        return not (self.runs or self.results or self.leftovers or self.lines)


def age(text: str) -> datetime.timedelta:
    """`30d`, `12h` or `2w` as a time; a number alone is days. Raises `UsageError`."""
    found = re.fullmatch(r"([0-9]{1,5})\s*([hdw]?)", text.strip())
    if found is None:
        raise UsageError(f"--older-than {text[:40]}: give an age as 30d, 12h or 2w")
    return datetime.timedelta(hours=int(found[1]) * _HOURS[found[2] or "d"])


def survey(
    root: Path, *, older_than: datetime.timedelta | None, keep: int | None, now: datetime.datetime
) -> Removable:
    """What would be removed from the store at `root`; removes nothing.

    Of runs those that are older than `older_than` and not among the `keep` newest; none where neither is
    given. Raises `UsageError` where there is no store, `StoreError` where it cannot be read.
    """
    _check(root)
    every = runs.all_runs(root / "runs")
    going = [run for run in _chosen(every, older_than, keep, now) if not uses.is_working(run.folder)]
    staying = [run for run in every if run not in going]
    used = {run.id: uses.keys_of(run.folder) for run in staying}
    silent = [name for name, keys in used.items() if keys is None]
    # of what runs use that do not say, nobody knows what is needed
    needed = None if silent else attempt_lines.keys_of(root).union(*filter(None, used.values()))
    log, lines, wanted = _log(root, needed)
    results = [
        path
        for path in sorted((root / "objects").glob("??/*"))
        if _OBJECT.fullmatch(path.name) and path.name.partition(".")[0] not in wanted and not path.is_dir()
    ]
    leftovers = list(_leftovers(root))
    folders = [run.folder for run in going]
    size = sum(map(_size, (*folders, *results, *leftovers)))
    if log is not None:
        size += (root / "log.jsonl").stat().st_size - len(log)
    return Removable(folders, len(staying), results, leftovers, log, lines, size, silent)


def free(root: Path, found: Removable) -> None:
    """Remove what was found. The caller holds the store alone. Raises `StoreError`.

    A kill in between leaves a whole store: the log forgets results before their files go.
    """
    with writing(root):
        if found.log is not None:
            replace_file(root / "log.jsonl", found.log)
        for path in found.results:
            path.unlink(missing_ok=True)
        for folder in found.runs:
            if folder.is_symlink():
                folder.unlink()
                continue
            hidden = folder.with_name(f"{_GONE}{folder.name}")
            folder.rename(hidden)
            shutil.rmtree(hidden)
        for path in found.leftovers:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)


def _check(root: Path) -> None:
    """Nothing is removed from what is no store, or one whose format may mean something else."""
    file = root / "store.json"
    try:
        found = msgspec.json.decode(read_bytes(file, 2**16, "It is no store."), type=dict[str, int])
    except (DataError, msgspec.DecodeError, UnicodeDecodeError):
        raise UsageError(f"{root}: there is no store of w2s-harness here. Name one with --store.") from None
    if found.get("format", FORMAT + 1) > FORMAT:
        raise StoreError(f"{file}: the store is of a newer w2s-harness. Clean it with that.")


def _chosen(
    every: Sequence[runs.Run],
    older_than: datetime.timedelta | None,
    keep: int | None,
    now: datetime.datetime,
) -> list[runs.Run]:
    if older_than is None and keep is None:
        return []
    old = every[: max(0, len(every) - (keep or 0))]
    return [run for run in old if older_than is None or now - runs.started(run.folder) > older_than]


def _log(root: Path, needed: set[str] | None) -> tuple[bytes | None, int, set[str]]:
    """The log without lines that nobody needs, how many go, and digests of the files that the rest names.

    :param needed: the keys of those that stay; None: all.
    """
    try:
        data = (root / "log.jsonl").read_bytes()
    except FileNotFoundError:
        return None, 0, set()
    except OSError as bad:
        raise StoreError(f"{root / 'log.jsonl'}: cannot be read ({bad.strerror}).") from bad
    last: dict[str, bytes] = {}
    count = 0
    for key, line in log_lines(data):
        count += 1
        if needed is None or key in needed:
            last.pop(key, None)
            last[key] = line
    wanted = {digest for line in last.values() for digest in digests(line)}
    gone = count - len(last)
    return (b"".join(line + b"\n" for line in last.values()) if gone else None), gone, wanted


def _leftovers(root: Path) -> Iterator[Path]:
    """Files and folders that a killed writer left, old enough that none is at work on them."""
    hidden = [p for p in (root / "runs").glob(".*") if p.is_dir()] if (root / "runs").is_dir() else []
    for path in sorted({*root.glob("objects/*/.tmp-*"), *root.glob(".tmp-*"), *hidden}):
        if time.time() - path.lstat().st_mtime > _STALE_S or path.name.startswith(_GONE):
            yield path


def _size(path: Path) -> int:
    if path.is_dir() and not path.is_symlink():
        return sum(p.lstat().st_size for p in path.rglob("*") if not p.is_dir())
    return path.lstat().st_size
