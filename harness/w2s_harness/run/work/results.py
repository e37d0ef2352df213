"""The results of works in a store: one record each, written once its arrays are."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import StoreError
from w2s_harness.run.kept.store import Kept, Store
from w2s_harness.run.work.work import Failure, Work


@dataclass(frozen=True, eq=False)
class Result:
    """A frozen dataclass of plain types and of `ResultArray`s; every kind of work has its own."""

    apart: ClassVar[frozenset[str]] = frozenset()
    """Arrays with a file of their own, which others open; the rest share one."""

    def facts(self) -> dict[str, Any]:
        """The fields that are no arrays, as plain JSON types."""
        return {
            name: msgspec.to_builtins(value)
            for name, value in self._items()
            if not isinstance(value, ResultArray)
        }

    def arrays(self) -> dict[str, ResultArray]:
        """The arrays by field."""
        return {name: value for name, value in self._items() if isinstance(value, ResultArray)}

    def _items(self) -> list[tuple[str, Any]]:
        return [(field.name, getattr(self, field.name)) for field in fields(self)]

    @classmethod
    def of(cls, facts: dict[str, Any], arrays: dict[str, ResultArray]) -> Self:
        """A result from what `facts` and `arrays` gave. Raises `ValueError` for what is none."""
        return msgspec.convert({**facts, **arrays}, cls, dec_hook=_array)


class ResultArray:
    """An array of a result: as it was computed, or in its file."""

    __slots__ = ("_path", "_read", "_values")

    def __init__(
        self,
        values: npt.NDArray[Any] | None = None,
        *,
        read: Callable[[], npt.NDArray[Any]] | None = None,
        path: Callable[[], Path] | None = None,
    ) -> None:
        """Either `values`, or how they are read and where they lie."""
        self._values, self._read, self._path = values, read, path

    @property
    def values(self) -> npt.NDArray[Any]:
        """The array. Raises `StoreError` where its file is gone or has changed."""
        if self._values is not None:
            return self._values
        assert self._read is not None
        return self._read()

    @property
    def floats(self) -> npt.NDArray[np.float64]:
        """`values` as float64."""
        return np.asarray(self.values, np.float64)

    def path(self) -> Path:
        """Its checked file. Raises `StoreError` as `values`."""
        assert self._path is not None, "a result has files once it is kept"
        return self._path()


def _array(kind: type, value: Any) -> Any:
    if kind is ResultArray and isinstance(value, ResultArray):
        return value
    raise NotImplementedError(kind)


R = TypeVar("R", bound=Result)
HELD_BYTES = 2**27
"""What arrays of results may hold of memory, beside the one at hand."""
GONE = "the result of {} ({}) is gone from the store; run the same command again"


class Results:
    """What is kept, by work, and what failed since this was made. Safe for threads."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._known: dict[str, Result] = {}
        self._arrays = _Arrays()
        self._failed: dict[str, Failure] = {}

    def has(self, work: Work[Any]) -> bool:
        """Whether the result is there, its files with the bytes that were written."""
        return self.get(work) is not None

    def get(self, work: Work[R]) -> R | None:
        """The result, or None where it is not kept whole."""
        key = work.key
        known = self._known.get(key)
        if known is None:
            kept = self.store.kept(key)
            if kept is None:
                return None
            known = self._decoded(work, kept)
            if known is None:
                return None
            self._known[key] = known
        return known  # type: ignore[return-value]  # a key names one kind of work

    def facts(self, work: Work[R]) -> R | None:
        """The result, whatever became of its files; None where there never was one."""
        kept = self.store.kept(work.key, checked=False)
        return None if kept is None else self._decoded(work, kept)

    def of(self, work: Work[R]) -> R:
        """The result. Raises `StoreError` where it is gone."""
        found = self.get(work)
        if found is None:
            raise StoreError(GONE.format(work.kind, work.name()))
        return found

    def put(self, work: Work[R], result: R) -> None:
        """Keep a result: its arrays, then one line that names them. Raises `StoreError` on a full disk.

        A failure of the work before is forgotten.
        """
        arrays = {name: array.values for name, array in result.arrays().items()}
        self.store.put_record(work.key, result.facts(), arrays, apart=work.gives.apart)
        self._known.pop(work.key, None)
        self._failed.pop(work.key, None)
        for name, values in arrays.items():
            self._arrays.hold((work.key, name), values)

    def fail(self, work: Work[Any], failure: Failure) -> None:
        """Remember why a work has no result."""
        self._failed[work.key] = failure

    def failure(self, work: Work[Any]) -> Failure | None:
        """Why a work has no result; None of one that has, or was not tried."""
        return self._failed.get(work.key)

    def _decoded(self, work: Work[R], kept: Kept) -> R | None:
        arrays = {name: self._array(work, kept, name) for name in kept.names}
        try:
            return work.gives.of(kept.facts, arrays)  # type: ignore[return-value]
        except ValueError:
            return None

    def _array(self, work: Work[Any], kept: Kept, name: str) -> ResultArray:
        def found(what: Any) -> Any:
            if what is None:
                self._known.pop(work.key, None)
                raise StoreError(GONE.format(work.kind, work.name()))
            return what

        def read() -> npt.NDArray[Any]:
            held = self._arrays.of((work.key, name))
            if held is None:
                held = found(self.store.array_of(kept, name))
                self._arrays.hold((work.key, name), held)
            return held

        return ResultArray(
            read=read,
            path=lambda: found(self.store.file_of(kept, name)),
        )


class _Arrays:
    """The arrays that were used last, read-only, up to `HELD_BYTES`. Safe for threads."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, str], npt.NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, name: tuple[str, str]) -> npt.NDArray[Any] | None:
        """An array that is held, now the last one used."""
        with self._lock:
            found = self._held.get(name)
            if found is not None:
                self._held.move_to_end(name)
            return found

    def hold(self, name: tuple[str, str], values: npt.NDArray[Any]) -> None:
        """Hold an array, and let go of those that were not used for longest."""
        values.flags.writeable = False
        with self._lock:
            old = self._held.pop(name, None)
            self._bytes += values.nbytes - (0 if old is None else old.nbytes)
            self._held[name] = values
            while self._bytes > HELD_BYTES:
                self._bytes -= self._held.popitem(last=False)[1].nbytes
