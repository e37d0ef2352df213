"""What only a baseline service does: choose settings, and train teacher and ceiling on labels."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.kinds import kind_of
from w2s_harness.contract.worker.wire.messages import Array, pack, unpack
from w2s_harness.students.control import FitPredict, PredictedRows, Tuned, TuneProbe
from w2s_harness.students.meter import TRAINING, Account
from w2s_harness.students.probe.choosing import choose_c, choose_path
from w2s_harness.students.probe.probe import Floats, fit_path, sigmoid, solve_exact
from w2s_harness.students.session.trained import KeptStudent, ProbeHandle, RowSet, TunedHandle, scored
from w2s_harness.students.shelf.shelf import Reads, Shelf
from w2s_harness.students.shelf.splits import Split


def tune(order: TuneProbe, shelf: Shelf) -> Tuned:
    """Choose C, or epochs and lr, of a probe."""
    kind = kind_of(order.kind)
    split = Split(order.split, None, kind, Reads(shelf, order.model))
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
    """Train on labels, and predict rows of any split; a preference is averaged over the swap."""
    reads, kind = Reads(shelf, order.model), kind_of(order.kind)
    train = Split(order.train, None, kind, reads)
    index, targets = _index(order.index, train), _targets(order.targets)
    if len(index) != len(targets) or not len(index):
        raise ModelError("training needs rows, and a target for each")
    account = Account(shelf.shape(order.model).parameters if order.mode == "finetune" else 0)
    with account.clock():
        handle = _fit(order, shelf, RowSet(train, index), targets, account)
        values = []
        for ref, at in order.predict:
            split = Split(ref, None, kind, reads)
            rows = RowSet(split, _index(at, split))
            account.predict()
            values.append(pack(sigmoid(scored(handle, rows, kind, account))))
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
        solved = solve_exact(features, targets, kind, c=settings.c)
        account.solved(len(features), features.shape[1], solved.steps)
        return ProbeHandle(solved.probe)
    account.pass_over(len(features), features.shape[1], settings.epochs)
    probe, _ = fit_path(
        features, targets, kind, c=settings.c, epochs=settings.epochs, lr=settings.lr, seed=order.seed
    )
    return ProbeHandle(probe)


def _index(array: Array, split: Split) -> npt.NDArray[np.int64]:
    index = np.asarray(unpack(array, dtype="i8", ndim=1), np.int64)
    if len(index) and not (index.min() >= 0 and index.max() < len(split)):
        raise ModelError("an index names rows that the split does not have")
    return index


def _targets(array: Array) -> Floats:
    return np.asarray(unpack(array, dtype="f8", ndim=1), np.float64)
