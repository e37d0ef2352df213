"""Requests of odd values, by the thousand: each is answered or refused, and none ends the service."""

from __future__ import annotations

import random
import time
from typing import Any

import numpy as np
import pytest

from w2s_harness.contract.types import Model
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.students import control
from w2s_harness.students.session.serving import CellSession
from w2s_harness.students.shelf import Shelf

N, M, ASKED = 30, 10, 30
PATIENCE_S = 20.0
NUMBERS = (0.0, 1.0, -1.0, 0.5, 1e-12, 1e300, float("inf"), float("nan"), 2.0, 50.0)
TEMPLATES = (
    None, "sum", "ask", "compare", "min", "", "{note}", "{question} {candidate}", "{first}{second}",
    "{question}" * 5 + "{candidate}", "{question}{first}{second}{note}{candidate}", "nope",
)  # fmt: skip


class Odd:
    """Requests drawn from a named seed; most values are as they should be, or none would be answered."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def request(self) -> wire.Request:
        one, rows = self.draw.choice, self._rows()
        n = int(np.prod(rows.index.shape))
        makes: tuple[Any, ...] = (
            lambda: self._fit(rows, n),
            lambda: self._fit(rows, n),
            lambda: wire.Predict(self._handle(), rows),
            lambda: wire.Losses(self._handle(), rows, self._column(n)),
            lambda: wire.ZeroShotMargins(
                rows, one(TEMPLATES), self._shots(), model=one((0, 0, 1)),
                notes=one((None, None, 0, 1, 9, -1)), reader=one(("strong", "strong", "weak")),
            ),
            lambda: wire.Prior(one(TEMPLATES), one(NUMBERS), one((0, 1)), self._shots()),
            lambda: wire.Generate(rows, one(TEMPLATES) or "", one((0, 1, 3, 256, -4))),
            lambda: wire.Embed(
                rows, one(("features", "features", 0, 1, 2, -1, 7, -9)), one((None, 0, 1)),
                one((None, None, one(TEMPLATES))), one((0, 0, 1)),
            ),
            lambda: wire.EnsembleOf(
                tuple(self._handle() for _ in range(one((0, 1, 2, 5, 70)))), one(("logit-mean", "mean")),
                one((0.0, 0.2, 0.499, one(NUMBERS))), self.draw.random() < 0.3,
            ),
            lambda: wire.Head(wire.pack(np.full(one((76, 76, 3)), one(NUMBERS))), one(NUMBERS), one((0, 1))),
            lambda: one((wire.Measure(one((0, 1, 5))), wire.Budget())),
        )  # fmt: skip
        request: wire.Request = one(makes)()
        return request

    def _fit(self, rows: wire.RowsRef, n: int) -> wire.Fit:
        one = self.draw.choice
        return wire.Fit(
            rows, self._column(n), weight=one((None, None, self._column(n), wire.pack(np.ones(n)))),
            loss=one(("xent", "logconf", "product")),
            options=one(({}, {}, {"a": 0.5}, {"warmup": 0.0}, {"alpha": 0.0, "beta": 0.0}, {"zz": 1.0})),
            epochs=one((None, None, one(NUMBERS))), lr=one((None, None, one(NUMBERS))),
            init=one((None, None, self._handle())), seed=one((None, 0, 2**62, -5)),
            trace=self.draw.random() < 0.2, model=one((0, 0, 0, 1, 2)),
        )  # fmt: skip

    def _rows(self) -> wire.RowsRef:
        phase = self.draw.choice(("train", "train", "train", "test"))
        n, some = (N if phase == "train" else M), self.draw.randrange
        index = self.draw.choice(
            ([], [0], [some(-2, n + 3) for _ in range(3)], [some(n) for _ in range(500)], *(range(n),) * 4)
        )
        swap = wire.pack(np.array([some(2) for _ in index]), "u1") if self.draw.random() < 0.3 else None
        return wire.RowsRef(phase, wire.pack(np.array(list(index), np.int64), "i8"), swap)

    def _column(self, n: int) -> wire.Array:
        if self.draw.random() < 0.9:
            return wire.pack(np.array([self.draw.choice((0.0, 1.0, 0.5, 0.3)) for _ in range(n)]))
        return wire.pack(
            np.array([self.draw.choice(NUMBERS) for _ in range(n + self.draw.choice((0, 0, 1)))])
        )

    def _shots(self) -> tuple[tuple[int, float], ...]:
        one = self.draw.choice
        return tuple(
            (one((0, 1, 29, 30, -1)), one((0.0, 1.0, 0.5, 2.0))) for _ in range(one((0, 0, 1, 3, 60)))
        )

    def _handle(self) -> int:
        return self.draw.choice((0, 0, 1, 2, 3, -1, 99))


@pytest.fixture(scope="module")
def shelf():
    return Shelf()


@pytest.mark.parametrize("cells", [10, pytest.param(300, marks=pytest.mark.heavy)])
@pytest.mark.parametrize("mode", ["probe", "finetune"])
@pytest.mark.parametrize("kind", ["verify", "preference"])
def test_odd_requests_are_answered_or_refused(
    shelf, llama, build, verify_rows, preference_rows, kind, mode, cells
):
    weak = Model(source=build("Qwen2"), max_tokens=96)
    rows = verify_rows if kind == "verify" else preference_rows
    order = control.OpenCell(
        model=llama, mode=mode, kind=kind, chain=(weak,), weak=weak, shape=shelf.shape(llama),
        train=control.SplitRef(rows=rows[:N]), train_order=wire.pack(np.arange(N), "i8"),
        test=control.SplitRef(rows=rows[N:]), test_order=wire.pack(np.arange(M), "i8"),
        access=("embeddings", "generate", "transductive"), finetune=control.FinetuneSettings(epochs=1.0),
        limits=control.CellBudget(fits=5, epochs=2.0),
    )  # fmt: skip
    answered = 0
    for seed in range(cells):
        cell, odd = CellSession(order, shelf), Odd(seed)
        for k in range(ASKED):
            request, began = odd.request(), time.monotonic()
            try:
                reply = cell.serve(request)
            except Exception as bad:
                raise AssertionError(
                    f"cell {seed}, request {k} ended in {bad!r:.300}: {request!r:.400}"
                ) from bad
            assert time.monotonic() - began < PATIENCE_S, f"cell {seed}, request {k}: {request!r:.400}"
            if isinstance(reply, wire.Values):
                assert np.isfinite(wire.unpack(reply.values)).all(), f"cell {seed}, request {k}"
            answered += not isinstance(reply, wire.Refused)
            if isinstance(reply, wire.Refused) and reply.fatal:
                break
    assert answered > cells
