"""Vanilla fits that the host asks for by itself: no method's code, no worker, no gold.

A worker-facing service serves them as it serves a method's, so that they are trained, seeded and metered
alike; the host scores what comes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import WorkerError
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.run.stages.service_orders import opening
from w2s_harness.run.stages.tuning import probe_settings
from w2s_harness.run.work.seeds import named_seed
from w2s_harness.run.work.setting.setting_ref import SettingRef
from w2s_harness.run.work.work import At
from w2s_harness.students import control

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A student's predictions and what they cost."""

    predictions: Floats
    """(n_test,) P(label = 1) on the holdout, in the task's own row order."""
    tokens: int
    """Tokens that this fit and its prediction were charged, as if nothing were cached."""
    flops: float
    """Their FLOPs."""


class HostCell:
    """A seed's draw of train_unlabel, opened on a worker-facing service; a context manager."""

    def __init__(self, at: At, ref: SettingRef, seed: int, *, by_steps: bool = False) -> None:
        """`by_steps`: fits by the solver `path` may be asked for."""
        self._client, self._spent = at.client, control.Meter()
        setting = at.setting(ref)
        self._client.open_cell(
            opening(
                at, ref, setting.draw("train_unlabel", seed), np.arange(len(setting.test)),
                probe=probe_settings(at, ref, "strong", by_steps=by_steps),
                seed=named_seed(ref.root_seed, ref.data, "student", seed),
            )
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, bad: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._client.alive:
            self._client.close_cell()

    def fit(
        self,
        targets: npt.ArrayLike,
        *,
        rows: Codes | None = None,
        weight: npt.ArrayLike | None = None,
        seed: int | None = None,
        by_path: bool = False,
    ) -> Fitted:
        """Train on `rows` (k,) of the draw (all of them by default) and predict the holdout.

        `targets` (k,) in [0, 1], `weight` (k,) >= 0; `by_path`: by the solver `path` in probe mode,
        at the setting's own epochs and learning rate. Raises `WorkerError` where the service refuses.
        """
        y = np.asarray(targets, np.float64)
        request = wire.Fit(
            wire.RowsRef("train", wire.pack(np.arange(len(y)) if rows is None else rows, "i8")),
            wire.pack(y),
            weight=None if weight is None else wire.pack(np.asarray(weight, np.float64)),
            seed=seed,
            # whoever asks for a trace is served by `path`
            trace=by_path,
        )
        reply = self._client.serve(request)
        if not isinstance(reply, wire.Handled):
            raise WorkerError(f"the student service refused a fit of the host's own: {reply}")
        found = self._client.predict_test(reply.handle)
        before, self._spent = self._spent, found.meter
        return Fitted(
            np.asarray(wire.unpack(found.values[0]), np.float64),
            tokens=found.meter.tokens - before.tokens,
            flops=found.meter.flops - before.flops,
        )
