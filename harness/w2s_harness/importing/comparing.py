"""What our statistics make of accuracies by seed: differences, their size in PGR, and rank intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from w2s_harness.importing.accuracies import BySeed
from w2s_harness.report.comparing import ALPHA, corrected
from w2s_harness.report.document import Comparison
from w2s_harness.scoring.compare import Difference
from w2s_harness.scoring.imported import accuracy_test
from w2s_harness.scoring.interval import Interval, quantile
from w2s_harness.scoring.rank import intervals


def compared(
    name: str, own: BySeed, reference: BySeed, n_rows: int | None, gap: Interval | None, width: float | None
) -> Comparison:
    """One method against the reference `name`, before correction.

    :param gap: the gap's interval, None where there is no gap. :param width: the gap, accuracy.
    """
    found = accuracy_test(own, reference, n_rows)
    has_gap = gap is not None and width is not None
    return Comparison(
        against=name,
        difference=found.estimate,
        ci=found.ci,
        pgr=found.estimate / width if has_gap and width else None,
        pgr_ci=in_pgr(found, width, gap) if has_gap and width and gap else None,
        p=found.p,
        p_holm=None,
        significant=False,
    )


def in_pgr(difference: Difference, width: float, gap: Interval) -> tuple[float, float] | None:
    """The 95 % interval of difference / gap by the delta method; None where either has no interval.

    With r = difference / gap, V = (V_d + r^2 V_gap) / gap^2: the two share no seeds and no rows that could
    be paired. df is Satterthwaite's (1946) over both terms.
    """
    bounds = gap.bounds
    if difference.ci is None or difference.df is None or bounds is None or gap.df is None:
        return None
    ratio = difference.estimate / width
    terms = [
        (_variance(difference.ci, difference.df) / width**2, difference.df),
        (_variance(bounds, gap.df) * ratio**2 / width**2, gap.df),
    ]
    total = math.fsum(v for v, _ in terms)
    doubt = math.fsum(v**2 / df for v, df in terms)
    half = quantile(total**2 / doubt) * math.sqrt(total) if doubt > 0 else 0.0
    return ratio - half, ratio + half


def holm_over(tested: Sequence[Comparison | None], is_reference: Sequence[bool]) -> list[Comparison | None]:
    """The comparisons after Holm over all rows but the references; one without a test counts as p = 1."""
    return corrected(tested, [i for i, reference in enumerate(is_reference) if not reference])


def rank_intervals(rows: Mapping[str, BySeed], n_rows: int | None) -> dict[str, tuple[int, int]]:
    """The rank interval of each row: `scoring.rank.intervals` with `accuracy_test` for the test of a pair."""
    names = list(rows)
    tests = {}
    for i, a in enumerate(names):
        for j in range(i + 1, len(names)):
            found = accuracy_test(rows[a], rows[names[j]], n_rows)
            tests[i, j] = (found.estimate, 1.0 if found.p is None else found.p)
    return dict(zip(names, intervals(len(names), tests, alpha=ALPHA), strict=True))


def _variance(bounds: tuple[float, float], df: float) -> float:
    """The variance behind a 95 % t interval."""
    return ((bounds[1] - bounds[0]) / 2 / quantile(df)) ** 2
