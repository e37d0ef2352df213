"""Every row against vanilla: the difference in transfer accuracy, and what it comes to in PGR."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from w2s_harness.experiment.rows import Tally
from w2s_harness.plan import Attempt
from w2s_harness.report.document import Comparison, Row
from w2s_harness.scoring import compare, interval
from w2s_harness.scoring.twoway import Block

REFERENCE = "vanilla"
ALPHA = 0.05


def against_vanilla(rows: Sequence[tuple[Row, Tally]], attempts: Sequence[Attempt] = ()) -> list[Row]:
    """The rows of all settings with `vs_vanilla` filled in.

    Holm runs over every row of the plan but the references, and over the plan's recorded attempts; one that
    failed or has no reference by the same solver counts as p = 1.
    """
    blocks = {(row.task, row.pair, row.solver): tally.block() for row, tally in rows if _is_reference(row)}
    found = [_tested(row, tally, blocks) for row, tally in rows]
    family = [i for i, (row, _) in enumerate(rows) if not _is_reference(row)]
    tested = [c.p if (c := found[i]) is not None else None for i in family]
    raw = [1.0 if p is None else p for p in (*tested, *(attempt.p for attempt in attempts))]
    adjusted = dict(zip(family, compare.holm(raw), strict=False))
    return [_corrected(row, found[i], adjusted.get(i)) for i, (row, _) in enumerate(rows)]


def _is_reference(row: Row) -> bool:
    return row.method == REFERENCE and not row.parameters


def _tested(
    row: Row, tally: Tally, references: dict[tuple[str, str, str], Block | None]
) -> Comparison | None:
    """The comparison before correction; None for the reference itself and where there is none."""
    if _is_reference(row):
        return None
    own = tally.block()
    # A method without a fit of its own (zero-shot) has no solver that could differ.
    same = [b for (task, pair, solver), b in references.items()
            if (task, pair) == (row.task, row.pair) and row.solver in (solver, "none")]  # fmt: skip
    if own is None or not same or same[0] is None:
        return None
    difference = compare.between(own, same[0])
    base = tally.reference.base
    has_gap = tally.reference.no_gap is None
    bounds = interval.difference_interval(base, own, same[0], min_gap=tally.reference.min_gap).bounds
    return Comparison(
        against=REFERENCE,
        difference=difference.estimate,
        ci=difference.ci,
        pgr=difference.estimate / base.gap if has_gap else None,
        pgr_ci=bounds if has_gap else None,
        p=difference.p,
        p_holm=None,
        significant=False,
    )


def _corrected(row: Row, found: Comparison | None, p_holm: float | None) -> Row:
    if found is None:
        return row
    known = p_holm if found.p is not None else None
    significant = known is not None and known <= ALPHA
    return msgspec.structs.replace(
        row, vs_vanilla=msgspec.structs.replace(found, p_holm=known, significant=significant)
    )
