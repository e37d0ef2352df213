"""What a method holds in its worker: opaque handles of rows, of trained students and of notes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.access import for_column, how_to_ask
from w2s_harness.contract.errors import Skip
from w2s_harness.contract.kinds import KindName, kind_of
from w2s_harness.contract.worker import arguments
from w2s_harness.contract.worker.arguments import StudentError
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.contract.worker.wire.row_text import TextRow

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What a cell was sent of the n rows of a phase; one table, shared by all `Rows` of the phase."""

    access: tuple[str, ...] = ()
    groups: Codes | None = None
    """(n,)"""
    conflicts: Codes | None = None
    """(k, 2)"""
    texts: tuple[TextRow, ...] | None = None
    """(n)"""

    @classmethod
    def of(cls, released: wire.Released, access: tuple[str, ...]) -> Shown:
        """The table behind a message. Raises `WorkerError` where its arrays are malformed."""
        groups, pairs = released.groups, released.conflicts
        return cls(
            access,
            None if groups is None else wire.unpack(groups, dtype="i8", ndim=1).astype(np.int64),
            None if pairs is None else wire.unpack(pairs, dtype="i8", ndim=2).astype(np.int64),
            released.texts,
        )

    def lacks(self, what: str, column: str) -> StudentError:
        """Why `what` is not there, which is made of a column."""
        access = for_column(column)
        if access in self.access:
            return StudentError(f"rows.{what}: a guard of this run keeps it back for this task")
        return StudentError(
            f"rows.{what} needs the access {access}: {how_to_ask(access)} and run with --grant {access}"
        )


_NOTHING = Shown()


class Rows:
    """Rows of a task as opaque handles: no ids and no labels, and no text unless it was granted.

    Take some of them as from an array, by a boolean mask (n,), integers (m,), a slice or one integer:
    `rows[keep]`, `rows[order[:100]]`, `rows[3]`; the answer is always `Rows`. `len(rows)` counts them,
    `a + b` puts the rows of one phase behind each other, `rows.swap` reads a preference the other way round.
    """

    __slots__ = ("_index", "_kind", "_phase", "_shown", "_swap")

    def __init__(
        self,
        kind: KindName,
        phase: Literal["train", "test"],
        index: Codes,
        swap: npt.NDArray[np.bool_] | None = None,
        shown: Shown = _NOTHING,
    ) -> None:
        self._kind = kind
        self._phase = phase
        self._index = index
        self._swap = np.zeros(len(index), dtype=bool) if swap is None else swap
        self._shown = shown

    @classmethod
    def first(
        cls,
        n: int,
        kind: KindName,
        phase: Literal["train", "test"],
        shown: Shown = _NOTHING,
    ) -> Rows:
        """All `n` rows of a phase, in the order the cell was given, with what was released of them."""
        return cls(kind, phase, np.arange(n, dtype=np.int64), None, shown)

    @property
    def swap(self) -> Rows:
        """The same preferences with first and second response exchanged; P(label = 1) means the second.

        Raises `StudentError` for a verify task, whose rows have one candidate.
        """
        if not kind_of(self._kind).is_paired:
            raise StudentError(f"rows of a {self._kind} task have no swap: each has one candidate")
        return Rows(self._kind, self._phase, self._index, ~self._swap, self._shown)

    @property
    def orders(self) -> tuple[Rows, ...]:
        """The rows in each order that they can be read in: themselves, and of preferences their swap too."""
        return tuple(self.swap if is_swapped else self for is_swapped in kind_of(self._kind).orders)

    @property
    def group(self) -> Codes:
        """(m,) code of each row's question, access `groups`; rows of one question share it.

        Codes run from 0 in each phase, in the order of the rows, and stay the same however rows are taken.
        Raises `StudentError` without the access.
        """
        if self._shown.groups is None:
            raise self._shown.lacks("group", "group")
        return self._shown.groups[self._index]

    @property
    def conflicts(self) -> Codes:
        """(k, 2) positions a < b in these rows, sorted, that cannot both be right, access `groups`.

        Two candidates of one question that come to different answers; none where the task does not say what
        they come to. Raises `StudentError` without the access.
        """
        if self._shown.conflicts is None:
            raise self._shown.lacks("conflicts", "conflicts")
        return _among(self._shown.conflicts, self._index)

    @property
    def text(self) -> list[TextRow]:
        """What each of the m rows says, access `text`: `.prompt`, and `.candidate` or `.first` and `.second`.

        Of swapped rows, the responses are exchanged. Raises `StudentError` without the access.
        """
        texts = self._shown.texts
        if texts is None:
            raise self._shown.lacks("text", "prompt")
        rows = [texts[i] for i in self._index.tolist()]
        for i in np.flatnonzero(self._swap).tolist():
            rows[i] = rows[i].swapped()
        return rows

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, which: Any) -> Rows:
        """Some of the rows. Raises `IndexError` (out of range, a mask of another length) or `TypeError`."""
        pick = arguments.selector(which, len(self))
        return Rows(self._kind, self._phase, self._index[pick], self._swap[pick], self._shown)

    def __iter__(self) -> Iterator[Rows]:
        return (self[i] for i in range(len(self)))

    def __add__(self, other: Rows) -> Rows:
        """These rows, then `other`'s. Raises `StudentError` where one is of training and one of test."""
        if not isinstance(other, Rows):
            return NotImplemented
        if other._phase != self._phase:
            raise StudentError("training and test rows cannot be put together")
        index = np.concatenate([self._index, other._index])
        swap = np.concatenate([self._swap, other._swap])
        return Rows(self._kind, self._phase, index, swap, self._shown)

    def __repr__(self) -> str:
        return f"<{len(self)} {self._kind} rows>"

    def _ref(self) -> wire.RowsRef:
        swap = wire.pack(self._swap, "u1") if self._swap.any() else None
        return wire.RowsRef(self._phase, wire.pack(self._index, "i8"), swap)


def _among(pairs: Codes, index: Codes) -> Codes:
    """The pairs (k, 2) of a phase as positions in `index` (m,), sorted.

    A row that was taken twice has each of its pairs twice.
    """
    order = np.argsort(index, kind="stable")
    ordered = index[order]
    first = np.searchsorted(ordered, pairs)
    times = np.searchsorted(ordered, pairs, side="right") - first
    counts = times[:, 0] * times[:, 1]
    which = np.repeat(np.arange(len(pairs)), counts)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    left = order[first[which, 0] + nth // times[which, 1]]
    right = order[first[which, 1] + nth % times[which, 1]]
    found = np.column_stack([np.minimum(left, right), np.maximum(left, right)]).astype(np.int64)
    return found[np.lexsort((found[:, 1], found[:, 0]))]


Float: TypeAlias = npt.NDArray[np.float64]
_Answer = TypeVar("_Answer", bound=wire.Message)


class Connection(Protocol):
    """The way to the student service: one request, one reply."""

    def call(self, request: wire.Request) -> wire.Reply:
        """Send `request` and wait for its reply."""
        ...


class Handle:
    """A trained student, or a combination of students, kept by the service until the cell ends."""

    __slots__ = ("_connection", "_id", "_model", "trace")

    def __init__(
        self, connection: Connection, handle: int, trace: Float | None = None, model: int = 0
    ) -> None:
        self._connection = connection
        self._id = handle
        self.trace = trace
        """(2, m) loss of each training row after the first and after the last epoch.

        `None` unless the student was fitted with `trace=True`.
        """
        self._model = model

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
