"""What a method has the frozen student read for it: hidden states that it may hold, notes that it may not.

What is asked for is bounded and charged before it is read. Notes are written by the strong student, read
through templates and never sent anywhere.
"""

from __future__ import annotations

import numpy as np

from w2s_harness.contract.errors import BudgetError, WorkerError
from w2s_harness.contract.kinds import Kind
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.students.lm import zero_shot
from w2s_harness.students.lm.zero_shot import Prompts
from w2s_harness.students.meter import Account
from w2s_harness.students.session import requests
from w2s_harness.students.session.trained import RowSet
from w2s_harness.students.shelf import READ, STATES, ChainModel, Latest, Shelf, States

MAX_REPLY = 60 * 2**20
"""Bytes of an embedding that is sent back."""


class Embeddings:
    """The embeddings of one cell."""

    def __init__(self, kind: Kind, shelf: Shelf) -> None:
        self._kind, self._shelf = kind, shelf
        # The passes over whole splits that the cell has paid for. What is charged must not hang on what other
        # cells left on the shelf: counted as on an empty one, the cell never has fewer to read than it had.
        self._states_read: Latest[None] = Latest(STATES)
        self._answers_read: Latest[None] = Latest(READ)

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
        if request.template is None:
            account.read(self._tokens(request, rung, distinct))
            states = self._states(request, distinct)
        else:
            template = zero_shot.resolve(rung.templates, request.template, self._kind)
            if template.kind != "answer" or request.layer == "features":
                raise WorkerError(
                    "embed with a template needs a text with literals and the number of a layer"
                )
            loaded, texts = rung.model(), distinct.texts()
            settle = Prompts(template, texts, self._kind).charge(loaded.context, account)
            states, tokens = zero_shot.states(loaded, template, texts, request.layer, request.answer)
            settle(tokens)
        return wire.Values(wire.pack(states[place], "f4"))

    def _tokens(self, request: wire.Embed, rung: ChainModel, rows: RowSet) -> int:
        """Tokens of the rows; of their whole split where it is read to answer."""
        split = rows.split
        if request.layer == "features" and request.answer is None:
            return split.tokens(rows.index)
        key: tuple[object, ...] = (request.model, request.rows.phase, request.answer)
        paid = self._answers_read
        if request.layer != "features":
            paid = self._states_read
            every = self._shelf.holds_every_layer(rung.model(), len(split))
            key += (None if every else request.layer,)
        is_paid = key in paid
        paid.get(key, lambda: None)
        return split.tokens(rows.index if is_paid else np.arange(len(split)))

    def _states(self, request: wire.Embed, rows: RowSet) -> States:
        if request.layer != "features":
            return rows.split.layer_means(rows.index, request.layer, request.answer, rows.swap)
        if request.answer is not None:
            return rows.split.answered(rows.index, request.answer)
        return rows.split.features(rows.index, rows.swap)


class Notebook:
    """Sets of notes, numbered as they were written; each has one note for each row of a request."""

    def __init__(self, most: int) -> None:
        """`most`: sets that it holds."""
        self._most = most
        self._sets: list[tuple[str, ...]] = []

    def write(
        self, request: wire.Generate, author: ChainModel, rows: RowSet, kind: Kind, account: Account
    ) -> wire.Noted:
        """Let `author` write on rows. Raises `WorkerError`, `ModelError`, or `BudgetError` over a limit."""
        requests.number("max_tokens", request.max_tokens, 1, wire.MAX_NOTE)
        if len(self._sets) >= self._most:
            raise BudgetError(f"the cell asked for more than {self._most} sets of notes")
        template = zero_shot.resolve(author.templates, request.template, kind)
        if template.kind != "answer":
            raise WorkerError("generate needs a text with literals, not a likelihood template")
        loaded, metered = author.model(), author.account(account)
        distinct, place = rows.distinct()
        texts = distinct.texts()
        metered.afford(max(Prompts(template, texts, kind).tokens(loaded.context)))
        prompts = [zero_shot.render(template, row) for row in texts]
        notes = zero_shot.generate(loaded, prompts, request.max_tokens, metered.read)
        self._sets.append(tuple(notes[i] for i in np.arange(len(notes))[place]))
        return wire.Noted(len(self._sets) - 1)

    def read(self, number: int | None, n: int) -> tuple[str, ...] | None:
        """(n) the notes of a set, or None for none. Raises `WorkerError` for an unknown set or another n."""
        if number is None:
            return None
        if not 0 <= number < len(self._sets):
            raise WorkerError(f"there are no notes {number}")
        notes = self._sets[number]
        if len(notes) != n:
            raise WorkerError(f"there are {len(notes)} notes for {n} rows")
        return notes
