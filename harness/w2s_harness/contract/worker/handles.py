"""What a method holds of the student service: handles of what was trained, notes that were written."""

from __future__ import annotations

from typing import Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import Skip
from w2s_harness.contract.worker import arguments
from w2s_harness.contract.worker.arguments import StudentError
from w2s_harness.contract.worker.row_handles import Rows
from w2s_harness.contract.worker.wire import messages as wire

Float: TypeAlias = npt.NDArray[np.float64]
_Answer = TypeVar("_Answer", bound=wire.Message)


class Connection(Protocol):
    """The way to the student service: one request, one reply."""

    def call(self, request: wire.Request) -> wire.Reply:
        """Send `request` and wait for its reply."""
        ...


class Handle:
    """A trained student, or a combination of students, kept by the service until the cell ends."""

    __slots__ = ("_connection", "_id", "_model", "_trace")

    def __init__(
        self, connection: Connection, handle: int, trace: Float | None = None, model: int = 0
    ) -> None:
        self._connection = connection
        self._id = handle
        self._trace = trace
        self._model = model

    @property
    def trace(self) -> Float | None:
        """(2, m) loss of each training row after the first and after the last epoch.

        `None` unless the student was fitted with `trace=True`.
        """
        return self._trace

    def predict(self, rows: Rows) -> Float:
        """(m,) P(label = 1) of each row, in [0, 1].

        Rows of the training phase; test rows only with `inference` (after `fit`) or `transductive`.
        Raises `StudentError` where the service refuses.
        """
        reply = ask(self._connection, wire.Predict(self._id, rows_of(rows)._ref()), wire.Values)
        return floats(reply.values, ndim=1)

    def losses(self, rows: Rows, targets: npt.ArrayLike) -> Float:
        """(m,) cross-entropy of each row, in nats, of this student against `targets` (m,) in [0, 1].

        Raises `StudentError` for targets of another length, NaN or outside [0, 1].
        """
        column = arguments.column("targets", targets, len(rows_of(rows)), high=1.0)
        reply = ask(self._connection, wire.Losses(self._id, rows._ref(), wire.pack(column)), wire.Values)
        return floats(reply.values, ndim=1)

    def __repr__(self) -> str:
        return f"<student {self._id}>"


class Notes:
    """What the student wrote on some rows, one note for each; the text never leaves the service."""

    __slots__ = ("_id", "_length")

    def __init__(self, notes: int, length: int) -> None:
        self._id = notes
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        return f"<{self._length} notes>"


def ask(connection: Connection, request: wire.Request, kind: type[_Answer]) -> _Answer:
    """The reply to a request. Raises `StudentError` where it was refused, `Skip` where no request can do."""
    reply = connection.call(request)
    if isinstance(reply, wire.Refused) and reply.unable:
        raise Skip(reply.reason)
    if isinstance(reply, wire.Refused):
        raise StudentError(reply.reason)
    if not isinstance(reply, kind):
        raise StudentError(f"the service answered {type(request).__name__} with {type(reply).__name__}")
    return reply


def floats(array: wire.Array, *, ndim: int) -> Float:
    """The array of a reply, as float64."""
    return wire.unpack(array, ndim=ndim).astype(np.float64)


def rows_of(rows: Rows) -> Rows:
    """`rows`, or a `StudentError` where they are none."""
    if not isinstance(rows, Rows):
        raise StudentError(
            f"expected rows, such as problem.rows or problem.rows[keep], got {type(rows).__name__}"
        )
    return rows
