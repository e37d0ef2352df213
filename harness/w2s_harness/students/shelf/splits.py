"""The rows of a split as one model reads them: features, likelihoods and texts, mapped or made on demand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.kinds import Kind
from w2s_harness.contract.worker.wire.messages import unpack
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.students.control import SplitRef

if TYPE_CHECKING:
    from w2s_harness.students.lm.readout import Extraction
    from w2s_harness.students.shelf.shelf import Reads

Index = npt.NDArray[np.int64]
Swap = npt.NDArray[np.bool_] | None


class Split:
    """A split in a cell's order. Rows are positions in that order; `swap` (m,) marks exchanged responses."""

    def __init__(
        self,
        ref: SplitRef,
        order: Index | None,
        kind: Kind,
        reads: Reads,
    ) -> None:
        """`reads` is asked only where the files do not hold the answer."""
        self._ref, self._kind, self._reads = ref, kind, reads
        n = _length(ref)
        self._order = np.arange(n) if order is None else order
        if len(self._order) and not (self._order.min() >= 0 and self._order.max() < n):
            raise ModelError("a split's order names rows that the split does not have")
        self._extraction: Extraction | None = None
        self._sorted = np.argsort(self._order, kind="stable")
        self._rank = np.argsort(self._sorted)

    def __len__(self) -> int:
        return len(self._order)

    def rank(self, index: Index) -> Index:
        """(m,) places of rows among the cell's, in the order of the data: the same in every cell's order."""
        return self._rank[index]

    def ranked(self, rank: Index) -> Index:
        """(m,) the rows at these places."""
        return self._sorted[rank]

    def positions(self, index: Index) -> Index:
        """(m,) places of rows in the data."""
        return self._order[index]

    def features(self, index: Index, swap: Swap = None) -> npt.NDArray[np.float32]:
        """(m, d) probe vectors; a swapped preference has the sign reversed."""
        if self._ref.features is None:
            return _signed(self._extracted().features[self._order[index]], swap)
        return _signed(_mapped(self._ref.features)[self._order[index]], swap)

    def likelihoods(self, index: Index, swap: Swap = None) -> npt.NDArray[np.float64]:
        """(m, 3) sum, mean and min of the response's logp."""
        if self._ref.likelihoods is None:
            return _signed(self._extracted().likelihoods[self._order[index]], swap)
        return _signed(_mapped(self._ref.likelihoods)[self._order[index]], swap)

    def tokens(self, index: Index) -> int:
        """Tokens that reading these rows once takes."""
        if self._ref.tokens is None:
            return int(self._extracted().tokens[self._order[index]].sum())
        return int(np.asarray(unpack(self._ref.tokens, dtype="i8", ndim=1))[self._order[index]].sum())

    def texts(self, index: Index, swap: Swap = None) -> list[TextRow]:
        """The rows' texts. Raises `ModelError` where the split came without."""
        if not self._ref.rows:
            raise ModelError("the service was given no text for these rows")
        rows = [self._ref.rows[i] for i in self._order[index]]
        if swap is None:
            return rows
        return [row.swapped() if is_swapped else row for row, is_swapped in zip(rows, swap, strict=True)]

    def layer_means(
        self, index: Index, layer: int, answer: Literal[0, 1] | None, swap: Swap = None
    ) -> npt.NDArray[np.float32]:
        """(m, h) frozen mean hidden states of a layer over the response; -1 is the last layer.

        Raises `ModelError` for a layer that the model does not have.
        """
        layers = self._reads.model().layers
        if not -layers <= layer < layers:
            raise ModelError(f"layer {layer} is out of range: the model has layers 0 to {layers - 1}")
        means = self._reads.layer(self._texts(), self._kind, layer % layers, answer)
        return _signed(means[self._order[index]], swap)

    def answered(self, index: Index, answer: Literal[0, 1]) -> npt.NDArray[np.float32]:
        """(m, d) probe vectors of verify rows with " correct" or " incorrect" after the candidate."""
        from w2s_harness.students.lm.readout import ANSWERS

        rows = [
            msgspec.structs.replace(row, candidate=(row.candidate or "") + ANSWERS[answer])
            for row in self._texts()
        ]
        return self._reads.extraction(rows, self._kind).features[self._order[index]]

    def _texts(self) -> Sequence[TextRow]:
        """All rows of the split: they are read at once, so a row's bits never depend on who asks."""
        if not self._ref.rows:
            raise ModelError("the service was given no text for these rows")
        return self._ref.rows

    def _extracted(self) -> Extraction:
        if self._extraction is None:
            self._extraction = self._reads.extraction(self._texts(), self._kind)
        return self._extraction


def _length(ref: SplitRef) -> int:
    if ref.rows:
        return len(ref.rows)
    return len(_mapped(ref.features)) if ref.features is not None else 0


def _mapped(path: str) -> npt.NDArray[Any]:
    if not Path(path).is_file():
        raise ModelError(f"the features file {path} is gone; run the same command again")
    array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _signed(values: npt.NDArray[Any], swap: Swap) -> npt.NDArray[Any]:
    if swap is None:
        return np.asarray(values)
    return np.where(swap[:, None], -values, values)
