"""A worker's request as it is served: it is untrusted to the last number, so all of it is checked first.

A fit is brought into the one form in which it is seeded, kept and metered.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from w2s_harness.contract.errors import WorkerError
from w2s_harness.contract.kinds import Kind
from w2s_harness.contract.worker.wire.messages import Array, Fit, RowsRef, pack, unpack
from w2s_harness.students.control import FitFacts, Mode, OpenCell
from w2s_harness.students.meter import FORWARD, HEAD, NOMINAL_STEPS, TRAINING
from w2s_harness.students.probe.objective import Loss, check_options, merged, normalised
from w2s_harness.students.probe.probe import Floats, cross_entropy
from w2s_harness.students.session.trained import KeptStudent, RowSet
from w2s_harness.students.shelf import ChainModel, Split

MAX_ROWS = 1_000_000
"""Rows of one request; a row may come more than once."""


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


def column(name: str, array: Array, n: int, low: float, high: float) -> Floats:
    """(n,) finite numbers within [low, high]. Raises `WorkerError`."""
    if array.dtype not in ("f4", "f8"):
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


def fit(request: Fit, n: int, max_epochs: float) -> tuple[Floats, Floats, Loss]:
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


class Given:
    """The m rows of a fit as k distinct ones, of which n have a positive weight and are trained on.

    They stand in the order of the data, not in the cell's: every cell shows its worker another order, and a
    fit must come out the same in all of them. A preference and its swap are one row, read unswapped: a
    student of a preference is odd under a swap, so that both say the same of it.
    """

    def __init__(self, rows: RowSet, targets: Floats, weight: Floats) -> None:
        """From m rows, their targets (m,) and weights (m,) as they came; not all weights are 0."""
        swap = np.zeros(len(rows), bool) if rows.swap is None else rows.swap
        # unswapped copies first, since 1 - (1 - y) is y but for its last bits
        order = np.argsort(swap, kind="stable")
        read = np.where(swap, 1 - targets, targets)
        found = merged(rows.split.rank[rows.index][order], read[order], weight[order])
        index, counts = rows.split.sorted[found.keys], found.weight > 0
        self.rows = RowSet(rows.split, index[counts])
        """The n rows that are trained on."""
        self.without = RowSet(rows.split, index[~counts])
        """The k - n rows of weight 0."""
        self.targets = found.targets[counts]
        """(n,)"""
        self.weight = normalised(found.weight[counts])
        """(n,) of mean 1; None where all are alike."""
        self.total = float(weight.sum())
        """Sum of the weights as given."""
        self._told, self._swap, self._counts = targets, swap, counts
        self._place = np.empty(len(rows), np.int64)
        self._place[order] = found.place

    def canonical(self, request: Fit, epochs: float, lr: float) -> Fit:
        """The request whose content stands for all that train the same student; 0 where nothing is asked."""
        positions = self.rows.split.order[self.rows.index]
        return msgspec.structs.replace(
            request,
            rows=RowsRef(request.rows.phase, pack(positions, "i8")),
            targets=pack(self.targets),
            weight=None if self.weight is None else pack(self.weight),
            epochs=epochs or None,
            lr=lr or None,
            trace=False,
        )

    def losses(self, met: Floats, rest: Floats) -> Floats:
        """(2, m) first and last loss of each given row against its own target.

        `met` (2, n): log-odds of the trained rows when they were met; `rest` (k - n,): of those of weight 0.
        """
        z = np.empty((2, len(self._counts)))
        z[:, self._counts], z[:, ~self._counts] = met, rest
        each = z[:, self._place]
        return cross_entropy(self._told, np.where(self._swap, -each, each))


@dataclass(frozen=True, slots=True, eq=False)
class CheckedFit:
    """A fit that was checked and brought into its form."""

    given: Given
    loss: Loss
    solver: str
    epochs: float
    """Passes over the rows; 0 for `exact`."""
    lr: float
    """Learning rate; 0 for `exact`."""
    init: KeptStudent | None
    model: int
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class FittedHandle:
    """A student and what its training took."""

    handle: KeptStudent
    steps: int
    solves: int = 0
    met: Floats | None = None
    """(2, n) log-odds of the rows when they were first and last met; None for `exact`."""


def solver_of(request: Fit, mode: Mode) -> str:
    """`exact`, unless the request asks for what only steps can give, or the cell fine-tunes."""
    if mode == "finetune":
        return "finetune"
    by_path = request.trace or any(v is not None for v in (request.epochs, request.lr, request.init))
    return "path" if by_path else "exact"


def steps_asked(request: Fit, order: OpenCell, solver: str) -> tuple[float, float]:
    """Epochs and learning rate of a fit: the request's, else the cell's own; 0 and 0 for `exact`."""
    if solver == "exact":
        return 0.0, 0.0
    own = order.finetune if solver == "finetune" else order.probe
    return (
        float(own.epochs if request.epochs is None else request.epochs),
        float(own.lr if request.lr is None else request.lr),
    )


def facts(job: CheckedFit, found: FittedHandle, c: float | None, drawn: int) -> FitFacts:
    """What is kept of a fit. `c`: the penalty's, None without one; `drawn`: rows of the cell's draw."""
    given = job.given
    n = len(given.rows)
    return FitFacts(
        solver=job.solver,
        loss=job.loss.name,
        rows=n,
        weight=given.total,
        c_effective=None if c is None else c * n / drawn,
        steps=found.steps,
        solves=found.solves,
        epochs=job.epochs,
        sharpness=float(np.average(np.abs(2 * given.targets - 1), weights=given.weight)),
        model=job.model,
    )


def vanilla_flops(order: OpenCell, strong: ChainModel) -> float:
    """What a cell's limit is a multiple of: a fit on all training rows and a prediction of the holdout.

    The steps of a probe's solve are not known before it: `NOMINAL_STEPS` stand for them.
    """
    splits, shape = strong.splits, strong.shape
    train, test = (split.tokens(np.arange(len(split))) for split in splits.values())
    factor, head = FORWARD, HEAD * NOMINAL_STEPS * shape.features * len(splits["train"])
    if order.mode == "finetune":
        factor, head = factor + TRAINING[order.finetune.adapter] * order.finetune.epochs, 0.0
    return shape.parameters * (factor * train + FORWARD * test) + head
