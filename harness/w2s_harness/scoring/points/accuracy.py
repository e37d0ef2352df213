"""Which rows a prediction got right, and how that is kept in JSON."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import DataError

Outcomes = npt.NDArray[np.float64]
"""1 where a row is right, 0 where it is wrong, 1/2 where P = .5 exactly; of judged rows, see `agreement`."""


def outcomes(predictions: npt.ArrayLike, gold: npt.ArrayLike) -> Outcomes:
    """(n,) outcomes in {0, .5, 1} of predictions (n,) P(label = 1) against gold (n,) of 0 and 1.

    P > .5 is 1 and a tie counts 1/2 (METHODS.md). Raises `ValueError` for arrays that do not match, for
    predictions that are not finite or outside [0, 1], and for gold outside {0, 1}.
    """
    p = np.asarray(predictions, dtype=np.float64)
    y = np.asarray(gold)
    if p.ndim != 1 or p.shape != y.shape:
        raise ValueError(f"predictions of shape {p.shape} and gold of shape {y.shape} do not match")
    if not bool(np.all((p >= 0) & (p <= 1))):
        raise ValueError("a prediction is not finite, or lies outside [0, 1]")
    if not bool(np.all((y == 0) | (y == 1))):
        raise ValueError("gold holds a value that is neither 0 nor 1")
    return np.where(p == 0.5, 0.5, ((p > 0.5) == (y == 1)).astype(np.float64))


def agreement(values: Outcomes, largest: npt.NDArray[np.float64] | None) -> Outcomes:
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
    if not bool(np.all(ties | (values == 0) | (values == 1))):
        raise ValueError("outcomes are 0, 1/2 or 1")
    return _bits(values == 1), _bits(ties) if bool(np.any(ties)) else None


def unpack_all(packed: Sequence[tuple[str, str | None]], n: int) -> npt.NDArray[np.float64]:
    """(S, n) the outcomes behind S texts of `pack`, one or more.

    Raises `DataError` where a text is no base64, has another length than n rows need, has bits set behind
    the last row, or calls a row both right and tied.
    """
    out = _masks([right for right, _ in packed], n, "outcomes").astype(np.float64)
    tied = [i for i, (_, ties) in enumerate(packed) if ties is not None]
    if tied:
        ties = _masks([text for _, text in packed if text is not None], n, "ties")
        if bool(np.any(ties & (out[tied] > 0))):
            raise DataError("outcomes and ties mark the same row; a tie's bit in outcomes is 0")
        out[tied] += 0.5 * ties
    return out


def counted(
    packed: Sequence[tuple[str, str | None]], n: int, largest: Sequence[float] | None
) -> npt.NDArray[np.float64]:
    """(S, n) what the outcomes behind S texts of `pack` count: as `unpack_all`, then `agreement`.

    Raises as `unpack_all`, and `DataError` where `largest` is not of n rows.
    """
    if largest is not None and len(largest) != n:
        raise DataError(f"{len(largest)} largest vote shares for {n} rows")
    return agreement(unpack_all(packed, n), None if largest is None else np.asarray(largest, np.float64))


def _bits(mask: npt.NDArray[np.bool_]) -> str:
    return base64.b64encode(np.packbits(mask).tobytes()).decode("ascii")


def _masks(texts: Sequence[str], n: int, what: str) -> npt.NDArray[np.bool_]:
    """(S, n) the bits of S texts."""
    raw = b"".join(_bytes(text, n, what) for text in texts)
    bits = np.unpackbits(np.frombuffer(raw, dtype=np.uint8).reshape(len(texts), -1), axis=1).view(np.bool_)
    if bool(np.any(bits[:, n:])):
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
