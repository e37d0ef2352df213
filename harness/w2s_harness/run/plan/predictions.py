"""Predictions that were computed elsewhere: a JSON-lines file in the place of a method.

A line is `{"id": ..., "p": ...}` with an id that `export-rows` gave and P(label = 1), or with a `seed` too.
The host scores them as it scores a method's; where they came from, nobody here knows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from w2s_harness.contract.errors import DataError, UsageError
from w2s_harness.contract.plan import PlannedMethod
from w2s_harness.data.disk import HEAD, check_head, decoded
from w2s_harness.data.reading.strict_json import struct_of
from w2s_harness.installed import sources
from w2s_harness.run.plan.specs import Spec

PREDICTIONS_ONLY: Literal["predictions-only"] = "predictions-only"
"""Their isolation: no method ran."""
_MEND = 'Write {"id": ..., "p": 0 to 1}.'
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class _PredictionLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the file."""

    id: str
    p: Annotated[float, Meta(ge=0, le=1)]
    seed: Annotated[int, Meta(ge=0)] | None = None


@dataclass(frozen=True, slots=True)
class Predictions:
    """A file's content."""

    name: str
    """The file, as the user gave it."""
    by_seed: Mapping[int | None, Mapping[str, float]]
    """P(label = 1) by row id, by seed; under None alone where no line has a seed: the same for all."""
    lines: Mapping[tuple[int | None, str], int]
    """Where each stands, from 1."""

    def of(self, seed: int) -> Mapping[str, float]:
        """What holds for a seed."""
        return self.by_seed.get(seed, self.by_seed.get(None, {}))


def planned(spec: Spec, taken: Mapping[str, Any]) -> PlannedMethod:
    """The method that stands for a file of predictions, called as the file; `taken` are names of methods.

    Raises `UsageError` for a file that cannot be read or named so, `DataError` with file and line for one
    that breaks the format.
    """
    path = Path(spec.name)
    if spec.parameters:
        raise UsageError(f"{spec.name}: a file of predictions takes no parameters")
    if not _NAME.fullmatch(path.stem):
        raise UsageError(f"{spec.name}: its row would be called '{path.stem}'. Use letters, digits, . _ -")
    if path.stem in taken:
        raise UsageError(f"{spec.name}: the name '{path.stem}' is an installed method's. Rename the file.")
    source = replace(sources.from_file(path), module="")
    parse(source.code or b"", spec.name)
    return PlannedMethod(path.stem, path.stem, source, {}, track="unknown")


def parse(data: bytes, name: str) -> Predictions:
    """The predictions in a file's bytes. Raises `DataError`, one line with `name` and the line."""
    by_seed: dict[int | None, dict[str, float]] = {}
    lines: dict[tuple[int | None, str], int] = {}
    check_head(data[:HEAD], name)
    for number, row in enumerate(data.split(b"\n"), 1):
        if not row.strip():
            continue
        text = decoded(row.rstrip(), f"{name}:{number}")
        line = struct_of(text, _PredictionLine, name, line=number, mend=_MEND)
        known = lines.get((line.seed, line.id))
        if known is not None:
            raise DataError(f"{name}:{number}: the row {line.id!r} stands in line {known} too. Keep one.")
        if by_seed and (line.seed is None) != (None in by_seed):
            raise DataError(f"{name}:{number}: some lines have a seed and some have none. Give all or none.")
        by_seed.setdefault(line.seed, {})[line.id] = line.p
        lines[line.seed, line.id] = number
    if not lines:
        raise DataError(f'{name}: no predictions in it. Write a line {{"id": ..., "p": ...}} for each row.')
    return Predictions(name, by_seed, lines)
