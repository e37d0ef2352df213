"""Many tests at once: adjusted p-values, for scoring and for guards alike."""

from __future__ import annotations

from collections.abc import Sequence


def holm(pvalues: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values (Holm 1979), in the order given; each at most 1.

    Attempts that gave no test (failed ones, one seed) belong in the family as p = 1. Raises `ValueError`
    for a value outside [0, 1].
    """
    if any(not 0 <= p <= 1 for p in pvalues):
        raise ValueError("a p-value lies outside [0, 1]")
    m = len(pvalues)
    adjusted = [0.0] * m
    highest = 0.0
    for done, i in enumerate(sorted(range(m), key=lambda i: pvalues[i])):
        highest = max(highest, min(1.0, (m - done) * pvalues[i]))
        adjusted[i] = highest
    return adjusted
