"""Vanilla students along their settings: C of the probe, or checkpoints of trainings by steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.kinds import kind_of
from w2s_harness.contract.worker.wire.messages import pack, unpack
from w2s_harness.students.control import Follow, PathPoint, PredictedRows
from w2s_harness.students.lm.finetune import Trainer, TunedState
from w2s_harness.students.meter import Account
from w2s_harness.students.probe.probe import Floats, Path, fit_exact, sigmoid
from w2s_harness.students.session.trained import KeptStudent, ProbeHandle, RowSet, TunedHandle, scored
from w2s_harness.students.shelf.shelf import Reads, Shelf
from w2s_harness.students.shelf.splits import Split


def follow(order: Follow, shelf: Shelf) -> PredictedRows:
    """Train at every point of the order; one array of P(label = 1) for each, in the points' order.

    Raises `ModelError` where targets do not fit the rows, or a training diverges.
    """
    reads, kind = Reads(shelf, order.model), kind_of(order.kind)
    train, test = (Split(ref, None, kind, reads) for ref in (order.train, order.test))
    index = np.asarray(unpack(order.index, dtype="i8", ndim=1), np.int64)
    targets = np.asarray(unpack(order.targets, dtype="f8", ndim=1), np.float64)
    if len(index) != len(targets) or not len(index):
        raise ModelError("training needs rows, and a target for each")
    held = RowSet(test, np.asarray(unpack(order.test_index, dtype="i8", ndim=1), np.int64))
    account = Account(shelf.shape(order.model).parameters if order.mode == "finetune" else 0)
    found: list[Floats] = [np.empty(0)] * len(order.points)

    def predict(at: int, handle: KeptStudent) -> None:
        account.predict()
        z = scored(handle, held, kind, account)
        if not np.isfinite(z).all():
            raise ModelError(f"vanilla's training diverged at {order.points[at]}; take a smaller lr")
        found[at] = sigmoid(z)

    with account.clock():
        if order.mode == "finetune":
            _finetuned(order, shelf, RowSet(train, index), targets, predict)
        else:
            for at, handle in _probes(order, train.features(index), targets):
                predict(at, handle)
    return PredictedRows(tuple(pack(values) for values in found), account.total())


def _probes(
    order: Follow, features: npt.NDArray[np.float32], targets: Floats
) -> Iterator[tuple[int, KeptStudent]]:
    kind = kind_of(order.kind)
    for at, point in enumerate(order.points):
        if point.epochs is None:
            yield at, ProbeHandle(fit_exact(features, targets, kind, c=point.c))
    for lr, places in _by_rate(order.points):
        path = Path(features, targets, kind, c=order.points[places[0]].c, lr=lr, seed=order.seed)
        for at in places:
            until = order.points[at].epochs or 0.0
            path.run(until, until)
            yield at, ProbeHandle(path.probe())


def _finetuned(
    order: Follow, shelf: Shelf, rows: RowSet, targets: Floats, predict: Callable[[int, KeptStudent], None]
) -> None:
    kind = kind_of(order.kind)
    for lr, places in _by_rate(order.points):
        trainer = shelf.trainer(order.model, order.finetune)
        wanted = {order.points[at].epochs or 0.0: at for at in places}

        def checkpoint(
            epochs: float, state: TunedState, trainer: Trainer = trainer, wanted: dict[float, int] = wanted
        ) -> None:
            if epochs in wanted:
                predict(wanted[epochs], TunedHandle(state, lambda: trainer, kind))

        trainer.train(
            rows.texts(), kind, targets,
            seed=order.seed, epochs=max(wanted), lr=lr, checkpoint=checkpoint,
        )  # fmt: skip


def _by_rate(points: Sequence[PathPoint]) -> list[tuple[float, list[int]]]:
    """The points by steps: each learning rate with its places, by epochs."""
    rates: dict[float, list[int]] = {}
    for at, point in enumerate(points):
        if point.lr is not None:
            rates.setdefault(point.lr, []).append(at)
    return [(lr, sorted(places, key=lambda at: points[at].epochs or 0.0)) for lr, places in rates.items()]
