"""What a service keeps between requests: models, what they read, the rows of a cell's splits."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import ModelError, UnableError
from w2s_harness.contract.kinds import Kind, kind_of
from w2s_harness.contract.types import Model
from w2s_harness.contract.worker.wire.messages import Array, unpack
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.students.control import FinetuneSettings, OpenCell, Shape, SplitRef
from w2s_harness.students.lm.zero_shot import Template, parse_templates
from w2s_harness.students.meter import Account

if TYPE_CHECKING:
    from w2s_harness.students.lm.finetune import Trainer
    from w2s_harness.students.lm.loading import Loaded
    from w2s_harness.students.lm.readout import Extraction

KEPT = 2
"""Models kept: the weak and the strong one of a pair."""
READ = 8
"""Extractions kept of what was not extracted in a stage of its own: the smaller students' of a few tasks."""
STATES, STATES_BYTES = 4, 2**28
"""Passes kept that read hidden states, and how large one may be to hold every layer."""

Answer = Literal[0, 1]
Index = npt.NDArray[np.int64]
Swap = npt.NDArray[np.bool_] | None
States = npt.NDArray[np.float32]
T = TypeVar("T")


class Latest(Generic[T]):
    """Values by key, at most `most`: the one unused for longest makes room before another is made."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`, made where it is not there."""
        if key not in self._kept:
            while len(self._kept) >= self._most:
                self._kept.popitem(last=False)
            self._kept[key] = make()
        self._kept.move_to_end(key)
        return self._kept[key]


class Shelf:
    """The models of a service, loaded when first asked for, and their last passes over whole splits."""

    def __init__(self) -> None:
        self._loaded: Latest[Loaded] = Latest(KEPT)
        self._trainer: Latest[Trainer] = Latest(1)
        self._extractions: Latest[Extraction] = Latest(READ)
        self._states: Latest[States] = Latest(STATES)

    def model(self, settings: Model) -> Loaded:
        """The model in memory. Raises `ModelError`."""
        from w2s_harness.students.lm.loading import load

        key = _key(settings)
        if len(self._loaded) == KEPT and key not in self._loaded:
            # it may hold the weights of the model that is to make room
            self._trainer = Latest(1)
        return self._loaded.get(key, lambda: load(settings))

    def shape(self, settings: Model) -> Shape:
        """Parameters, layers and width of the model, and whether it predicts tokens."""
        from w2s_harness.students.lm.readout import width

        loaded = self.model(settings)
        return Shape(loaded.parameters, loaded.layers, width(loaded), loaded.is_causal)

    def extraction(self, settings: Model, rows: Sequence[TextRow], kind: Kind) -> Extraction:
        """What one pass of the model over all rows of a split gives; kept for the cells that follow."""
        from w2s_harness.students.lm.readout import extract

        key = hashlib.sha256(_key((settings, rows, kind))).digest()
        return self._extractions.get(key, lambda: extract(self.model(settings), rows, kind))

    def layer(
        self, settings: Model, rows: Sequence[TextRow], kind: Kind, layer: int, answer: Answer | None
    ) -> States:
        """(n, h) mean hidden states of one layer on all rows of a split; kept for the cells that follow.

        One pass reads every layer, but for a model whose states would not fit.
        """
        from w2s_harness.students.lm.readout import layer_means

        loaded = self.model(settings)
        layers = list(range(loaded.layers)) if self.holds_every_layer(loaded, len(rows)) else [layer]
        key = hashlib.sha256(_key((settings, rows, kind, layers, answer))).digest()
        states = self._states.get(key, lambda: layer_means(loaded, rows, kind, layers, answer))
        return np.asarray(states[layers.index(layer)])

    @staticmethod
    def holds_every_layer(loaded: Loaded, n: int) -> bool:
        """Whether one pass over n rows keeps the states of all layers."""
        return loaded.layers * n * loaded.width * 4 <= STATES_BYTES

    def trainer(self, settings: Model, finetune: FinetuneSettings) -> Trainer:
        """What trains the model: one at a time, for it holds a copy of the weights."""
        from w2s_harness.students.lm.finetune import Trainer

        loaded = self.model(settings)
        return self._trainer.get(_key((settings, finetune)), lambda: Trainer(loaded, finetune))


def _key(what: object) -> bytes:
    return msgspec.json.encode(what, order="sorted")


