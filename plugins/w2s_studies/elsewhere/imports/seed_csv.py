"""Accuracies by seed as CSV: a folder for each setting, a file for each of weak, ceiling and the methods."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from w2s_harness.contract.errors import DataError
from w2s_harness.data.disk import read_bytes, shown, text_of
from w2s_studies.elsewhere.imports.leaderboard import Imported, ImportedRow, ImportedSetting

WEAK, CEILING, VANILLA = "weak", "ceiling", "vanilla"
COLUMNS = ("seed", "accuracy", "rows")
"""The first two are needed; `rows` is the holdout's size, the same on every line of a setting."""
MAX_BYTES = 2**24
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
"""Python takes `0_1`, `nan` and the digits of every script for a number too."""
_LAYOUT = "TASK/weak.csv, TASK/ceiling.csv and TASK/METHOD.csv"


@dataclass(frozen=True, slots=True)
class _Column:
    """One file."""

    path: Path
    by_seed: dict[int, float]
    n_rows: int | None
    digest: str


def read_folder(root: Path) -> Imported:
    """The settings below a folder: `TASK/FILE.csv`, `TASK/PAIR/FILE.csv`, or the files of one in it.

    A setting is a folder that holds `weak.csv`; each other file but `ceiling.csv` is a method, called as the
    file. Raises `DataError`, one line with file and line, for what is not of this form.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder. Name a folder that holds {_LAYOUT}.")
    # not rglob, which passes over a link that leads nowhere
    walked = os.walk(root, onerror=_refused)
    found = sorted(Path(folder) for folder, _, names in walked if f"{WEAK}.csv" in names)
    folders = [folder for folder in found if len(folder.relative_to(root).parts) <= 2]
    if not folders:
        raise DataError(f"{root}: no results in it. Name a folder that holds {_LAYOUT}.")
    files: dict[str, str] = {}
    settings = []
    for folder in folders:
        columns = {path.stem: _read(path) for path in sorted(folder.glob("*.csv"))}
        files |= {c.path.relative_to(root).as_posix(): c.digest for c in columns.values()}
        settings.append(_setting(root, folder, columns))
    ids = [s.id for s in settings]
    twice = next((name for name in ids if ids.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{root}: two folders are the setting {twice}. Rename one.")
    return Imported(form="csv", settings=settings, files=files)


def _refused(bad: OSError) -> None:
    raise DataError(f"{bad.filename}: cannot be read ({bad.strerror}). Check the folder.")


def _setting(root: Path, folder: Path, columns: dict[str, _Column]) -> ImportedSetting:
    for name in (WEAK, CEILING):
        if name not in columns:
            raise DataError(f"{folder}: no {name}.csv in it. Add it.")
    methods = {name: column for name, column in columns.items() if name not in (WEAK, CEILING)}
    if not methods:
        raise DataError(f"{folder}: no METHOD.csv beside weak.csv and ceiling.csv. Add one.")
    known = [column for column in columns.values() if column.n_rows is not None]
    for column in known[1:]:
        if column.n_rows != known[0].n_rows:
            raise DataError(
                f"{column.path}: {column.n_rows} holdout rows, {known[0].n_rows} in {known[0].path.name}. "
                "One setting has one holdout."
            )
    parts = folder.relative_to(root).parts or (root.resolve().name,)
    return ImportedSetting(
        task=parts[0],
        pair=parts[1] if len(parts) > 1 else "unknown",
        weak=columns[WEAK].by_seed,
        ceiling=columns[CEILING].by_seed,
        n_rows=known[0].n_rows if known else None,
        rows=[ImportedRow(method=name, transfer=column.by_seed) for name, column in methods.items()],
        reference=VANILLA,
    )


def _read(path: Path) -> _Column:
    data = read_bytes(path, MAX_BYTES, "One line per seed is meant.")
    by_seed: dict[int, float] = {}
    sizes: set[int] = set()
    for at, seed, accuracy, rows in _lines(path, data):
        if seed in by_seed:
            raise DataError(f"{at}: seed {seed} stands twice. Keep one line.")
        by_seed[seed] = accuracy
        sizes |= {rows} if rows is not None else set()
        if len(sizes) > 1:
            raise DataError(f"{at}: {rows} holdout rows, another number above. One setting has one holdout.")
    if not by_seed:
        raise DataError(f"{path}: no line below the head. Add `seed,accuracy` lines.")
    ordered = {seed: by_seed[seed] for seed in sorted(by_seed)}
    return _Column(path, ordered, next(iter(sizes), None), hashlib.sha256(data).hexdigest())


def _lines(path: Path, data: bytes) -> Iterator[tuple[str, int, float, int | None]]:
    """(where, seed, accuracy, rows) of every line below the head."""
    text = text_of(data, shown(path), takes_mark=True)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        head = tuple(cell.strip() for cell in next(reader, []))
        if head not in (COLUMNS[:2], COLUMNS):
            other = next((mark for mark in ";\t|" if len(head) == 1 and mark in head[0]), None)
            mend = "Write it." if other is None else f"Separate columns by `,`, not by {other!r}."
            raise DataError(f"{path}:1: the head is not `seed,accuracy` or `seed,accuracy,rows`. {mend}")
        for cells in reader:
            at = f"{path}:{reader.line_num}"
            if len(cells) != len(head):
                raise DataError(f"{at}: {len(cells)} values where the head has {len(head)}. Mend the line.")
            yield at, _seed(cells[0], at), _accuracy(cells[1], at), _rows(cells[2:], at)
    except csv.Error as bad:
        raise DataError(f"{path}:{reader.line_num}: not CSV: {bad}. Mend the line.") from None


def _seed(text: str, at: str) -> int:
    number = text.strip(" ")
    if not (number.isascii() and number.isdigit() and len(number) < 20):
        raise DataError(f"{at}: the seed {text[:20]!r} is no whole number from 0 up. Mend it.")
    return int(number)


def _accuracy(text: str, at: str) -> float:
    number = text.strip(" ")
    if not (len(number) < 400 and _NUMBER.fullmatch(number) and 0 <= float(number) <= 1):
        raise DataError(f"{at}: the accuracy {text[:20]!r} is no number in [0, 1]. Mend it.")
    return abs(float(number))


def _rows(cells: list[str], at: str) -> int | None:
    if not cells:
        return None
    text = cells[0].strip(" ")
    if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) >= 2):
        raise DataError(f"{at}: the rows {text[:20]!r} are no whole number from 2 up. Mend it.")
    return int(text)
