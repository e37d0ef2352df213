"""What predictions on a holdout are worth: which rows are right, accuracy, PGR, calibration."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import DataError

Floats = npt.NDArray[np.float64]
Outcomes = Floats
"""1 where a row is right, 0 where it is wrong, 1/2 where P = .5 exactly; of judged rows, see `agreement`."""
MIN_GAP = 0.02
"""Accuracy; under it weak and ceiling are too close for a ratio to mean anything."""
BINS = 15
"""Of equal width, for the expected calibration error (Guo et al. 2017)."""


# -- right and wrong, and how that is kept in JSON --------------------------------------------------------


def outcomes(predictions: npt.ArrayLike, gold: npt.ArrayLike) -> Outcomes:
    """(n,) outcomes in {0, .5, 1} of predictions (n,) P(label = 1) against gold (n,) of 0 and 1.

    P > .5 is 1 and a tie counts 1/2 (METHODS.md). Raises `ValueError` for arrays that do not match, for
    predictions that are not finite or outside [0, 1], and for gold outside {0, 1}.
    """
    p, y = np.asarray(predictions, dtype=np.float64), np.asarray(gold)
    if p.ndim != 1 or p.shape != y.shape:
        raise ValueError(f"predictions of shape {p.shape} and gold of shape {y.shape} do not match")
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError("a prediction is not finite, or lies outside [0, 1]")
    if not np.all((y == 0) | (y == 1)):
        raise ValueError("gold holds a value that is neither 0 nor 1")
    return np.where(p == 0.5, 0.5, ((p > 0.5) == (y == 1)).astype(np.float64))


def agreement(values: Outcomes, largest: Floats | None) -> Outcomes:
    """(..., n) the chance that a decision agrees with a voter drawn at random, row by row.

    `values` (..., n) are outcomes against the majority of each row's votes, `largest` (n,) the majority's
    share m of them: m where the decision is the majority's, 1 - m where it is not, 1/2 where P = .5. On a
    tied row m = 1/2, whatever the decision. Without `largest` (rows with labels) the outcomes themselves.
    """
    if largest is None:
        return values
    return np.where(values == 0.5, 0.5, np.where(values > 0.5, largest, 1.0 - largest))


def accuracy(values: Outcomes) -> float:
    """The mean of (n,) outcomes. Raises `ValueError` where there is none."""
    if values.size == 0:
        raise ValueError("no rows, so no accuracy")
    return float(np.mean(values))


def pack(values: Outcomes) -> tuple[str, str | None]:
    """(n,) outcomes as JSON carries them: (right, ties), each packed bits in base64.

    Bit 7 of the first byte is row 0 (`numpy.packbits`, big-endian); the last byte is filled up with zeros.
    `ties` marks the rows that count 1/2 (their bit in `right` is 0) and is None where there is none.
    """
    ties = values == 0.5
    if not np.all(ties | (values == 0) | (values == 1)):
        raise ValueError("outcomes are 0, 1/2 or 1")
    right, tied = (base64.b64encode(np.packbits(mask).tobytes()).decode() for mask in (values == 1, ties))
    return right, tied if np.any(ties) else None


def unpack_all(packed: Sequence[tuple[str, str | None]], n: int) -> Outcomes:
    """(S, n) the outcomes behind S texts of `pack`, one or more.

    Raises `DataError` where a text is no base64, has another length than n rows need, has bits set behind
    the last row, or calls a row both right and tied.
    """
    out = _masks([right for right, _ in packed], n, "outcomes").astype(np.float64)
    tied = [i for i, (_, ties) in enumerate(packed) if ties is not None]
    if tied:
        ties = _masks([text for _, text in packed if text is not None], n, "ties")
        if np.any(ties & (out[tied] > 0)):
            raise DataError("outcomes and ties mark the same row; a tie's bit in outcomes is 0")
        out[tied] += 0.5 * ties
    return out


def counted(packed: Sequence[tuple[str, str | None]], n: int, largest: Sequence[float] | None) -> Outcomes:
    """(S, n) what the outcomes behind S texts of `pack` count: as `unpack_all`, then `agreement`.

    Raises as `unpack_all`, and `DataError` where `largest` is not of n rows.
    """
    if largest is not None and len(largest) != n:
        raise DataError(f"{len(largest)} largest vote shares for {n} rows")
    return agreement(unpack_all(packed, n), None if largest is None else np.asarray(largest, np.float64))


def _masks(texts: Sequence[str], n: int, what: str) -> npt.NDArray[np.bool_]:
    """(S, n) the bits of S texts."""
    raw = np.frombuffer(b"".join(_bytes(text, n, what) for text in texts), dtype=np.uint8)
    bits = np.unpackbits(raw.reshape(len(texts), -1), axis=1).view(np.bool_)
    if np.any(bits[:, n:]):
        raise DataError(f"{what} marks rows behind the last of {n}")
    return bits[:, :n]


def _bytes(text: str, n: int, what: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as bad:
        raise DataError(f"{what} is not base64: {bad}") from bad
    if len(raw) != (n + 7) // 8:
        raise DataError(f"{what} holds {len(raw)} bytes where {n} rows need {(n + 7) // 8}")
    return raw


# -- PGR --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pgr:
    """PGR; where undefined, `mean` and `per_seed` are None and `reason` says why."""

    mean: float | None
    per_seed: tuple[float, ...] | None
    """In the order of the transfer accuracies."""
    sem: float | None
    """Standard error over seeds alone, sd / sqrt(S); None under two seeds. `pgr_ci` has questions too."""
    gap: float
    """Ceiling minus weak, accuracy."""
    reason: str | None


def mean(values: Sequence[float]) -> float:
    """The mean of per-seed accuracies, summed exactly so that no order of seeds changes a bit."""
    if not values:
        raise ValueError("no seeds, so no mean")
    return math.fsum(values) / len(values)


def mean_variance(values: Sequence[float]) -> float:
    """s^2 / S, the variance of the mean of two values or more."""
    n, centre = len(values), mean(values)
    return math.fsum((x - centre) ** 2 for x in values) / (n - 1) / n


def recovered(transfer: float, weak: float, ceiling: float) -> float:
    """PGR = (transfer - weak) / (ceiling - weak) (Burns et al. 2023); `ZeroDivisionError` without a gap."""
    return (transfer - weak) / (ceiling - weak)


def pgr(
    weak: Sequence[float], ceiling: Sequence[float], transfer: Sequence[float], *, min_gap: float = MIN_GAP
) -> Pgr:
    """PGR of per-seed transfer accuracies against fixed baselines (METHODS.md).

    `weak` and `ceiling` are the accuracies of the baseline seeds; their means are the baselines, and only
    `transfer` varies per seed. The overall PGR is the ratio of means, which under fixed baselines is the
    mean of the per-seed values too. Undefined where the gap is under `min_gap`, negative gaps included.
    """
    floor, top = mean(weak), mean(ceiling)
    gap = top - floor
    reason = under(gap, min_gap)
    if reason is not None:
        return Pgr(None, None, None, gap, reason)
    per_seed = tuple(recovered(t, floor, top) for t in transfer)
    sem = math.sqrt(mean_variance(per_seed)) if len(per_seed) > 1 else None
    return Pgr(recovered(mean(transfer), floor, top), per_seed, sem, gap, None)


def under(gap: float, min_gap: float) -> str | None:
    """Why a gap allows no PGR, or None where it does; a gap of 0 allows none whatever `min_gap` is."""
    if gap >= min_gap and gap > 0:
        return None
    return f"the gap {gap:.4f} is under min_gap {min_gap:g}"


# -- calibration ------------------------------------------------------------------------------------------


def brier(predictions: npt.ArrayLike, gold: npt.ArrayLike) -> float:
    """Mean of (p - y)^2 + y (1 - y) over rows and seeds (Brier 1950, Monthly Weather Review 78).

    Predictions (S, N), gold (N,); for y the share of a row's votes it is the mean of (p - vote)^2. Raises
    `ValueError` for arrays that do not match, are empty, or hold a value outside [0, 1].
    """
    p, y = _checked(predictions, gold)
    return float(np.mean((p - y) ** 2)) + float(np.mean(y * (1 - y)))


def ece(predictions: npt.ArrayLike, gold: npt.ArrayLike, *, bins: int = BINS) -> float:
    """Sum over bins of (rows in the bin / N) |mean p - mean y|, averaged over seeds (Guo et al. 2017).

    Predictions (S, N) of P(label = 1), binned as Naeini et al. (2015) do, gold (N,) or the share of votes;
    bin k of `bins` holds ((k - 1) / bins, k / bins], the first also 0. Raises as `brier`.
    """
    p, y = _checked(predictions, gold)
    at = np.clip(np.ceil(p * bins).astype(np.int64) - 1, 0, bins - 1)
    errors = [np.bincount(k, weights=row - y, minlength=bins) for k, row in zip(at, p, strict=True)]
    return float(np.mean(np.sum(np.abs(errors), axis=1)) / y.size)


def teacher_errors(
    outcomes: npt.ArrayLike, teacher: npt.ArrayLike, largest: npt.ArrayLike | None = None
) -> float | None:
    """Share of the teacher's errors on which the method errs too: sum_n e_t e_m / sum_n e_t per seed.

    Outcomes (S, N) of the method and of the teacher of the same seed; a tie is half an error. The mean over
    the seeds on which the teacher errs, None where it errs on none; 1: every error is imitated (Burns et al.
    2023, section 5.1). With `largest` (N,), the majority's share m of a row's votes, e_t e_m becomes m e_t
    e_m + (1 - m) o_t o_m, e_t likewise: an error is one against a voter drawn at random. Raises `ValueError`
    for shapes that do not match and for outcomes outside [0, 1].
    """
    ours, theirs = (1 - np.asarray(x, dtype=np.float64) for x in (outcomes, teacher))
    if ours.ndim != 2 or ours.shape != theirs.shape:
        raise ValueError(f"outcomes of shape {ours.shape} and {theirs.shape} do not match")
    if not np.all((ours >= 0) & (ours <= 1) & (theirs >= 0) & (theirs <= 1)):
        raise ValueError("an outcome lies outside [0, 1]")
    both, theirs_alone = ours * theirs, theirs
    if largest is not None:
        m = np.asarray(largest, dtype=np.float64)
        both = m * both + (1 - m) * (1 - ours) * (1 - theirs)
        theirs_alone = m * theirs + (1 - m) * (1 - theirs)
    made = theirs_alone.sum(axis=1)
    some = made > 0
    return float(np.mean(both.sum(axis=1)[some] / made[some])) if np.any(some) else None


def _checked(predictions: npt.ArrayLike, gold: npt.ArrayLike) -> tuple[Floats, Floats]:
    p, y = np.asarray(predictions, dtype=np.float64), np.asarray(gold, dtype=np.float64)
    if p.ndim != 2 or p.size == 0 or p.shape[1:] != y.shape:
        raise ValueError(f"predictions of shape {p.shape} and gold of shape {y.shape} do not match")
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError("a prediction is not finite, or lies outside [0, 1]")
    if not np.all((y >= 0) & (y <= 1)):
        raise ValueError("gold lies outside [0, 1]")
    return p, y
