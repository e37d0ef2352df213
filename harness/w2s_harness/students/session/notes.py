"""The notes of a cell: written by the strong student, read through templates, never sent anywhere."""

from __future__ import annotations

import numpy as np

from w2s_harness.contract.errors import BudgetError, WorkerError
from w2s_harness.contract.kinds import Kind
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.students.lm import zero_shot
from w2s_harness.students.lm.generate import generate
from w2s_harness.students.meter import Account
from w2s_harness.students.session import requests
from w2s_harness.students.session.prompts import Prompts
from w2s_harness.students.session.trained import RowSet
from w2s_harness.students.shelf.rung import ChainModel


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
        notes = generate(loaded, prompts, request.max_tokens, metered.read)
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
