"""What guards may measure: how far predictions are from chance and from each other, and many tests at once.

Ratios of accuracies explode near chance, so guards compare label-free agreement and z scores of balanced
accuracy instead.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def agreement(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Share of rows on which two predictions (n,) P(label = 1) decide alike; a P of 1/2 counts half.

    Raises `ValueError` for arrays that do not match or are empty.
    """
    x, y = _decisions(a), _decisions(b)
    if x.shape != y.shape or x.size == 0:
        raise ValueError(f"predictions of shape {x.shape} and {y.shape} do not match")
    return float(np.mean(1.0 - np.abs(x - y)))


def balanced_z(predictions: npt.ArrayLike, gold: npt.ArrayLike, groups: npt.ArrayLike) -> float:
    """(balanced accuracy - 1/2) over its standard error, clustered by question.

    Balanced accuracy is the mean of the accuracies within each class. Its standard error is that of a mean of
    row scores with weights 1 / (2 n_class), summed within questions: sqrt(G / (G - 1) sum_g u_g^2) with u_g
    the question's summed deviation (Liang & Zeger 1986). Where no question deviates, as where every row is
    right, it is that of one fair coin a question, 1 / (2 sqrt(G)): perfect predictions are far from chance.

    :param predictions: (n,) P(label = 1). :param gold: (n,) 0 or 1, both present. :param groups: (n,) codes.
    Raises `ValueError` for arrays that do not match, or gold of one class.
    """
    p, y, g = _decisions(predictions), np.asarray(gold, dtype=bool), np.asarray(groups)
    if not p.shape == y.shape == g.shape or y.all() or not y.any():
        raise ValueError("balanced_z needs predictions, gold of both classes and groups of one length")
    right = np.where(y, p, 1.0 - p)
    weight = np.where(y, 0.5 / y.sum(), 0.5 / (~y).sum())
    centred = weight * (right - np.where(y, right[y].mean(), right[~y].mean()))
    _, codes = np.unique(g, return_inverse=True)
    sums = np.bincount(codes, centred)
    k = len(sums)
    se = float(np.sqrt((sums**2).sum() * k / max(1, k - 1)))
    return float((weight @ right - 0.5) / (se if se > 0 else 0.5 / np.sqrt(k)))


def _decisions(p: npt.ArrayLike) -> npt.NDArray[np.float64]:
    values = np.asarray(p, dtype=np.float64)
    return np.where(values == 0.5, 0.5, (values > 0.5).astype(np.float64))


def balanced_accuracy(values: npt.NDArray[np.float64], gold: npt.ArrayLike) -> float:
    """Mean of the accuracies within each class: .5 for any constant prediction, whatever the class prior.

    :param values: (n,) outcomes. :param gold: (n,) 0 or 1, both present.
    """
    y = np.asarray(gold, dtype=bool)
    return float((values[y].mean() + values[~y].mean()) / 2)


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
