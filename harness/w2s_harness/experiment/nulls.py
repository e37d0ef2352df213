"""The empirical null: what honest fits score where nothing can be learned.

With permuted labels and scrambled inputs in both phases, the z of an honest method should be a standard
normal. How far it is from one on this task and pair is measured, not assumed: the student service fits the
kinds of targets that honest methods send, and its predictions are scored as a method's would be.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.balance import balanced_z
from w2s_harness.data.gold import gold_of
from w2s_harness.errors import WorkerError
from w2s_harness.experiment.keys import Keys, named_seed
from w2s_harness.experiment.reading import model_of, probe_settings, split_ref
from w2s_harness.experiment.setting import Setting
from w2s_harness.experiment.store import Store
from w2s_harness.experiment.worlds import stage
from w2s_harness.models import control
from w2s_harness.models.client import ServiceClient
from w2s_harness.plan import Cell
from w2s_harness.types import World
from w2s_harness.wire import messages as wire

DRAWS = 200
PARTS = 4
_CONFIDENT = 0.25
_FEW = 20


def measure(client: ServiceClient, store: Store, setting: Setting, seeds: Sequence[int], part: int) -> None:
    """Put one part of the setting's null, (DRAWS / PARTS,) z scores, into the store."""
    key = Keys(setting).null(seeds, part)
    if store.path(key) is None:
        count, order = DRAWS // PARTS, _order(store, setting)
        z = [_draw(client, store, setting, seeds, order, part * count + i) for i in range(count)]
        store.put_array(key, np.array(z))


def collected(store: Store, setting: Setting, seeds: Sequence[int]) -> npt.NDArray[np.float64] | None:
    """(DRAWS,) the setting's null, or None where it was not measured."""
    parts = [store.array(Keys(setting).null(seeds, part)) for part in range(PARTS)]
    return None if any(p is None for p in parts) else np.concatenate([p for p in parts if p is not None])


def _order(store: Store, setting: Setting) -> control.OpenCell:
    """A cell as the service opens it, without what differs from draw to draw; features only, no text."""
    facts = store.get(Keys(setting).features("strong", "train_unlabel", "facts"))
    train, test = (
        msgspec.structs.replace(split_ref(store, setting, "strong", split), rows=())
        for split in ("train_unlabel", "test")
    )
    return control.OpenCell(
        model=model_of(setting, "strong"),
        mode="probe",
        kind=setting.data.kind,
        train=train,
        train_order=wire.pack([], "i8"),
        test=test,
        test_order=wire.pack([], "i8"),
        probe=probe_settings(store, setting, "strong"),
        shape=control.Shape(**facts["shape"]),  # type: ignore[index]  # the baselines have put it there
    )


def _draw(
    client: ServiceClient,
    store: Store,
    setting: Setting,
    seeds: Sequence[int],
    order: control.OpenCell,
    draw: int,
) -> float:
    cell = Cell(setting.task.id, setting.pair.name, "null", seeds[draw % len(seeds)])
    staged = stage(
        store, setting, cell, World(name="null", teacher="permuted", inputs="scrambled", draw=draw)
    )
    client.open_cell(
        msgspec.structs.replace(
            order,
            train_order=wire.pack(staged.train.reads, "i8"),
            test_order=wire.pack(staged.test.reads, "i8"),
            seed=named_seed(setting.root_seed, setting.data.digest, "null", draw),
        )
    )
    try:
        reply = client.serve(_fit(staged.told.weak, draw))
        if not isinstance(reply, wire.Handled):
            raise WorkerError(f"the student service refused a fit of the empirical null: {reply}")
        (packed,) = client.predict_test(reply.handle).values
    finally:
        client.close_cell()
    return balanced_z(wire.unpack(packed), gold_of(setting.data, "test").labels, setting.test.groups)


def _fit(weak: npt.NDArray[np.float64], draw: int) -> wire.Fit:
    """What vanilla, vanilla-hard, confident and logconf would ask for, in turn."""
    rows, targets, kind = np.arange(len(weak)), weak, draw % 4
    if kind == 1:
        targets = (weak > 0.5).astype(float)
    sure = np.flatnonzero(np.abs(weak - 0.5) > _CONFIDENT)
    if kind == 2 and len(sure) >= _FEW:
        rows, targets = sure, weak[sure]
    ref = wire.RowsRef("train", wire.pack(rows, "i8"))
    if kind == 3:
        return wire.Fit(ref, wire.pack(targets), loss="logconf", options={"a": 0.75})
    return wire.Fit(ref, wire.pack(targets))
