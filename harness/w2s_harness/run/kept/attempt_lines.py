"""The lines of a store's log of attempts, and what of the store they ask for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from w2s_harness.contract.plan import Value
from w2s_harness.data.disk import whole_lines, writing
from w2s_harness.run.kept.store import key_of

FILE = "attempts.jsonl"
Key = tuple[str, str, str, str]
"""Holdout, source, method, parameters."""


class AttemptLine(msgspec.Struct, frozen=True):
    """One line of the log."""

    holdout: str
    """`holdout` of the setting."""
    task: str
    pair: str
    method: str
    sha256: str
    parameters: dict[str, Value]
    p: float | None
    models: str = ""
    """What identifies the pair's models; empty in a line of before, which counts by `holdout` alone."""

    @property
    def key(self) -> Key:
        """What one attempt is told from another by."""
        return (self.holdout, self.sha256, self.method, canonical(self.parameters))


def read(file: Path) -> list[AttemptLine]:
    """The lines of a log; those that are cut off or foreign are passed over."""
    with writing(file.parent):
        return whole_lines(file, AttemptLine)


def keys_of(root: Path) -> set[str]:
    """The keys of the store at `root` that its log of attempts asks for: the rows of every holdout."""
    return {rows_key(line.holdout) for line in read(root / FILE)}


def rows_key(where: str) -> str:
    """Under which key the store keeps the digests of a holdout's rows."""
    return key_of("holdout-rows", where)


def canonical(parameters: Mapping[str, Any]) -> str:
    """Parameters as one text, the same for the same values."""
    return json.dumps(dict(parameters), sort_keys=True)
