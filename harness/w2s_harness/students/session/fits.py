"""A fit as it is trained: what was asked for, in the one form in which it is seeded, kept and metered."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.students.control import FitFacts, Mode, OpenCell
from w2s_harness.students.meter import FORWARD, HEAD, NOMINAL_STEPS, TRAINING
from w2s_harness.students.probe.probe import Floats, cross_entropy
from w2s_harness.students.probe.targets import Loss
from w2s_harness.students.probe.weighting import merged, normalised
from w2s_harness.students.session.trained import KeptStudent, RowSet
from w2s_harness.students.shelf.rung import ChainModel


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """The m rows of a request as k distinct ones, of which n have a positive weight.

    They stand in the order of the data, not in the cell's: every cell shows its worker another order, and a
    fit must come out the same in all of them. A preference and its swap are one row, read unswapped: a
    student of a preference is odd under a swap, so that both say the same of it.
    """

    rows: RowSet
    """The n rows that are trained on."""
    targets: Floats
    """(n,)"""
    weight: Floats | None
    """(n,) of mean 1; None where all are alike."""
    total: float
    """Sum of the weights as given."""
    _told: Floats
    """(m,) targets as given."""
    _swap: npt.NDArray[np.bool_]
    """(m,)"""
    _place: npt.NDArray[np.int64]
    """(m,) which of the k each is."""
    _counts: npt.NDArray[np.bool_]
    """(k,) whether it is trained on."""
    _without: RowSet
    """The k - n rows of weight 0."""

    @classmethod
    def of(cls, rows: RowSet, targets: Floats, weight: Floats) -> Given:
        """From m rows, their targets (m,) and weights (m,) as they came; not all weights are 0."""
        swap = np.zeros(len(rows), bool) if rows.swap is None else rows.swap
        # unswapped copies first, since 1 - (1 - y) is y but for its last bits
        order = np.argsort(swap, kind="stable")
        read = np.where(swap, 1 - targets, targets)
        found = merged(rows.split.rank(rows.index)[order], read[order], weight[order])
        place = np.empty(len(rows), np.int64)
        place[order] = found.place
        counts, index = found.weight > 0, rows.split.ranked(found.keys)
        return cls(
            RowSet(rows.split, index[counts]), found.targets[counts], normalised(found.weight[counts]),
            float(weight.sum()), targets, swap, place, counts, RowSet(rows.split, index[~counts]),
        )  # fmt: skip

    def canonical(self, request: wire.Fit, epochs: float, lr: float) -> wire.Fit:
        """The request whose content stands for all that train the same student; 0 where nothing is asked."""
        positions = self.rows.split.positions(self.rows.index)
        return msgspec.structs.replace(
            request,
            rows=wire.RowsRef(request.rows.phase, wire.pack(positions, "i8")),
            targets=wire.pack(self.targets),
            weight=None if self.weight is None else wire.pack(self.weight),
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

    @property
    def without(self) -> RowSet:
        """The rows of weight 0."""
        return self._without


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


def solver_of(request: wire.Fit, mode: Mode) -> str:
    """`exact`, unless the request asks for what only steps can give, or the cell fine-tunes."""
    if mode == "finetune":
        return "finetune"
    by_path = request.trace or any(v is not None for v in (request.epochs, request.lr, request.init))
    return "path" if by_path else "exact"


def steps_asked(request: wire.Fit, order: OpenCell, solver: str) -> tuple[float, float]:
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
