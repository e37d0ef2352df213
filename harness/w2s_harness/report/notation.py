"""How a number, a bound or a piece of foreign text is written in a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from w2s_harness.report.document.document import Comparison, Row
from w2s_harness.report.document.records import Own, OwnPart, VerdictRecord

MISSING = "-"
NOT_ISOLATED = "its workers were not isolated"
"""Why a row of isolation L0 is unverified."""
ELSEWHERE = "its predictions were computed elsewhere"
"""Why a row of isolation predictions-only is unverified."""
Worst = Literal["silent", "ok", "note", "review", "flag", "error", "disqualify"]
_LEVELS = ("ok", "note", "flag", "error", "disqualify")


def counted(n: int, noun: str) -> str:
    """A count with its noun: `1 seed`, `2 seeds`."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def share(value: float | None, digits: int = 2) -> str:
    """A share without the leading zero: `.70`, `-.05`, `1.02`; `-` for None."""
    if value is None:
        return MISSING
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def signed(value: float, digits: int = 2) -> str:
    """A share with its sign: `+.23`, `-.05`, `.00`."""
    text = share(value, digits)
    return text if text.startswith("-") or float(text) == 0 else f"+{text}"


def span(bounds: Sequence[float] | None, digits: int = 2) -> str:
    """Bounds: `.70 to .79`."""
    return MISSING if bounds is None else f"{share(bounds[0], digits)} to {share(bounds[1], digits)}"


def ranks(rank: Sequence[int] | None) -> str:
    """A rank interval: `1`, `2-3`; empty for None."""
    if rank is None:
        return ""
    return str(rank[0]) if rank[0] == rank[1] else f"{rank[0]}-{rank[1]}"


def versus(found: Comparison | None, *, in_pgr: bool) -> str:
    """A comparison: the difference (in PGR, or in accuracy with three digits) and its p after Holm.

    `n.s.` where it is not significant, `untested` where there is no p at all.
    """
    value = None if found is None else found.pgr if in_pgr else found.difference
    if found is None or value is None:
        return MISSING
    size = signed(value) if in_pgr else signed(value, 3)
    if found.p is None and found.p_pool is None:
        return f"{size}  untested"
    if not found.significant or found.p_holm is None:
        return f"{size}  n.s."
    return f"{size}  p < .001" if found.p_holm < 0.001 else f"{size}  p = {share(found.p_holm, 3)}"


def least_own(own: Own) -> OwnPart | None:
    """The lesser of what the two worlds say is the teacher's own; None where one was not measured."""
    if own.echo is None or own.decoy is None:
        return None
    return min(own.echo, own.decoy, key=lambda part: part.accuracy)


def owned(own: Own | None, *, in_pgr: bool) -> str:
    """The lesser part with its interval: `.22 (.15 to .29)`; `-` where it was not measured."""
    found = None if own is None else least_own(own)
    if found is None:
        return MISSING
    if in_pgr:
        return f"{share(found.pgr)} ({span(found.pgr_ci)})"
    return f"{share(found.accuracy, 3)} ({span(found.ci, 3)})"


def worst(row: Row) -> Worst:
    """The gravest of what guards said; of what is fine otherwise, whether one asks for a review."""
    if not row.verdicts:
        return "silent"
    gravest = _gravest(row)
    if gravest.level not in ("ok", "note"):
        return gravest.level
    return "review" if any(verdict.needs_review for verdict in row.verdicts) else "ok"


def guards(row: Row) -> str:
    """What the guards come to: `ok`, `review`, `flag: shortcuts`, `ok, 1 off`; `-` where no guard spoke."""
    word = worst(row)
    if word == "silent":
        return MISSING
    if word not in ("ok", "review"):
        return printable(f"{word}: {_gravest(row).guard}")
    off = sum(verdict.is_off for verdict in row.verdicts)
    return f"{word}, {off} off" if off else word


def _gravest(row: Row) -> VerdictRecord:
    return max(row.verdicts, key=lambda verdict: _LEVELS.index(verdict.level))


def vouched(row: Row) -> str:
    """`guards`, how often others were tried on the holdout, a sign-off: `ok, attempts >= 3, accepted`."""
    parts = [guards(row)]
    if row.attempts > 1:
        parts.append(f"attempts >= {row.attempts}")
    if row.review:
        parts.append(f"{row.review.decision}ed")
    return ", ".join(parts)


def access(row: Row) -> str:
    """What was granted; `strict` for nothing."""
    return printable(", ".join(row.access)) or "strict"


def code_lines(row: Row) -> str:
    """How many lines of code its author wrote; `-` where nobody counted."""
    known = row.author.lines if row.author else None
    return MISSING if known is None else str(known)


def printable(text: str) -> str:
    r"""One line without control characters: a document of others cannot move the terminal's cursor.

    What `str.isprintable` refuses is written as Python escapes it (`\n`, `\x1b`).
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
