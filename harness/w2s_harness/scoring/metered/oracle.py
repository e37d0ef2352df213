"""What an agent is told of its score, and what that costs it.

A ladder says whether a score is better than the best before it by enough to be told, and how exactly.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import DataError, HarnessError, NoGapError
from w2s_harness.scoring.points import MIN_GAP, pack, recovered, under, unpack_all

if TYPE_CHECKING:
    from w2s_harness.scoring.metered.ledger import Ledger

Floats = npt.NDArray[np.float64]

MIN_STEP = 0.02
"""Accuracy; the smallest step. See docs/oracle.md for what it and `STEP_SE` were chosen by."""
STEP_SE = 1.5
"""The step in standard errors of the paired difference."""
MIN_GRID = 0.01
"""PGR; the finest rounding."""
NOT_BETTER = "not better than your best by more than the step"
"""All that is told of a score that the ladder keeps back."""
NOTHING_LEFT = "no query is left, so nothing is told"
"""All that is told when the budget is used up."""


class OracleError(HarnessError):
    """There is no query left, or the ledger belongs to another run."""


@dataclass(frozen=True, slots=True)
class OracleLimits:
    """How many queries there are."""

    per_agent: int = 20
    per_lineage: int = 20
    group: int = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query came to; `sentence` is all that an agent is told."""

    pgr: float | None
    """Rounded; None where no new number is told."""
    improved: bool
    left: int
    """Queries that this agent still has for this lineage."""
    sentence: str


