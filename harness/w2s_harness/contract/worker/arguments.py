"""What a method may pass to its student: checked here, before it becomes a request."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import HarnessError

Float: TypeAlias = npt.NDArray[np.float64]


class StudentError(HarnessError):
    """A request that was not served: an argument is wrong, or the service refused it (the text says why)."""


def selector(which: Any, n: int) -> npt.NDArray[np.int64] | npt.NDArray[np.bool_] | slice:
    """What takes rows `which` of n, as numpy takes them. Raises `IndexError` or `TypeError`."""
    if isinstance(which, slice):
        return which
    pick = np.asarray(which)
    if pick.size == 0 and pick.dtype != bool:
        pick = pick.astype(np.int64)
    if pick.dtype == bool:
        if pick.shape != (n,):
            raise IndexError(f"a mask of shape {pick.shape} does not fit {n} rows")
        return pick
    if pick.dtype.kind not in "iu" or pick.ndim > 1:
        raise TypeError(
            f"rows are taken by a mask, integers (m,) or a slice, not by {pick.dtype} {pick.shape}"
        )
    if pick.size and not (-n <= int(pick.min()) and int(pick.max()) < n):
        raise IndexError(
            f"row {int(pick.max() if pick.max() >= n else pick.min())} is out of range for {n} rows"
        )
    return np.atleast_1d(pick.astype(np.int64))


def column(name: str, values: npt.ArrayLike, n: int, *, low: float = 0.0, high: float = math.inf) -> Float:
    """`values` as (n,) finite floats in [low, high]. Raises `StudentError` that says what is wrong."""
    try:
        checked = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as bad:
        raise StudentError(f"{name} are not numbers: {bad}") from bad
    if checked.shape != (n,):
        raise StudentError(f"{name} have shape {checked.shape}, expected ({n},)")
    if not np.isfinite(checked).all():
        raise StudentError(
            f"{name} hold {int((~np.isfinite(checked)).sum())} values that are NaN or infinite"
        )
    if n and (checked.min() < low or checked.max() > high):
        raise StudentError(
            f"{name} reach from {checked.min():g} to {checked.max():g}, expected [{low:g}, {high:g}]"
        )
    return checked


def weights(values: npt.ArrayLike, n: int) -> Float:
    """`values` as (n,) weights, none negative, not all zero. Raises `StudentError`."""
    checked = column("weight", values, n)
    if not checked.any():
        raise StudentError("weight is zero for every row")
    return checked


def number(name: str, value: float, *, positive: bool = False) -> float:
    """`value` as a finite float, above zero where `positive`. Raises `StudentError`."""
    try:
        checked = float(value)
    except (TypeError, ValueError) as bad:
        raise StudentError(f"{name} is {value!r}, expected a number") from bad
    if not math.isfinite(checked) or (positive and checked <= 0):
        raise StudentError(f"{name} is {checked}, expected a {'positive' if positive else 'finite'} number")
    return checked


def seed(value: int) -> int:
    """`value` as a whole number from 0. Raises `StudentError`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < 2**63:
        raise StudentError(f"seed is {value!r}, expected a whole number from 0")
    return int(value)
