"""The rows of a leaderboard as comma-separated values."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from w2s_harness.report.document import Row, Setting, label
from w2s_harness.report.notation import access, guards, printable

CSV_COLUMNS = (
    "task",
    "pair",
    "method",
    "status",
    "track",
    "rank_low",
    "rank_high",
    "pgr",
    "pgr_low",
    "pgr_high",
    "pgr_pool_low",
    "pgr_pool_high",
    "pgr_sem",
    "transfer",
    "weak",
    "ceiling",
    "gap",
    "vs_vanilla",
    "vs_vanilla_pgr",
    "p",
    "p_holm",
    "vs_vanilla_star",
    "vs_vanilla_star_p_holm",
    "vs_zero_shot_star",
    "vs_zero_shot_star_p_holm",
    "own_echo",
    "own_decoy",
    "verdict",
    "claim",
    "teacher_dependence",
    "guards",
    "access",
    "isolation",
    "exposure",
    "solver",
    "attempts",
    "flops_over_vanilla",
    "vs_compute",
    "vs_compute_p_holm",
    "brier",
    "ece",
    "teacher_errors",
    "unverified",
    "review",
    "reason",
    "majority",
    "weak_rows_cut",
    "weak_context",
    "strong_rows_cut",
    "strong_context",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a field begins that spreadsheets run; the last four are wide ones, which some take for the first."""


def comma_separated(rows: Iterable[tuple[Setting, Row]]) -> str:
    """A line per row, columns `CSV_COLUMNS`: numbers in full, null empty, text as `cell` has it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for setting, row in rows:
        writer.writerow(cell(value) for value in _record(setting, row))
    return out.getvalue()


def cell(value: str | int | float | None) -> str | int | float:
    """A value as it stands in CSV; a text that a spreadsheet would run as a formula gets a ' before it."""
    if not isinstance(value, str):
        return "" if value is None else value
    text = printable(value)
    # whatever its quotes, a spreadsheet takes a field that starts so for a formula
    return f"'{text}" if value.startswith(_FORMULA) or text.startswith(_FORMULA) else text


def _extras(row: Row) -> tuple[float | None, ...]:
    """Equal compute and calibration of a row."""
    equal, good = row.vs_compute, row.calibration
    return (
        *((None, None) if equal is None else (equal.difference, equal.p_holm)),
        *((None, None, None) if good is None else (good.brier, good.ece, good.teacher_errors)),
    )


def _starred(row: Row) -> tuple[str | float | None, ...]:
    """Against the best references, what is the teacher's own, and what is claimed."""
    found: list[str | float | None] = []
    for star in (row.vs_vanilla_star, row.vs_zero_shot_star):
        found += [None, None] if star is None else [star.difference, star.p_holm]
    own = row.own
    parts = (None, None) if own is None else (own.echo, own.decoy)
    found += [None if part is None else part.accuracy for part in parts]
    found.append(None if own is None else own.verdict)
    found.append(None if row.claim is None else "yes" if row.claim.holds else row.claim.because)
    return tuple(found)


def _record(setting: Setting, row: Row) -> tuple[str | int | float | None, ...]:
    """A row's values in the order of `CSV_COLUMNS`."""
    found, models = row.vs_vanilla, (setting.models.get("weak"), setting.models.get("strong"))
    compared = (None,) * 4 if found is None else (found.difference, found.pgr, found.p, found.p_holm)
    return (
        *(row.task, row.pair, label(row), row.status, row.track),
        *(row.rank or (None, None)),
        *(row.pgr, *(row.pgr_ci or (None, None)), *(row.pgr_ci_pool or (None, None)), row.pgr_sem),
        row.transfer.mean,
        *(setting.weak.mean, setting.ceiling.mean, setting.gap),
        *(*compared, *_starred(row)),
        *(
            row.teacher_dependence,
            guards(row) if row.verdicts else None,
            access(row),
            row.isolation,
            row.exposure,
            row.solver,
        ),
        *(row.attempts, row.flops_over_vanilla, *_extras(row)),
        *(row.unverified, row.review.decision if row.review else None, row.reason),
        *(setting.majority, *(x for m in models for x in ((m.n_cut, m.context) if m else (None, None)))),
    )
