"""One model of a cell: the strong student, a smaller one of its chain, or the weak model that reads notes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from w2s_harness.contract.errors import UnableError
from w2s_harness.contract.kinds import kind_of
from w2s_harness.contract.types import Model
from w2s_harness.contract.worker.wire.messages import Array, unpack
from w2s_harness.students.control import OpenCell, Shape, SplitRef
from w2s_harness.students.lm.zero_shot import Template, parse_templates
from w2s_harness.students.meter import Account
from w2s_harness.students.shelf.shelf import Reads, Shelf
from w2s_harness.students.shelf.splits import Split

if TYPE_CHECKING:
    from w2s_harness.students.lm.finetune import Trainer
    from w2s_harness.students.lm.loading import Loaded


class ChainModel:
    """A model with the cell's rows as it reads them; nothing is loaded before something is asked of it."""

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
        return Split(own, positions, kind_of(self._order.kind), Reads(self._shelf, self._settings))
