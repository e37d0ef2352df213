"""Vanilla fits that the host asks for by itself: no method's code, no worker, no gold.

A worker-facing service serves them as it serves a method's, so that they are trained, seeded and metered
alike; the host scores what comes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.errors import WorkerError
from w2s_harness.experiment.keys import Keys, named_seed
from w2s_harness.experiment.reading import all_rows, finetune_settings, model_of, probe_settings, split_ref
from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.store import Store
from w2s_harness.models import control
from w2s_harness.models.client import ServiceClient
from w2s_harness.types import Split
from w2s_harness.wire import messages as wire

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

    def __init__(self, client: ServiceClient, store: Store, setting: Setting, seed: int) -> None:
        self._client, self._spent = client, control.Meter()
        facts = store.get(Keys(setting).features("strong", "train_unlabel", "facts"))
        client.open_cell(
            control.OpenCell(
                model=model_of(setting, "strong"),
                mode=setting.pair.mode,
                kind=setting.data.kind,
                train=_ref(store, setting, "train_unlabel"),
                train_order=wire.pack(setting.draw("train_unlabel", seed), "i8"),
                test=_ref(store, setting, "test"),
                test_order=all_rows(len(setting.test)),
                seed=named_seed(setting.root_seed, setting.data.digest, "student", seed),
                probe=probe_settings(store, setting, "strong", by_steps=True),
                finetune=finetune_settings(setting, "strong"),
                shape=control.Shape(**facts["shape"]) if facts and setting.pair.mode == "probe" else None,
            )
        )

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


def _ref(store: Store, setting: Setting, split: Split) -> control.SplitRef:
    """A split without its texts where its features will do."""
    found = split_ref(store, setting, "strong", split)
    return found if found.features is None else msgspec.structs.replace(found, rows=())
