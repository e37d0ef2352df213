"""What stands beside the tables of a leaderboard: alarms above, below what is to be known of its numbers."""

from __future__ import annotations

from w2s_harness.report.document.document import Leaderboard, Row, label
from w2s_harness.report.document.records import BestOf, Judged
from w2s_harness.report.notation import ELSEWHERE, NOT_ISOLATED, counted, printable, share
from w2s_harness.report.tables.legend import claims

ALARM = "CONTROL FAILED"
"""How a line begins that says that nothing above or below it can be trusted."""
UNVERIFIED = "Isolation L0: rows are unverified."
PREDICTIONS_ONLY = "Predictions-only: computed elsewhere, with whatever was known there; rows are unverified."


def alarms(document: Leaderboard) -> list[str]:
    """A line for each control that came out as it must not."""
    failed = [control for control in document.controls if not control.ok]
    return [printable(f"{ALARM} {c.name} on {c.task}, {c.pair}: {c.because}") for c in failed]


def notes(document: Leaderboard) -> list[str]:
    """What is to be known of these numbers beside them, and what is claimed."""
    found = [
        printable(f"{s.task} on {s.pair}: {_judged(s.judged)}.")
        for s in document.settings
        if isinstance(s.judged, Judged)
    ]
    if any(row.unverified == ELSEWHERE for row in document.rows):
        found.append(PREDICTIONS_ONLY)
    if any(row.unverified == NOT_ISOLATED for row in document.rows):
        found.append(UNVERIFIED)
    broken = sorted(
        {label(row) for row in document.rows if row.unverified not in (None, NOT_ISOLATED, ELSEWHERE)}
    )
    if broken:
        found.append(printable(f"Unverified, since a guard failed: {', '.join(broken)}."))
    if document.controls and all(control.ok for control in document.controls):
        found.append(f"Controls: all {len(document.controls)} came out as expected.")
    for row in document.rows:
        where = f"{label(row)} on {row.task}, {row.pair}"
        found += [printable(f"{where}: {warning}.") for warning in row.warnings]
        if row.best_of is not None:
            found.append(printable(f"{where}: {corrected(row.best_of)}."))
    found += dict.fromkeys(_signed(row) for row in document.rows if row.review)
    found += [printable(f"Mismatch: {line}") for line in document.mismatches]
    return [*found, *claims(document)]


def corrected(found: BestOf) -> str:
    """What is left of the best of several rows."""
    at = f"PGR {share(found.pgr)}" if found.pgr is not None else f"accuracy {share(found.accuracy, 3)}"
    return f"the best of {found.k}; less the {share(found.optimism, 3)} that picking is worth, {at}"


def _signed(row: Row) -> str:
    found = row.review
    return printable(f"{label(row)}: {found.decision}ed by {found.by}: {found.reason}") if found else ""


def _judged(found: Judged) -> str:
    """What the votes of a judged setting are like."""
    who = "anonymous voters" if found.voters is None else counted(found.voters, "voter")
    agree = f"agreement {share(found.agreement, 3)}, alpha {share(found.alpha, 3)}"
    cast = f"{counted(found.votes, 'vote')} of {who}: noise ceiling {share(found.noise_ceiling, 3)}"
    return f"accuracy is agreement with a voter drawn at random. {cast}, {agree}"
