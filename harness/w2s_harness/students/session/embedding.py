"""Hidden states that a method may hold: what is asked for is bounded and charged before it is read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import WorkerError
from w2s_harness.contract.kinds import Kind
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.students.lm import zero_shot
from w2s_harness.students.meter import Account
from w2s_harness.students.session import requests
from w2s_harness.students.session.prompts import Prompts
from w2s_harness.students.session.trained import RowSet
from w2s_harness.students.shelf.rung import ChainModel
from w2s_harness.students.shelf.shelf import READ, STATES, Shelf

MAX_REPLY = 60 * 2**20
"""Bytes of an embedding that is sent back."""
States = npt.NDArray[np.float32]


class Embeddings:
    """The embeddings of one cell."""

    def __init__(self, kind: Kind, shelf: Shelf) -> None:
        self._kind, self._shelf = kind, shelf
        self._passes = {"states": _Passes(STATES), "answered": _Passes(READ)}

    def read(self, request: wire.Embed, rung: ChainModel, rows: RowSet, account: Account) -> wire.Reply:
        """(m, d) of m rows. Raises `WorkerError`, `ModelError`, or `BudgetError` over the limit."""
        if request.layer != "features":
            requests.number("layer", request.layer, -rung.shape.layers, rung.shape.layers - 1)
        if request.answer is not None and request.template is None and not self._kind.can_be_true:
            raise WorkerError("answer belongs to rows of a verify task")
        width = rung.shape.features if request.layer == "features" else rung.model().width
        size = 4 * len(rows) * width
        if size > MAX_REPLY:
            raise WorkerError(f"{size} bytes of embeddings are over the {MAX_REPLY} allowed; ask by parts")
        distinct, place = rows.distinct()
        if request.template is not None:
            return _reply(self._prompted(request, request.template, rung, distinct, account)[place])
        account.read(self._tokens(request, rung, distinct))
        return _reply(self._states(request, distinct)[place])

    def _tokens(self, request: wire.Embed, rung: ChainModel, rows: RowSet) -> int:
        """Tokens of the rows; of their whole split where it is read to answer."""
        split, phase = rows.split, request.rows.phase
        if request.layer != "features":
            every = self._shelf.holds_every_layer(rung.model(), len(split))
            key: Hashable = (request.model, phase, request.answer, None if every else request.layer)
            is_known = self._passes["states"].is_known(key)
        elif request.answer is not None:
            is_known = self._passes["answered"].is_known((request.model, phase, request.answer))
        else:
            is_known = True
        return split.tokens(rows.index if is_known else np.arange(len(split)))

    def _states(self, request: wire.Embed, rows: RowSet) -> States:
        if request.layer != "features":
            return rows.split.layer_means(rows.index, request.layer, request.answer, rows.swap)
        if request.answer is not None:
            return rows.split.answered(rows.index, request.answer)
        return rows.split.features(rows.index, rows.swap)

    def _prompted(
        self, request: wire.Embed, named: str, rung: ChainModel, rows: RowSet, account: Account
    ) -> States:
        template = zero_shot.resolve(rung.templates, named, self._kind)
        if template.kind != "answer" or request.layer == "features":
            raise WorkerError("embed with a template needs a text with literals and the number of a layer")
        loaded, texts = rung.model(), rows.texts()
        settle = Prompts(template, texts, self._kind).charge(loaded.context, account)
        states, tokens = zero_shot.states(loaded, template, texts, request.layer, request.answer)
        settle(tokens)
        return states


class _Passes:
    """Which passes over a whole split a cell has paid for.

    The service keeps the last few of them. What is charged must not hang on what other cells left there, so
    this counts as if the cell had come to an empty shelf: it then never has fewer to read than the shelf had.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._known: OrderedDict[Hashable, None] = OrderedDict()

    def is_known(self, key: Hashable) -> bool:
        """Whether the pass is still there; from now on it is."""
        is_known = key in self._known
        self._known[key] = None
        self._known.move_to_end(key)
        while len(self._known) > self._kept:
            self._known.popitem(last=False)
        return is_known


def _reply(values: States) -> wire.Values:
    return wire.Values(wire.pack(values, "f4"))
