"""What a variance says that is known from few seeds, behind the noise of questions.

The mean square M between S seeds estimates A + B: A is what a seed's draw does, B the noise of its questions,
which is known well. Given M, A + B is M (S - 1) over chi-square on S - 1 degrees of freedom: its generalized
pivotal quantity, and that of A is what is left above B (Tsui and Weerahandi 1989, "Generalized p-values in
significance testing of hypotheses in the presence of nuisance parameters", JASA 84; Weerahandi 1993,
"Generalized confidence intervals", JASA 88). An estimate with variance R + k A is then a mixture over
chi-square of normals: Student's t on S - 1 degrees of freedom where the draws are all, the normal where they
do nothing, and in the far tail, where Holm over many methods looks, what lies between.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness.scoring.spread.twoway import ZERO

Floats = npt.NDArray[np.float64]
_NODES = 48
_GRADE = 4
"""Nodes lie densest where chi-square is near 0, whence the tail comes; p is right to .2 % down to 1e-9."""
_HALVINGS = 24
_WIDEST = 64.0
"""Standard errors, times that of the median; t on one degree of freedom needs 13 at 95 %."""


@dataclass(frozen=True, slots=True, eq=False)
class Pivot:
    """The variance of m estimates, each a mixture."""

    total: Floats
    """(m, nodes)."""
    weights: Floats
    """(nodes,) of the mixture, summing to 1."""

    def p_values(self, estimate: npt.ArrayLike) -> Floats:
        """Two-sided p (m,) of the estimates (m,): 1 for 0, and 0 for another without error."""
        d = np.abs(np.asarray(estimate, np.float64))
        se = np.sqrt(self.total)
        sure = se.max(axis=1) <= ZERO
        return np.where(d <= ZERO, 1.0, np.where(sure, 0.0, self._tails(d, se)))

    def halves(self, level: float) -> Floats:
        """(m,) the half width at which `p_values` falls to 1 - level; rounded up, so it never undercuts."""
        se = np.sqrt(self.total)
        low, high = np.zeros(len(se)), _WIDEST * np.median(se, axis=1) + se.max(axis=1) * ZERO
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            over = self._tails(middle, se) > 1 - level
            low, high = np.where(over, middle, low), np.where(over, high, middle)
        return np.asarray(high)

    def _tails(self, d: Floats, se: Floats) -> Floats:
        from scipy.special import ndtr

        ratio = d[:, None] / np.maximum(se, 1e-300)
        return np.asarray((2 * ndtr(-ratio) * self.weights).sum(axis=1))


def pivot(mean_square: Floats, noise: Floats, rest: Floats, times: float, df: float) -> Pivot:
    """Of estimates (m,) with variance `rest` + `times` A, A known as `mean_square` less `noise` on `df`."""
    factors, weights = _nodes(df)
    draws = np.maximum(mean_square[:, None] * factors - noise[:, None], 0.0)
    return Pivot(rest[:, None] + times * draws, weights)


@functools.lru_cache(maxsize=64)
def _nodes(df: float) -> tuple[Floats, Floats]:
    """(nodes,) df over chi-square at its quantiles, and the weight of each."""
    from scipy.special import chdtri

    at = (np.arange(_NODES) + 0.5) / _NODES
    weights = at ** (_GRADE - 1)
    return df / np.asarray(chdtri(df, 1 - at**_GRADE)), weights / weights.sum()
