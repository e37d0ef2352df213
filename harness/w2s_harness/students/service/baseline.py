"""What the host asks of a service for itself, not for a cell: settings, teachers, ceilings, vanilla students.

A preference is averaged over the swap wherever it is predicted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import ModelError, WorkerError
from w2s_harness.contract.kinds import kind_of
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.contract.worker.wire.messages import Array, pack, unpack
from w2s_harness.students.control import (
    FitPredict,
    Follow,
    PathPoint,
    PredictedRows,
    ReadOut,
    ReadOuts,
    Tuned,
    TuneProbe,
)
from w2s_harness.students.lm.finetune import TunedState
from w2s_harness.students.meter import TRAINING, Account
from w2s_harness.students.probe.choosing import choose_c, choose_path
from w2s_harness.students.probe.probe import Floats, Path, fit_exact, sigmoid
from w2s_harness.students.session.serving import CellSession
from w2s_harness.students.session.trained import KeptStudent, ProbeHandle, RowSet, TunedHandle, scored
from w2s_harness.students.shelf import Shelf, Split

Phase = Literal["train", "test"]
NO_TEMPLATE = "its model has no template for this kind of task"


def tune(order: TuneProbe, shelf: Shelf) -> Tuned:
    """Choose C, or epochs and lr, of a probe."""
    kind = kind_of(order.kind)
    split = Split(order.split, None, kind, shelf, order.model)
    index, targets = _index(order.index, split), _targets(order.targets)
    groups = np.asarray(unpack(order.groups, dtype="i8", ndim=1)).tolist()
    if not len(index) == len(targets) == len(groups):
        raise ModelError("tuning needs a target and a group for each row")
    features = split.features(index)
    if order.solver == "exact":
        choice = choose_c(features, targets, groups, kind, order.grid, rule=order.rule)
    else:
        choice = choose_path(features, targets, groups, kind, order.c, rule=order.rule)
    return Tuned(choice.settings, choice.grid)


def fit_predict(order: FitPredict, shelf: Shelf) -> PredictedRows:
    """Train on labels, and predict rows of any split."""
    rows, targets, account = _training(order, shelf)
    kind = kind_of(order.kind)
    with account.clock():
        handle = _fit(order, shelf, rows, targets, account)
        values = []
        for ref, at in order.predict:
            split = Split(ref, None, kind, shelf, order.model)
            account.predict()
            z = scored(handle, RowSet(split, _index(at, split)), kind, account)
            values.append(pack(sigmoid(z)))
    return PredictedRows(tuple(values), account.total(), _cut(order, shelf))


def _cut(order: FitPredict, shelf: Shelf) -> int:
    """Rows that lost tokens; in the mode `probe` the pass that reads the features counts them."""
    if order.mode != "finetune":
        return 0
    from w2s_harness.students.lm.readout import cut

    loaded = shelf.model(order.model)
    splits = {ref.rows for ref in (order.train, *(ref for ref, _ in order.predict))}
    return sum(int(cut(loaded, rows, kind_of(order.kind)).sum()) for rows in splits)


def _fit(order: FitPredict, shelf: Shelf, rows: RowSet, targets: Floats, account: Account) -> KeptStudent:
    kind = kind_of(order.kind)
    if order.mode == "finetune":
        account.fit("finetune")
        tokens = int(order.finetune.epochs * rows.split.tokens(rows.index))
        account.read(tokens, TRAINING[order.finetune.adapter])
        trainer = partial(shelf.trainer, order.model, order.finetune)
        state, _ = trainer().train(rows.texts(), kind, targets, seed=order.seed)
        return TunedHandle(state, trainer, kind)
    account.fit(order.solver)
    features, settings = rows.split.features(rows.index), order.probe
    if order.solver == "exact":
        probe = fit_exact(features, targets, kind, c=settings.c)
        account.solved(len(features), features.shape[1], probe.steps)
        return ProbeHandle(probe)
    account.pass_over(len(features), features.shape[1], settings.epochs)
    path = Path(features, targets, kind, c=settings.c, lr=settings.lr, seed=order.seed)
    path.run(settings.epochs, settings.epochs)
    return ProbeHandle(path.probe())


def follow(order: Follow, shelf: Shelf) -> PredictedRows:
    """Train at every point of vanilla's path; one array of P(label = 1) for each, in the points' order.

    Raises `ModelError` where targets do not fit the rows, or a training diverges.
    """
    rows, targets, account = _training(order, shelf)
    kind = kind_of(order.kind)
    test = Split(order.test, None, kind, shelf, order.model)
    held = RowSet(test, _index(order.test_index, test))
    found: list[Floats] = [np.empty(0)] * len(order.points)

    def predict(at: int, handle: KeptStudent) -> None:
        account.predict()
        z = scored(handle, held, kind, account)
        if not np.isfinite(z).all():
            raise ModelError(f"vanilla's training diverged at {order.points[at]}; take a smaller lr")
        found[at] = sigmoid(z)

    with account.clock():
        if order.mode == "finetune":
            _finetuned(order, shelf, rows, targets, predict)
        else:
            for at, handle in _probes(order, rows.split.features(rows.index), targets):
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
    kind, trainer = kind_of(order.kind), shelf.trainer(order.model, order.finetune)
    for lr, places in _by_rate(order.points):
        wanted = {order.points[at].epochs or 0.0: at for at in places}

        def checkpoint(epochs: float, state: TunedState, wanted: dict[float, int] = wanted) -> None:
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


def read_out(order: ReadOut, shelf: Shelf) -> ReadOuts:
    """What the untrained student says of whole splits under each of its templates."""
    session = CellSession(order.cell, shelf)
    names = session.opened.templates
    found: dict[Phase, list[Array]] = {"train": [], "test": []}
    for name in names:
        for phase, out in found.items():
            margins = _margins(session, order, phase, name)
            if isinstance(margins, str):
                return ReadOuts((), reason=margins)
            out.append(margins)
    return ReadOuts(names, tuple(found["train"]), tuple(found["test"]), None if names else NO_TEMPLATE)


def _margins(session: CellSession, order: ReadOut, phase: Phase, template: str) -> Array | str:
    """(n,) log-odds on all rows of a phase; why not, where the model has none."""
    n = len(unpack(order.cell.train_order if phase == "train" else order.cell.test_order))
    kind = kind_of(order.cell.kind)
    index, swapped = pack(np.arange(n), "i8"), pack(np.ones(n, np.uint8), "u1")
    found = []
    for is_swapped in kind.orders:
        rows = wire.RowsRef(phase, index, swapped if is_swapped else None)
        reply = session.serve(wire.ZeroShotMargins(rows, template))
        if isinstance(reply, wire.Refused):
            return reply.reason
        if not isinstance(reply, wire.Values):
            raise WorkerError(f"the student answered a readout with {type(reply).__name__}")
        found.append(np.asarray(unpack(reply.values), np.float64))
    return pack(kind.averaged(found), "f8")


def _training(order: FitPredict | Follow, shelf: Shelf) -> tuple[RowSet, Floats, Account]:
    """The rows that an order trains on, their targets, and what is to be charged. Raises `ModelError`."""
    train = Split(order.train, None, kind_of(order.kind), shelf, order.model)
    index, targets = _index(order.index, train), _targets(order.targets)
    if len(index) != len(targets) or not len(index):
        raise ModelError("training needs rows, and a target for each")
    parameters = shelf.shape(order.model).parameters if order.mode == "finetune" else 0
    return RowSet(train, index), targets, Account(parameters)


def _index(array: Array, split: Split) -> npt.NDArray[np.int64]:
    index = np.asarray(unpack(array, dtype="i8", ndim=1), np.int64)
    if len(index) and not (index.min() >= 0 and index.max() < len(split)):
        raise ModelError("an index names rows that the split does not have")
    return index


def _targets(array: Array) -> Floats:
    return np.asarray(unpack(array, dtype="f8", ndim=1), np.float64)
