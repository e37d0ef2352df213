"""What a work computed: facts of plain types and arrays, kept as one record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import msgspec
import numpy as np
import numpy.typing as npt


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