class Oracle:
    """Meters PGR on the feedback part through a ladder per agent; thread-safe.

    Every query costs one, answered or refused, of the agent's, its lineage's and the group's. Each is a
    line of `ledger`; what was spent and every agent's best are rebuilt from it. A `call` that was answered
    before is answered the same again at no cost. `weak` and `ceiling` are accuracies on feedback. Raises
    `NoGapError` where they are too close for a PGR, `OracleError` for a ledger of another run.
    """

    def __init__(
        self, ledger: Ledger, weak: float, ceiling: float, limits: OracleLimits | None = None
    ) -> None:
        reason = under(ceiling - weak, MIN_GAP)
        if reason is not None:
            raise NoGapError(f"the oracle has no PGR to tell: {reason}. Give agents another task or pair.")
        self.weak, self.ceiling, self.limits = weak, ceiling, limits or OracleLimits()
        self._ledger = ledger
        self._lock = threading.RLock()
        self._spent: Counter[tuple[str, str]] = Counter()
        self._best: dict[str, tuple[Floats, float]] = {}
        """By agent its best that was answered: outcomes and the PGR told."""
        self._answered: dict[tuple[str, str, str], Answer] = {}
        self._open()

    def ask(
        self,
        *,
        who: str,
        lineage: str,
        source: str,
        predictions: str,
        outcomes: Floats,
        groups: npt.NDArray[np.int64],
        call: str,
    ) -> Answer:
        """Query the score of (S, n) outcomes, 1 right, 1/2 tie, 0 wrong; costs one.

        `groups` (n,) is the question of each row, `source` and `predictions` are SHA-256. The number is new
        only where it beats the agent's best answered, or the weak floor, by more than the step (`ladder`).
        """
        if outcomes.ndim != 2 or 0 in outcomes.shape or groups.shape != outcomes.shape[1:]:
            raise ValueError(f"outcomes {outcomes.shape} are not (S, n) with groups {groups.shape} of (n,)")
        told = {"who": who, "lineage": lineage, "source": source, "predictions": predictions, "call": call}
        with self._lock:
            if (known := self._answered.get(("query", who, call))) is not None:
                return known
            left = self.left(who, lineage) - 1
            if left < 0:
                return self._none_left("query", told)
            best, told_before = self._best.get(who, (None, -math.inf))
            rows = outcomes.shape[1]
            if best is not None and best.shape[1] != rows:
                raise OracleError(
                    f"{who} was answered about {best.shape[1]} rows, not {rows}: "
                    "the ledger belongs to another run. Start a new one."
                )
            found = rung(outcomes, groups, best, self.weak)
            facts: dict[str, Any] = {"accuracy": found.accuracy, "step": found.step, "rows": rows}
            if not found.is_better:
                answer = Answer(None, False, left, _sentence(NOT_BETTER, left))
            else:
                answer = self._new_number(found, told_before, left)
                facts["outcomes"] = [list(pack(seed)) for seed in outcomes]
            return self._settle("query", told | facts, answer)

    def refuse(self, *, who: str, lineage: str, source: str, because: str, call: str) -> Answer:
        """A query about a method that has no score; costs one as well, since silence is a bit.

        `because` is told to the agent, so it must say nothing of labels.
        """
        told = {"who": who, "lineage": lineage, "source": source, "because": because, "call": call}
        with self._lock:
            if (known := self._answered.get(("query", who, call))) is not None:
                return known
            left = self.left(who, lineage) - 1
            if left < 0:
                return self._none_left("refusal", told)
            return self._settle("refusal", told, Answer(None, False, left, _sentence(because, left)))

    def charge(self, *, who: str, lineage: str, source: str, what: str, call: str) -> Answer:
        """Pay for something else that hangs on labels, such as the verdict `what`; costs one.

        Raises `OracleError` when nothing is left: then it must not be shown.
        """
        told = {"who": who, "lineage": lineage, "source": source, "what": what, "call": call}
        with self._lock:
            if (known := self._answered.get((f"charge {what}", who, call))) is not None:
                return known
            left = self.left(who, lineage) - 1
            if left < 0:
                raise OracleError(f"{what} costs a query, and {who} has none left for {lineage}")
            return self._settle("charge", told, Answer(None, False, left, _sentence(what, left)))

    def left(self, who: str, lineage: str) -> int:
        """Queries that an agent still has for a lineage: the least of its own, the lineage's, the group's."""
        with self._lock:
            return rest(self.limits, self._spent, who, lineage)

    def was_asked(self, who: str, call: str) -> bool:
        """Whether a query of this call was answered: asking again costs nothing."""
        with self._lock:
            return ("query", who, call) in self._answered

    def attempts(self, lineage: str) -> int:
        """How many queries of a lineage were paid for, verdicts included."""
        with self._lock:
            return self._spent["lineage", lineage]

    def _new_number(self, found: LadderStep, before: float, left: int) -> Answer:
        """A new number, never under the one before it, which was rounded too."""
        to = grid(found.step, self.ceiling - self.weak)
        pgr = max(before, rounded(recovered(found.accuracy, self.weak, self.ceiling), to))
        head = f"PGR {pgr:.2f} on feedback, rounded to {to:.2f}: better than your best by more than the step"
        return Answer(pgr, True, left, _sentence(head, left))

    def _none_left(self, kind: str, told: Mapping[str, Any]) -> Answer:
        return self._settle(kind, told, Answer(None, False, 0, f"{NOTHING_LEFT}."), cost=0)

    def _settle(self, kind: str, facts: Mapping[str, Any], answer: Answer, cost: int = 1) -> Answer:
        """Write a line, then act on it as a resumed run would."""
        line = self._ledger.append({"kind": kind, **facts, "answer": asdict(answer), "cost": cost})
        self._act_on(line)
        return answer

    def _act_on(self, line: Mapping[str, Any]) -> None:
        who, answer = line["who"], Answer(**line["answer"])
        paid_for = f"charge {line['what']}" if line["kind"] == "charge" else "query"
        self._answered[paid_for, who, line["call"]] = answer
        self._spent += spent_by(line)
        if answer.pgr is not None:
            values = unpack_all([(right, ties) for right, ties in line["outcomes"]], line["rows"])
            self._best[who] = values, answer.pgr

    def _open(self) -> None:
        """Rebuild the state; the first line says what this oracle was set to."""
        ours = {
            "kind": "open",
            "weak": self.weak,
            "ceiling": self.ceiling,
            "limits": asdict(self.limits),
            "min_step": MIN_STEP,
            "step_se": STEP_SE,
        }
        entries = self._ledger.entries()
        if not entries:
            self._ledger.append(ours)
            return
        for name, value in ours.items():
            if not _same(entries[0].get(name), value):
                raise OracleError(
                    f"the ledger was begun with {name} {entries[0].get(name)}, and this run has {value}: "
                    "go on with the plan that began it, or start a new run."
                )
        for line in entries[1:]:
            try:
                self._act_on(line)
            except (KeyError, TypeError, ValueError, DataError) as bad:
                raise OracleError(
                    f"line {line.get('n')} of the ledger is none of an oracle's: {bad}"
                ) from bad


