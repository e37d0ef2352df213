"""What of a worker's request is refused before anything is computed: it is untrusted to the last number."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import WorkerError
from w2s_harness.contract.kinds import Kind
from w2s_harness.contract.worker.wire.messages import Array, Fit, RowsRef, unpack
from w2s_harness.students.probe.targets import Loss, check_options
from w2s_harness.students.session.trained import RowSet
from w2s_harness.students.shelf.splits import Split

MAX_ROWS = 1_000_000
"""Rows of one request; a row may come more than once."""
_FLOATS = ("f4", "f8")


def rows(ref: RowsRef, splits: Mapping[str, Split], kind: Kind) -> RowSet:
    """The rows that a request names. Raises `WorkerError`."""
    split = splits[ref.phase]
    index = np.asarray(unpack(ref.index, dtype="i8", ndim=1), np.int64)
    if len(index) > MAX_ROWS:
        raise WorkerError(f"{len(index)} rows in one request are over the {MAX_ROWS} allowed")
    if len(index) and not (index.min() >= 0 and index.max() < len(split)):
        raise WorkerError(f"a row index is out of range: there are {len(split)} {ref.phase} rows")
    if ref.swap is None:
        return RowSet(split, index)
    if not kind.is_paired:
        raise WorkerError(f"rows of a {kind.name} task have no swap")
    swap = np.asarray(unpack(ref.swap, dtype="u1", ndim=1))
    if swap.shape != index.shape or swap.max(initial=0) > 1:
        raise WorkerError("swap must hold a 0 or a 1 for each row")
    return RowSet(split, index, swap.astype(bool))


def column(name: str, array: Array, n: int, low: float, high: float) -> npt.NDArray[np.float64]:
    """(n,) finite numbers within [low, high]. Raises `WorkerError`."""
    if array.dtype not in _FLOATS:
        raise WorkerError(f"{name} must be floating point, not {array.dtype}")
    values = np.asarray(unpack(array, ndim=1), np.float64)
    if len(values) != n:
        raise WorkerError(f"{name} holds {len(values)} values for {n} rows")
    if not np.isfinite(values).all():
        raise WorkerError(f"{name} holds NaN or infinite values")
    if n and not (values.min() >= low and values.max() <= high):
        raise WorkerError(f"{name} must be within {low:g} and {high:g}")
    return values


def number(name: str, value: float, low: float, high: float) -> float:
    """A finite number within [low, high]. Raises `WorkerError`."""
    if not math.isfinite(value) or not low <= value <= high:
        raise WorkerError(f"{name} must be within {low:g} and {high:g}, not {value:g}")
    return value


def fit(
    request: Fit, n: int, max_epochs: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], Loss]:
    """(targets, weights, loss) of a fit on n rows. Raises `WorkerError`."""
    if not n:
        raise WorkerError("there are no rows to train on")
    targets = column("targets", request.targets, n, 0.0, 1.0)
    weight = np.ones(n) if request.weight is None else column("weight", request.weight, n, 0.0, 1e6)
    if not weight.any():
        raise WorkerError("weight is zero for every row")
    if request.epochs is not None:
        number("epochs", request.epochs, 1e-3, max_epochs)
    if request.lr is not None:
        number("lr", request.lr, 1e-9, 1.0)
    if request.seed is not None:
        number("seed", request.seed, 0, 2**63 - 1)
    loss = Loss(request.loss, dict(request.options))
    check_options(loss)
    return targets, weight, loss
