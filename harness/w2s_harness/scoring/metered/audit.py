"""Whether the lines of an oracle's ledger add up: what was spent, what was told, and by what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from w2s_harness.contract.errors import DataError
from w2s_harness.scoring.metered.ladder import grid, rounded
from w2s_harness.scoring.points.accuracy import unpack_all
from w2s_harness.scoring.points.pgr import recovered

_NEAR = 1e-9


def audit(path: Path, entries: Sequence[Mapping[str, Any]]) -> int:
    """Check lines whose chain holds; returns how many queries were paid for.

    Raises `DataError` that names the first line that the lines before it do not lead to: a cost or a rest
    that does not add up, an accuracy that is not that of its outcomes, a number told that the ladder keeps
    back or rounds otherwise, or kept back that it tells.
    """
    if not entries:
        return 0
    audited = _Audited()
    for line in entries:
        try:
            audited.take(line)
        except (KeyError, TypeError, ValueError, DataError) as bad:
            what = f"lacks {bad}" if isinstance(bad, KeyError) else str(bad)
            raise DataError(
                f"{path}:{line.get('n')}: {what}. The lines before it do not lead to it."
            ) from bad
    return audited.spent["group", ""]


class _Audited:
    """What the lines so far come to."""

    def __init__(self) -> None:
        self.set: Mapping[str, Any] | None = None
        self.spent: Counter[tuple[str, str]] = Counter()
        self.best: dict[str, tuple[float, float]] = {}
        """By agent: (accuracy, PGR told)."""

    def take(self, line: Mapping[str, Any]) -> None:
        """Check a line and count it."""
        if (line["kind"] == "open") != (self.set is None):
            raise ValueError("a ledger begins with one line that says what its oracle was set to")
        if self.set is None:
            self.set = line
            return
        cost, limits = line["cost"], self.set["limits"]
        accounts = (("agent", line["who"]), ("lineage", line["lineage"]), ("group", ""))
        most = (limits["per_agent"], limits["per_lineage"], limits["group"])
        rest = min(n - self.spent[a] for a, n in zip(accounts, most, strict=True))
        if cost != (1 if rest > 0 else 0) or line["answer"]["left"] != max(0, rest - cost):
            raise ValueError(f"costs {cost} and leaves {line['answer']['left']} where {rest} were left")
        self.spent.update(dict.fromkeys(accounts, cost))
        if line["kind"] == "query" and cost:
            self._answer(line)
        elif line["answer"]["pgr"] is not None:
            raise ValueError("tells a number that was not asked for")

    def _answer(self, line: Mapping[str, Any]) -> None:
        assert self.set is not None
        weak, ceiling = self.set["weak"], self.set["ceiling"]
        before, told = self.best.get(line["who"], (weak, -np.inf))
        accuracy, step, answer = line["accuracy"], line["step"], line["answer"]
        if step < self.set["min_step"]:
            raise ValueError(f"has the step {step}, under the least of {self.set['min_step']}")
        if answer["improved"] != (answer["pgr"] is not None):
            raise ValueError("is improved without a number, or has one without being improved")
        ahead = accuracy - before - step
        if abs(ahead) > _NEAR and answer["improved"] != (ahead > 0):
            raise ValueError(f"beats the best by {accuracy - before:.4f} at a step of {step:.4f}")
        if not answer["improved"]:
            return
        values = unpack_all([(right, ties) for right, ties in line["outcomes"]], line["rows"])
        if abs(float(values.mean()) - accuracy) > _NEAR:
            raise ValueError(f"says accuracy {accuracy}, and its outcomes have {float(values.mean())}")
        pgr = max(told, rounded(recovered(accuracy, weak, ceiling), grid(step, ceiling - weak)))
        if abs(pgr - answer["pgr"]) > _NEAR:
            raise ValueError(f"tells PGR {answer['pgr']} where it is {pgr}")
        self.best[line["who"]] = (accuracy, pgr)
