"""A fake student that also shows embeddings, keeps traces, and answers `.swap` rows by the other sign."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from fake_student import FakeConnection, index

from w2s_harness.contract.worker.wire import messages as wire


class RicherConnection(FakeConnection):
    """Embeds rows as the test says; margins and embeddings of a swap have the other sign, plus `bias`."""

    def __init__(
        self,
        embeddings: Sequence[Sequence[float]] = (),
        traces: Sequence[Sequence[float]] = (),
        swap_bias: float = 0.0,
        **columns,
    ) -> None:
        super().__init__(**columns)
        self.embeddings = np.asarray(embeddings, dtype=float)
        self.traces = np.asarray(traces, dtype=float)
        self.swap_bias = swap_bias

    def call(self, request: wire.Request) -> wire.Reply:
        reply = super().call(request)
        match request:
            case wire.Embed():
                return wire.Values(
                    wire.pack(self.embeddings[index(request.rows)] * sign(request.rows)[:, None])
                )
            case wire.ZeroShotMargins():
                values = self.margins[index(request.rows)] * sign(request.rows) + self.swap_bias
                return wire.Values(wire.pack(values))
            case wire.Fit(trace=True):
                return wire.Handled(self.handles - 1, wire.pack(self.traces[:, index(request.rows)]))
        return reply


def sign(rows: wire.RowsRef) -> np.ndarray:
    """-1 for rows that are read the other way round, else 1."""
    if rows.swap is None:
        return np.ones(len(index(rows)))
    return 1.0 - 2.0 * wire.unpack(rows.swap, dtype="u1")


def targets(fit: wire.Fit) -> list[float]:
    return wire.unpack(fit.targets).tolist()
