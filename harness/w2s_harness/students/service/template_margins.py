"""What the untrained student says of whole splits under each of its templates."""

from __future__ import annotations

from typing import Literal

import numpy as np

from w2s_harness.contract.errors import WorkerError
from w2s_harness.contract.kinds import kind_of
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.students.control import ReadOut, ReadOuts
from w2s_harness.students.session.serving import CellSession
from w2s_harness.students.shelf.shelf import Shelf

Phase = Literal["train", "test"]
NO_TEMPLATE = "its model has no template for this kind of task"


def read_out(order: ReadOut, shelf: Shelf) -> ReadOuts:
    """The margins; those of a pair of responses are averaged over both orders."""
    session = CellSession(order.cell, shelf)
    names = session.opened.templates
    found: dict[Phase, list[wire.Array]] = {"train": [], "test": []}
    for name in names:
        for phase, out in found.items():
            margins = _margins(session, order, phase, name)
            if isinstance(margins, str):
                return ReadOuts((), reason=margins)
            out.append(margins)
    return ReadOuts(names, tuple(found["train"]), tuple(found["test"]), None if names else NO_TEMPLATE)


def _margins(session: CellSession, order: ReadOut, phase: Phase, template: str) -> wire.Array | str:
    """(n,) log-odds on all rows of a phase; why not, where the model has none."""
    n = len(wire.unpack(order.cell.train_order if phase == "train" else order.cell.test_order))
    kind = kind_of(order.cell.kind)
    index, swapped = wire.pack(np.arange(n), "i8"), wire.pack(np.ones(n, np.uint8), "u1")
    found = []
    for is_swapped in kind.orders:
        rows = wire.RowsRef(phase, index, swapped if is_swapped else None)
        reply = session.serve(wire.ZeroShotMargins(rows, template))
        if isinstance(reply, wire.Refused):
            return reply.reason
        if not isinstance(reply, wire.Values):
            raise WorkerError(f"the student answered a readout with {type(reply).__name__}")
        found.append(np.asarray(wire.unpack(reply.values), np.float64))
    return wire.pack(kind.averaged(found), "f8")
