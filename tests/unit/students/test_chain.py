"""A cell's other models: smaller students that share rows, and what may meet what."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from w2s_harness.contract.kinds import VERIFY
from w2s_harness.contract.types import Model
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.students import control
from w2s_harness.students.lm.readout import extract
from w2s_harness.students.session.serving import CellSession
from w2s_harness.students.shelf import Shelf

from .asking import handle, ints, refused, values

N, M = 30, 10


@pytest.fixture(scope="module")
def shelf():
    return Shelf()


@pytest.fixture(scope="module")
def smaller(build) -> Model:
    return Model(source=build("Qwen2"), max_tokens=96, templates={"min": {"kind": "likelihood"}})


@pytest.fixture
def open_cell(shelf, llama, smaller, verify_rows):
    def make(**changes) -> CellSession:
        order = control.OpenCell(
            model=llama, mode="probe", kind="verify",
            train=control.SplitRef(rows=verify_rows[:N]), train_order=ints(range(N)[::-1]),
            test=control.SplitRef(rows=verify_rows[N:]), test_order=ints(range(M)),
            shape=shelf.shape(llama), chain=(smaller,), probe=control.ProbeSettings(c=0.5),
        )  # fmt: skip
        return CellSession(msgspec.structs.replace(order, **changes), shelf)

    return make


def rows(values=range(N), phase="train") -> wire.RowsRef:
    return wire.RowsRef(phase, ints(values))


def fit(**changes) -> wire.Fit:
    targets = np.random.default_rng(0).uniform(size=N)
    return wire.Fit(**{"rows": rows(), "targets": wire.pack(targets)} | changes)


def test_a_worker_is_told_of_the_chain(open_cell):
    assert open_cell().opened.chain == (("min",),)
    assert open_cell(chain=()).opened.chain == ()


def test_a_chain_student_reads_the_cells_rows_with_its_own_network(open_cell, shelf, smaller, verify_rows):
    cell = open_cell(access=("embeddings",))
    got = values(cell.serve(wire.Embed(rows([0, 1]), model=1)))
    own = extract(shelf.model(smaller), verify_rows[:N], VERIFY)
    assert_array_equal(got, own.features[[N - 1, N - 2]])
    assert not np.array_equal(got, values(cell.serve(wire.Embed(rows([0, 1])))))
    z = values(cell.serve(wire.ZeroShotMargins(rows([0]), "min", model=1)))
    assert z == pytest.approx(own.likelihoods[[N - 1], 0])
    assert cell.serve(wire.Measure(1)) == wire.StudentSize(3, own.features.shape[1])


def test_a_chain_student_is_what_it_would_be_as_the_strong_one(open_cell, shelf, smaller):
    chained, strong = open_cell(), open_cell(model=smaller, shape=None, chain=())
    request = fit(epochs=2.0)
    a = handle(chained.serve(msgspec.structs.replace(request, model=1)))
    p = values(chained.serve(wire.Predict(a, rows())))
    q = values(strong.serve(wire.Predict(handle(strong.serve(request)), rows())))
    # Order and initialisation differ, for they are drawn by content; what is learned does not.
    assert np.corrcoef(p, q)[0, 1] > 0.95
    exact = [handle(c.serve(fit(model=m))) for c, m in ((chained, 1), (strong, 0))]
    p, q = (values(c.serve(wire.Predict(h, rows()))) for c, h in zip((chained, strong), exact, strict=True))
    assert_array_equal(p, q)


def test_the_chain_changes_no_bit_of_the_strong_student(open_cell):
    with_chain, alone = open_cell(), open_cell(chain=())
    handle(with_chain.serve(fit(model=1)))
    p, q = (
        values(c.serve(wire.Predict(handle(c.serve(fit(epochs=1.0))), rows()))) for c in (with_chain, alone)
    )
    assert p.tobytes() == q.tobytes()


def test_students_of_different_models_do_not_mix(open_cell):
    cell = open_cell()
    strong, small = handle(cell.serve(fit())), handle(cell.serve(fit(model=1)))
    refused(cell.serve(fit(init=small)), "init: students of different models")
    refused(cell.serve(fit(model=1, init=strong)), "init: students of different models")
    refused(cell.serve(wire.EnsembleOf((strong, small))), "ensemble: students of different models")
    handle(cell.serve(wire.EnsembleOf((small, small))))
    handle(cell.serve(fit(model=1, init=small)))


def test_the_holdout_is_not_predicted_by_a_chain_student(open_cell):
    from w2s_harness.contract.errors import WorkerError

    cell = open_cell()
    small = handle(cell.serve(fit(model=1)))
    both = handle(cell.serve(wire.EnsembleOf((small,))))
    for h in (small, both):
        with pytest.raises(WorkerError, match="student of the chain"):
            cell.predict_test(h)
    assert len(cell.predict_test(handle(cell.serve(fit())))) == M


def test_unknown_students_are_refused(open_cell):
    cell = open_cell(access=("embeddings",))
    for request in (
        fit(model=2), wire.ZeroShotMargins(rows(), model=2), wire.Prior(model=2), wire.Embed(rows(), model=2),
        wire.Head(wire.pack([1.0]), model=2), wire.Measure(2),
    ):  # fmt: skip
        refused(cell.serve(request), "there is no student 2: the chain has 1")


def test_a_chain_student_is_charged_by_its_own_size(open_cell, shelf, llama, smaller):
    cell = open_cell()
    handle(cell.serve(fit(model=1)))
    small = cell.close()
    tokens = sum(extract(shelf.model(smaller), cell._order.train.rows, VERIFY).tokens)
    assert (small.fits, small.tokens) == (1, tokens)
    solve = 4 * N * shelf.shape(smaller).features * small.trained[0].steps
    assert small.flops == 2 * shelf.shape(smaller).parameters * tokens + solve
    assert small.trained[0].model == 1
    assert shelf.shape(smaller).parameters != shelf.shape(llama).parameters


def test_features_of_the_chain_are_read_once_for_many_cells(open_cell, shelf, smaller, monkeypatch):
    handle(open_cell().serve(fit(model=1)))

    def strong_only(loaded, *rest):
        assert loaded is not shelf.model(smaller)
        return extract(loaded, *rest)

    monkeypatch.setattr("w2s_harness.students.lm.readout.extract", strong_only)
    handle(open_cell(train_order=ints(range(N))).serve(fit(model=1)))


def test_a_chain_that_is_not_asked_is_not_loaded(open_cell, llama):
    nowhere = dataclasses.replace(llama, source="./nowhere")
    cell = open_cell(chain=(nowhere,))
    handle(cell.serve(fit()))
    refused(cell.serve(fit(model=1)), "there is no such file or folder")


def test_a_chain_is_fine_tuned(open_cell):
    cell = open_cell(mode="finetune", shape=None, finetune=control.FinetuneSettings(epochs=1.0))
    small, strong = handle(cell.serve(fit(model=1))), handle(cell.serve(fit()))
    p, q = (values(cell.serve(wire.Predict(h, rows()))) for h in (small, strong))
    assert np.ptp(p) > 0.001 and not np.array_equal(p, q)
    again = values(cell.serve(wire.Predict(small, rows())))
    assert again.tobytes() == p.tobytes()


def test_a_fit_of_the_strong_student_is_seeded_as_before_there_were_chains():
    from w2s_harness.students.session.serving import _sha

    request = wire.Fit(
        wire.RowsRef("train", ints(range(3)), wire.pack([0, 1, 0], "u1")), wire.pack([0.1, 0.2, 0.3])
    )
    asked = msgspec.structs.replace(
        request, loss="logconf", options={"a": 0.5}, epochs=2.0, seed=4, trace=True
    )
    assert _sha(asked).hex().startswith("e3ba1d4c1835daba")
    assert _sha(request).hex().startswith("e87616bd25a5c3b8")
    assert _sha(msgspec.structs.replace(request, model=1)) != _sha(request)
