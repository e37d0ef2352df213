"""The models that a service keeps in memory between cells."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.contract.kinds import Kind
from w2s_harness.contract.types import Model
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.students.control import FinetuneSettings, Shape

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


class Shelf:
    """Loads a model when it is first asked for; the one unused for longest makes room."""

    def __init__(self) -> None:
        self._loaded: OrderedDict[bytes, Loaded] = OrderedDict()
        self._trainers: OrderedDict[bytes, Trainer] = OrderedDict()
        self._extractions: OrderedDict[bytes, Extraction] = OrderedDict()
        self._states: OrderedDict[bytes, npt.NDArray[np.float32]] = OrderedDict()

    def model(self, settings: Model) -> Loaded:
        """The model in memory. Raises `ModelError`."""
        from w2s_harness.students.lm.loading import load

        key = _key(settings)
        if key not in self._loaded:
            while len(self._loaded) >= KEPT:
                self._loaded.popitem(last=False)
                self._trainers.clear()
            self._loaded[key] = load(settings)
        self._loaded.move_to_end(key)
        return self._loaded[key]

    def shape(self, settings: Model) -> Shape:
        """Parameters, layers and width of the model, and whether it predicts tokens."""
        from w2s_harness.students.lm.readout import width

        loaded = self.model(settings)
        return Shape(loaded.parameters, loaded.layers, width(loaded), loaded.is_causal)

    def extraction(self, settings: Model, rows: Sequence[TextRow], kind: Kind) -> Extraction:
        """What one pass of the model over all rows of a split gives; kept for the cells that follow."""
        from w2s_harness.students.lm.readout import extract

        key = hashlib.sha256(_key((settings, rows, kind))).digest()
        if key not in self._extractions:
            while len(self._extractions) >= READ:
                self._extractions.popitem(last=False)
            self._extractions[key] = extract(self.model(settings), rows, kind)
        self._extractions.move_to_end(key)
        return self._extractions[key]

    def layer(
        self, settings: Model, rows: Sequence[TextRow], kind: Kind, layer: int, answer: Literal[0, 1] | None
    ) -> npt.NDArray[np.float32]:
        """(n, h) mean hidden states of one layer on all rows of a split; kept for the cells that follow.

        One pass reads every layer, but for a model whose states would not fit.
        """
        from w2s_harness.students.lm.readout import layer_means

        loaded = self.model(settings)
        layers = list(range(loaded.layers)) if self.holds_every_layer(loaded, len(rows)) else [layer]
        key = hashlib.sha256(_key((settings, rows, kind, layers, answer))).digest()
        if key not in self._states:
            while len(self._states) >= STATES:
                self._states.popitem(last=False)
            self._states[key] = layer_means(loaded, rows, kind, layers, answer)
        self._states.move_to_end(key)
        return np.asarray(self._states[key][layers.index(layer)])

    @staticmethod
    def holds_every_layer(loaded: Loaded, n: int) -> bool:
        """Whether one pass over n rows keeps the states of all layers."""
        return loaded.layers * n * loaded.width * 4 <= STATES_BYTES

    def trainer(self, settings: Model, finetune: FinetuneSettings) -> Trainer:
        """What trains the model: one at a time, for it holds a copy of the weights."""
        from w2s_harness.students.lm.finetune import Trainer

        loaded = self.model(settings)
        key = _key((settings, finetune))
        if key not in self._trainers:
            self._trainers.clear()
            self._trainers[key] = Trainer(loaded, finetune)
        return self._trainers[key]


@dataclass(frozen=True, slots=True)
class Reads:
    """A model of the shelf's, and what it reads of whole splits."""

    shelf: Shelf
    settings: Model

    def model(self) -> Loaded:
        """The model in memory. Raises `ModelError`."""
        return self.shelf.model(self.settings)

    def extraction(self, rows: Sequence[TextRow], kind: Kind) -> Extraction:
        """`Shelf.extraction` of this model."""
        return self.shelf.extraction(self.settings, rows, kind)

    def layer(
        self, rows: Sequence[TextRow], kind: Kind, layer: int, answer: Literal[0, 1] | None
    ) -> npt.NDArray[np.float32]:
        """`Shelf.layer` of this model."""
        return self.shelf.layer(self.settings, rows, kind, layer, answer)


def _key(what: object) -> bytes:
    return msgspec.json.encode(what, order="sorted")
