"""Who reviewed which source, and what they decided: a file of people, beside the store.

`w2s-reviews.jsonl` lies in the folder that holds the store, so that it outlives the store and can be kept
under version control. A line is a sign-off; lines are only ever added, and the last one for a method and the
SHA-256 of its source holds. Code that was changed has another digest, so nobody has signed it.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta

from w2s_harness.contract.errors import DataError
from w2s_harness.contract.plan import PlannedMethod, Value
from w2s_harness.data.disk import HEAD, append, check_head, decoded, read_bytes, writing
from w2s_harness.data.reading.strict_json import struct_of
from w2s_harness.installed.distributions.metadata import OURS
from w2s_harness.report.document.document import Leaderboard, label
from w2s_harness.report.document.provenance import Review

FILE = "w2s-reviews.jsonl"
MAX_BYTES = 2**26
"""A longer file is refused."""
_MEND = "Take the line out, or write it as `w2s-harness review` does."

Word = Annotated[str, Meta(min_length=1, max_length=2000, pattern=r"\S")]


class SignOff(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the file."""

    decision: Literal["accept", "reject"]
    method: Word
    """The method's name; a file may offer several."""
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    """Of its source, as in a leaderboard's `source`."""
    by: Word
    reason: Word
    at: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\+00:00)$")]
    """When, in UTC."""
    parameters: dict[str, Value] = {}
    """Those that the reviewer had set; the sign-off is for the code, whatever its parameters."""


class SignOffs:
    """The sign-offs that lie beside a store."""

    def __init__(self, store: Path) -> None:
        """Read them. Raises `DataError` with file and line for one that breaks the format."""
        self.file = store.absolute().parent / FILE
        self._last = {(line.method, line.sha256): line for line in _read(self.file)}

    def of(self, method: str, sha256: str | None) -> Review | None:
        """What was last decided about a method's source; None where nobody signed it."""
        found = self._last.get((method, sha256 or ""))
        if found is None:
            return None
        return Review(decision=found.decision, by=found.by, reason=found.reason, at=found.at)

    def is_accepted(self, method: PlannedMethod) -> bool:
        """Whether `--reviewed-only` lets a method run."""
        found = self.of(method.name, method.source.sha256)
        return method.source.is_shipped if found is None else found.decision == "accept"

    def sign(
        self, method: PlannedMethod, decision: Literal["accept", "reject"], by: str, reason: str
    ) -> SignOff:
        """Add a line and wait for the disk. Raises `StoreError` where it cannot be written."""
        line = SignOff(
            decision=decision,
            method=method.name,
            sha256=method.source.sha256,
            by=by.strip(),
            reason=reason.strip(),
            at=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            parameters=dict(method.changed),
        )
        with writing(self.file.parent):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            # a last line without its end is whole, or reading it would have failed
            append(self.file, msgspec.json.encode(line) + b"\n")
        self._last[line.method, line.sha256] = line
        return line

    def shown_on(self, board: Leaderboard) -> Leaderboard:
        """The board with what was decided about each row's source; the file's word goes above the board's."""
        found = [(row, self.of(row.method, row.source.sha256)) for row in board.rows]
        rows = [msgspec.structs.replace(row, review=made) if made else row for row, made in found]
        return msgspec.structs.replace(board, rows=rows)


def accepted_only(board: Leaderboard) -> Leaderboard:
    """The board without rows that nobody accepted; what w2s-harness ships stays unless it was rejected.

    Ranks, intervals and corrected p-values stay those of the whole plan.
    """
    rows = [
        row
        for row in board.rows
        if (row.source.distribution == OURS if row.review is UNSET else row.review.decision == "accept")
    ]
    kept = {label(row) for row in rows}
    claims = [claim for claim in board.claims if claim.method in kept]
    return msgspec.structs.replace(board, rows=rows, claims=claims)


def _read(file: Path) -> Sequence[SignOff]:
    try:
        file.lstat()
    except FileNotFoundError:
        return []
    if file.is_symlink():
        raise DataError(f"{file}: is a link. Make it a plain file.")
    data = read_bytes(file, MAX_BYTES, _MEND, no_file="Make it a plain file.")
    check_head(data[:HEAD], str(file))
    return [
        struct_of(decoded(line, f"{file}:{number}"), SignOff, str(file), line=number, mend=_MEND)
        for number, line in enumerate(data.removesuffix(b"\n").split(b"\n") if data else (), 1)
    ]