class Split:
    """A split in a cell's order, as one model reads it: from files of the host's store, or on demand.

    Rows are positions in that order; `swap` (m,) marks exchanged responses.
    """

    def __init__(self, ref: SplitRef, order: Index | None, kind: Kind, shelf: Shelf, model: Model) -> None:
        """`model` is asked only where the files do not hold the answer."""
        self._ref, self._kind, self._shelf, self._model = ref, kind, shelf, model
        n = len(ref.rows)
        if not n and ref.features is not None:
            n = len(_mapped(ref.features))
        self.order = np.arange(n) if order is None else order
        """(n,) each row's place in the data."""
        if len(self.order) and not (self.order.min() >= 0 and self.order.max() < n):
            raise ModelError("a split's order names rows that the split does not have")
        self.sorted = np.argsort(self.order, kind="stable")
        """(n,) the rows in the order of the data, which is the same in every cell's order."""
        self.rank = np.argsort(self.sorted)
        """(n,) each row's place among them."""

    def __len__(self) -> int:
        return len(self.order)

    def features(self, index: Index, swap: Swap = None) -> npt.NDArray[np.float32]:
        """(m, d) probe vectors; a swapped preference has the sign reversed."""
        file = self._ref.features
        every = self._extraction.features if file is None else _mapped(file)
        return _signed(every[self.order[index]], swap)

    def likelihoods(self, index: Index, swap: Swap = None) -> npt.NDArray[np.float64]:
        """(m, 3) sum, mean and min of the response's logp."""
        file = self._ref.likelihoods
        every = self._extraction.likelihoods if file is None else _mapped(file)
        return _signed(every[self.order[index]], swap)

    def tokens(self, index: Index) -> int:
        """Tokens that reading these rows once takes."""
        told = self._ref.tokens
        every = self._extraction.tokens if told is None else np.asarray(unpack(told, dtype="i8", ndim=1))
        return int(every[self.order[index]].sum())

    def texts(self, index: Index, swap: Swap = None) -> list[TextRow]:
        """The rows' texts. Raises `ModelError` where the split came without."""
        every = self._texts()
        rows = [every[i] for i in self.order[index]]
        if swap is None:
            return rows
        return [row.swapped() if is_swapped else row for row, is_swapped in zip(rows, swap, strict=True)]

    def layer_means(self, index: Index, layer: int, answer: Answer | None, swap: Swap = None) -> States:
        """(m, h) frozen mean hidden states of a layer over the response; -1 is the last layer.

        Raises `ModelError` for a layer that the model does not have.
        """
        layers = self._shelf.model(self._model).layers
        if not -layers <= layer < layers:
            raise ModelError(f"layer {layer} is out of range: the model has layers 0 to {layers - 1}")
        means = self._shelf.layer(self._model, self._texts(), self._kind, layer % layers, answer)
        return _signed(means[self.order[index]], swap)

    def answered(self, index: Index, answer: Answer) -> States:
        """(m, d) probe vectors of verify rows with " correct" or " incorrect" after the candidate."""
        from w2s_harness.students.lm.readout import ANSWERS

        rows = [
            msgspec.structs.replace(row, candidate=(row.candidate or "") + ANSWERS[answer])
            for row in self._texts()
        ]
        return self._shelf.extraction(self._model, rows, self._kind).features[self.order[index]]

    def _texts(self) -> Sequence[TextRow]:
        """All rows of the split: they are read at once, so a row's bits never depend on who asks."""
        if not self._ref.rows:
            raise ModelError("the service was given no text for these rows")
        return self._ref.rows

    @cached_property
    def _extraction(self) -> Extraction:
        return self._shelf.extraction(self._model, self._texts(), self._kind)


def _mapped(path: str) -> npt.NDArray[Any]:
    if not Path(path).is_file():
        raise ModelError(f"the features file {path} is gone; run the same command again")
    array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _signed(values: npt.NDArray[Any], swap: Swap) -> npt.NDArray[Any]:
    return np.asarray(values) if swap is None else np.where(swap[:, None], -values, values)


class ChainModel:
    """One model of a cell: the strong student, a smaller one of its chain, or the weak model.

    It has the cell's rows as it reads them; nothing is loaded before something is asked of it.
    """

    def __init__(self, settings: Model, order: OpenCell, shelf: Shelf, *, is_strong: bool = False) -> None:
        """`is_strong`: the order's own model, whose features and shape the host may have sent along.

        Raises `ModelError` for templates that break their form.
        """
        self._templates = parse_templates(settings.templates, kind_of(order.kind))
        self._settings, self._order, self._shelf, self._is_strong = settings, order, shelf, is_strong

    @property
    def templates(self) -> Mapping[str, Template]:
        """The ways to ask the untrained model, by name; none of a model that predicts no tokens."""
        return self._templates if self.shape.predicts else {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the templates, whatever the model turns out to be."""
        return tuple(self._templates)

    def predicting(self) -> Self:
        """The model itself, where it predicts tokens. Raises `UnableError` for an encoder."""
        if not self.shape.predicts:
            raise UnableError(
                f"'{self._settings.source}' is an encoder: it predicts no tokens and cannot be asked"
            )
        return self

    def model(self) -> Loaded:
        """The model in memory. Raises `ModelError`."""
        return self._shelf.model(self._settings)

    def trainer(self) -> Trainer:
        """What fine-tunes the model. Raises `ModelError`."""
        return self._shelf.trainer(self._settings, self._order.finetune)

    @cached_property
    def shape(self) -> Shape:
        """Parameters, layers and width of the model."""
        known = self._order.shape if self._is_strong else None
        return known or self._shelf.shape(self._settings)

    @cached_property
    def splits(self) -> dict[str, Split]:
        """The rows of both phases in the cell's order."""
        order = self._order
        return {
            "train": self._split(order.train, order.train_order),
            "test": self._split(order.test, order.test_order),
        }

    def account(self, whole: Account) -> Account:
        """The cell's meter, charging by this model's size."""
        return whole if self._is_strong else whole.of_model(self.shape.parameters)

    def _split(self, ref: SplitRef, at: Array) -> Split:
        positions = np.asarray(unpack(at, dtype="i8", ndim=1), np.int64)
        own = ref if self._is_strong else SplitRef(rows=ref.rows)
        return Split(own, positions, kind_of(self._order.kind), self._shelf, self._settings)
