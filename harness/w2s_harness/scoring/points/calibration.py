"""How good probabilities are, and whether they repeat the teacher's errors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
BINS = 15
"""Of equal width, for the expected calibration error (Guo et al. 2017)."""


def brier(predictions: npt.ArrayLike, gold: npt.ArrayLike) -> float:
    """Mean of (p - y)^2 + y (1 - y) over rows and seeds (Brier 1950, Monthly Weather Review 78).

    Predictions (S, N), gold (N,). The second term is 0 for labels; for y the share of a row's votes, the sum
    is the mean of (p - vote)^2 over its voters. Raises `ValueError` for arrays that do not match, are empty,
    or hold a value outside [0, 1].
    """
    p, y = _checked(predictions, gold)
    return float(np.mean((p - y) ** 2)) + float(np.mean(y * (1 - y)))


def ece(predictions: npt.ArrayLike, gold: npt.ArrayLike, *, bins: int = BINS) -> float:
    """Sum over bins of (rows in the bin / N) |mean p - mean y|, averaged over seeds (Guo et al. 2017).

    Predictions (S, N) of P(label = 1), gold (N,); bin k of `bins` holds ((k - 1) / bins, k / bins], the first
    also 0. Naeini et al. (2015) bin P(label = 1) of a binary problem so; Guo et al. bin the confidence of
    the predicted label, with which two halves of [0, 1] would share their bins. Of votes, y is their share,
    the chance that a voter says 1. Raises as `brier`.
    """
    p, y = _checked(predictions, gold)
    at = np.clip(np.ceil(p * bins).astype(np.int64) - 1, 0, bins - 1)
    errors = [np.bincount(k, weights=row - y, minlength=bins) for k, row in zip(at, p, strict=True)]
    return float(np.mean(np.sum(np.abs(errors), axis=1)) / y.size)


def teacher_errors(
    outcomes: npt.ArrayLike, teacher: npt.ArrayLike, largest: npt.ArrayLike | None = None
) -> float | None:
    """Share of the teacher's errors on which the method errs too: sum_n e_t e_m / sum_n e_t per seed.

    Outcomes (S, N) of the method and of the teacher of the same seed; an error is 1 minus the outcome, so
    that a tie is half of one. The mean over the seeds on which the teacher errs; None where it errs on none.
    1 means that every error is imitated (Burns et al. 2023, section 5.1). With `largest` (N,), the majority's
    share m of a row's votes, an error is one against a voter drawn at random: outcomes o are against the
    majority, and e_t e_m becomes m e_t e_m + (1 - m) o_t o_m, e_t likewise. Raises `ValueError` for shapes
    that do not match and for outcomes outside [0, 1].
    """
    ours, theirs = (1 - np.asarray(x, dtype=np.float64) for x in (outcomes, teacher))
    if ours.ndim != 2 or ours.shape != theirs.shape:
        raise ValueError(f"outcomes of shape {ours.shape} and {theirs.shape} do not match")
    if not bool(np.all((ours >= 0) & (ours <= 1) & (theirs >= 0) & (theirs <= 1))):
        raise ValueError("an outcome lies outside [0, 1]")
    both, theirs_alone = ours * theirs, theirs
    if largest is not None:
        m = np.asarray(largest, dtype=np.float64)
        both = m * both + (1 - m) * (1 - ours) * (1 - theirs)
        theirs_alone = m * theirs + (1 - m) * (1 - theirs)
    made = theirs_alone.sum(axis=1)
    some = made > 0
    if not bool(np.any(some)):
        return None
    return float(np.mean(both.sum(axis=1)[some] / made[some]))


def _checked(predictions: npt.ArrayLike, gold: npt.ArrayLike) -> tuple[Floats, Floats]:
    p, y = np.asarray(predictions, dtype=np.float64), np.asarray(gold, dtype=np.float64)
    if p.ndim != 2 or p.size == 0 or p.shape[1:] != y.shape:
        raise ValueError(f"predictions of shape {p.shape} and gold of shape {y.shape} do not match")
    if not bool(np.all((p >= 0) & (p <= 1))):
        raise ValueError("a prediction is not finite, or lies outside [0, 1]")
    if not bool(np.all((y >= 0) & (y <= 1))):
        raise ValueError("gold lies outside [0, 1]")
    return p, y