def accounts(who: str, lineage: str) -> tuple[tuple[str, str], ...]:
    """What a query is charged to: its agent, its lineage and the group."""
    return ("agent", who), ("lineage", lineage), ("group", "")


def spent_by(line: Mapping[str, Any]) -> Counter[tuple[str, str]]:
    """What a line of the ledger, other than the first, cost its agent, its lineage and the group."""
    return Counter(dict.fromkeys(accounts(line["who"], line["lineage"]), int(line["cost"])))


def rest(limits: OracleLimits, spent: Mapping[tuple[str, str], int], who: str, lineage: str) -> int:
    """Queries left to an agent for a lineage: the least of its own, the lineage's and the group's."""
    most = (limits.per_agent, limits.per_lineage, limits.group)
    return max(0, min(n - spent.get(of, 0) for n, of in zip(most, accounts(who, lineage), strict=True)))


def _sentence(head: str, left: int) -> str:
    return f"{head.rstrip('.')}. {left} {'query' if left == 1 else 'queries'} left."


def _same(one: object, other: object) -> bool:
    """Equal, numbers up to what another machine's arithmetic changes."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, abs_tol=1e-9)
    return one == other


# -- the ladder -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LadderStep:
    """One score against the best before it."""

    accuracy: float
    """Exact; for the host alone."""
    step: float
    """Accuracy."""
    is_better: bool
    """It beats the best by more than the step."""


def rung(
    outcomes: Floats,
    groups: npt.NDArray[np.int64],
    best: Floats | None,
    floor: float,
    *,
    min_step: float = MIN_STEP,
    step_se: float = STEP_SE,
) -> LadderStep:
    """Compare (S, n) outcomes with the (S', n) of the best (Blum & Hardt 2015, *The Ladder*, section 3).

    `groups` (n,) is the question of each row. Without a best, what is to be beaten is `floor`, an accuracy.
    The step is the larger of `min_step` and `step_se` standard errors of the difference.
    """
    rows = outcomes.mean(axis=0)
    behind = rows - (floor if best is None else best.mean(axis=0))
    step = max(min_step, step_se * standard_error(behind, groups))
    return LadderStep(float(rows.mean()), step, bool(float(behind.mean()) > step))


def standard_error(rows: Floats, groups: npt.NDArray[np.int64]) -> float:
    """Standard error of the mean of (n,) rows that come by question (groups (n,)); 0 under two questions.

    sqrt(G / (G - 1) sum over questions of (sum over its rows of x - mean)^2) / n (Liang & Zeger 1986).
    """
    _, question = np.unique(groups, return_inverse=True)
    sums = np.bincount(question, weights=rows - rows.mean())
    if sums.size < 2:
        return 0.0
    return math.sqrt(sums.size / (sums.size - 1) * float(sums @ sums)) / rows.size


def grid(step: float, gap: float) -> float:
    """What a PGR is rounded to: the step as PGR, up to whole hundredths, .01 at least."""
    return max(MIN_GRID, math.ceil(step / gap * 100 - 1e-9) / 100)


def rounded(value: float, to: float) -> float:
    """The multiple of `to` nearest to `value`, without the noise of binary fractions."""
    return round(round(value / to) * to, 6)
