"""Vanilla fits that the host asks for by itself: no method's code, no worker, no gold.

A worker-facing service serves them as it serves a method's, so that they are trained, seeded and metered
alike; the host scores what comes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.errors import WorkerError
from w2s_harness.experiment.keys import Keys, named_seed
from w2s_harness.experiment.reading import all_rows, finetune_settings, model_of, probe_settings, split_ref
from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.store import Store
from w2s_harness.kinds import kind_of
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

    def __init__(
        self,
        client: ServiceClient,
        store: Store,
        setting: Setting,
        seed: int,
        *,
        drawn: Codes | None = None,
        sees_test: bool = False,
    ) -> None:
        """`drawn` (m,): other rows than the seed's draw. `sees_test`: the holdout may be asked about too."""
        self._client, self._spent, self._kind = client, control.Meter(), kind_of(setting.data.kind)
        facts = store.get(Keys(setting).features("strong", "train_unlabel", "facts"))
        # margins of a template that asks a question need the texts
        read = _with_texts if sees_test else _ref
        index = setting.draw("train_unlabel", seed) if drawn is None else drawn
        opened = client.open_cell(
            control.OpenCell(
                model=model_of(setting, "strong"),
                mode=setting.pair.mode,
                kind=setting.data.kind,
                train=read(store, setting, "train_unlabel"),
                train_order=wire.pack(index, "i8"),
                test=read(store, setting, "test"),
                test_order=all_rows(len(setting.test)),
                seed=named_seed(setting.root_seed, setting.data.digest, "student", seed),
                probe=probe_settings(store, setting, "strong", by_steps=True),
                finetune=finetune_settings(setting, "strong"),
                shape=control.Shape(**facts["shape"]) if facts and setting.pair.mode == "probe" else None,
                access=("transductive",) if sees_test else (),
            )
        )
        self.templates = opened.templates
        """Names of the zero-shot templates."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, bad: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._client.alive:
            self._client.close_cell()

    def margins(self, phase: Literal["train", "test"], template: str, n: int) -> Floats | str:
        """(n,) log-odds of the untrained student on all rows of a phase; why not, where it has none.

        A preference's are averaged over both orders.
        """
        index, swapped = wire.pack(np.arange(n), "i8"), wire.pack(np.ones(n, np.uint8), "u1")
        found = []
        for is_swapped in self._kind.orders:
            rows = wire.RowsRef(phase, index, swapped if is_swapped else None)
            reply = self._client.serve(wire.ZeroShotMargins(rows, template))
            if isinstance(reply, wire.Refused):
                return reply.reason
            if not isinstance(reply, wire.Values):
                raise WorkerError(f"the student service answered a readout with {type(reply).__name__}")
            found.append(np.asarray(wire.unpack(reply.values), np.float64))
        return self._kind.averaged(found)

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


def _with_texts(store: Store, setting: Setting, split: Split) -> control.SplitRef:
    return split_ref(store, setting, "strong", split)


def _ref(store: Store, setting: Setting, split: Split) -> control.SplitRef:
    """A split without its texts where its features will do."""
    found = split_ref(store, setting, "strong", split)
    return found if found.features is None else msgspec.structs.replace(found, rows=())
