"""A student service in the test's own process: it records what is asked and answers from a rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from w2s_harness.contract.types import Problem
from w2s_harness.contract.worker.handles import Rows, Shown
from w2s_harness.contract.worker.student import Student
from w2s_harness.contract.worker.wire import messages as wire


class FakeConnection:
    """Answers `Predict` and `ZeroShot` from columns that the test gives, by row position."""

    def __init__(self, predictions: Sequence[Sequence[float]] = (), margins: Sequence[float] = ()) -> None:
        self.requests: list[wire.Request] = []
        self.predictions = [np.asarray(p, dtype=float) for p in predictions]
        self.margins = np.asarray(margins, dtype=float)
        self.handles = 0
        self.answer: Callable[[wire.Request], wire.Reply] | None = None

    def call(self, request: wire.Request) -> wire.Reply:
        self.requests.append(request)
        if self.answer is not None:
            return self.answer(request)
        match request:
            case wire.Fit() | wire.Prior() | wire.EnsembleOf() | wire.Head():
                self.handles += 1
                return wire.Handled(self.handles - 1)
            case wire.Predict():
                return wire.Values(wire.pack(self.predictions[request.handle][index(request.rows)]))
            case wire.ZeroShotMargins():
                return wire.Values(wire.pack(self.margins[index(request.rows)]))
        return wire.Refused("not in this test")

    @property
    def fits(self) -> list[wire.Fit]:
        return [r for r in self.requests if isinstance(r, wire.Fit)]


def index(rows: wire.RowsRef) -> np.ndarray:
    return wire.unpack(rows.index, dtype="i8")


def student(connection: FakeConnection, kind: Literal["verify", "preference"] = "verify") -> Student:
    return Student(connection, kind=kind, layers=3, features=2, templates=("plain", "other"))


def problem(
    weak: Sequence[float],
    kind: Literal["verify", "preference"] = "verify",
    shown: Shown | None = None,
    share_true: float | None = 0.5,
) -> Problem:
    rows = Rows.first(len(weak), kind, "train", shown or Shown())
    share = share_true if kind == "verify" else None
    return Problem(kind, rows, np.asarray(weak, dtype=float), share_true=share)
