"""What a fit counts: a constant weight is none, a copy is no row, a row of weight 0 is none either."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from w2s_harness.contract.kinds import kind_of
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.students import control
from w2s_harness.students.probe.objective import Loss, merged, normalised
from w2s_harness.students.probe.probe import Path, fit_exact
from w2s_harness.students.session.serving import CellSession
from w2s_harness.students.shelf import Shelf

N = 30
SMALL = control.FinetuneSettings(epochs=2, lr=3e-3, head_lr=3e-2, batch=8)
CONSTANTS = (1e-6, 0.01, 0.03, 0.1, 1 / 3, 1.0, 7.0, 1e6)


@pytest.fixture(scope="module")
def shelf():
    return Shelf()


@pytest.fixture(params=["verify", "preference"])
def kind(request):
    return request.param


@pytest.fixture
def opened(shelf, llama, verify_rows, preference_rows, kind):
    """A function that opens a cell in a mode."""
    rows = {"verify": verify_rows, "preference": preference_rows}[kind]

    def make(mode="probe", order=range(N)):
        train, test = (control.SplitRef(rows=part) for part in (rows[:N], rows[N:]))
        opening = control.OpenCell(
            llama, mode, kind, train, ints(order), test, ints(range(10)),
            access=("transductive",), finetune=SMALL,
        )  # fmt: skip
        return CellSession(opening, shelf)

    return make


def ints(values):
    return wire.pack(np.array(list(values)), "i8")


def labels(n=N, seed=0):
    return np.random.default_rng(seed).uniform(size=n)


def fit(at=range(N), y=None, weight=None, swap=None, **changes):
    at = list(at)
    rows = wire.RowsRef("train", ints(at), None if swap is None else wire.pack(swap, "u1"))
    y = labels()[at] if y is None else y
    return wire.Fit(rows, wire.pack(y), None if weight is None else wire.pack(weight), **changes)


def bits(cell, request):
    """The holdout's predictions, and the facts of the fit."""
    reply = cell.serve(request)
    assert isinstance(reply, wire.Handled), reply
    return cell.predict_test(reply.handle).tobytes(), cell.close().trained[-1]


WAYS = [
    ("probe", {}),
    ("probe", {"loss": "logconf"}),
    ("probe", {"loss": "product"}),
    ("probe", {"epochs": 3.0}),
    ("probe", {"epochs": 3.0, "loss": "logconf"}),
    ("finetune", {}),
    ("finetune", {"loss": "product"}),
]


@pytest.mark.parametrize(("mode", "way"), WAYS)
def test_a_constant_weight_gives_the_bits_of_none(opened, mode, way):
    plain, facts = bits(opened(mode), fit(**way))
    for k in CONSTANTS if mode == "probe" else (0.03,):
        weighted, theirs = bits(opened(mode), fit(weight=np.full(N, k), **way))
        assert weighted == plain
        assert msgspec.structs.replace(theirs, weight=float(N)) == facts
        assert theirs.weight == pytest.approx(k * N)


@pytest.mark.parametrize(("mode", "way"), WAYS)
def test_rows_given_more_than_once_in_any_order_give_the_same_bits(opened, mode, way):
    plain, facts = bits(opened(mode), fit(**way))
    twice, theirs = bits(opened(mode), fit([*range(N), *range(N)], **way))
    assert twice == plain and (theirs.rows, theirs.c_effective) == (facts.rows, facts.c_effective)
    assert theirs.steps == facts.steps
    turned, _ = bits(opened(mode), fit(range(N)[::-1], **way))
    assert turned == plain


@pytest.mark.parametrize(("mode", "way"), WAYS)
def test_the_order_that_a_cell_shows_changes_no_bit(opened, mode, way):
    order = np.argsort(np.random.default_rng(3).random(N))
    plain, facts = bits(opened(mode), fit(**way))
    shuffled, theirs = bits(opened(mode, order), fit(y=labels()[order], **way))
    assert shuffled == plain and theirs == facts


@pytest.mark.parametrize("mode", ["probe", "finetune"])
def test_naming_what_stands_anyway_changes_no_bit(opened, mode):
    own = SMALL if mode == "finetune" else control.ProbeSettings()
    plain, _ = bits(opened(mode), fit(trace=True))
    for same in ({"epochs": own.epochs}, {"lr": own.lr}, {"epochs": own.epochs, "trace": True}):
        assert bits(opened(mode), fit(**same))[0] == plain


@pytest.mark.parametrize(("mode", "way"), WAYS)
def test_a_row_of_weight_zero_is_no_row(opened, mode, way):
    weight = (np.arange(N) % 3 > 0).astype(float)
    kept = np.flatnonzero(weight)
    masked, facts = bits(opened(mode), fit(weight=0.2 * weight, **way))
    subset, theirs = bits(opened(mode), fit(kept, **way))
    assert masked == subset and facts.rows == theirs.rows == len(kept)


def test_a_copy_adds_its_weight_and_its_target(opened):
    at, y = [0, 0, *range(1, N)], np.append([1.0, 0.0], labels()[1:])
    weight = np.ones(N + 1)
    weight[:2] = 3.0, 1.0
    copied, facts = bits(opened(), fit(at, y, weight))
    y, weight = labels(), np.ones(N)
    y[0], weight[0] = 0.75, 4.0
    alone, theirs = bits(opened(), fit(y=y, weight=weight))
    assert copied == alone and facts == theirs


@pytest.mark.parametrize("mode", ["probe", "finetune"])
def test_a_preference_and_its_swap_are_one_row(opened, mode, kind):
    if kind == "verify":
        pytest.skip("a verify row has no swap")
    # such that 1 - (1 - y) is another number than y
    y = 0.3 * labels() ** 3
    assert (1 - (1 - y) != y).any()
    plain, alone = bits(opened(mode), fit(y=y, epochs=1.0))
    for swap in (np.repeat([0, 1], N), np.repeat([1, 0], N)):
        told = np.where(swap, 1 - np.tile(y, 2), np.tile(y, 2))
        both, facts = bits(opened(mode), fit([*range(N), *range(N)], told, swap=swap, epochs=1.0))
        assert both == plain
        assert (facts.rows, facts.c_effective) == (N, alone.c_effective)


def test_a_heads_bias_does_not_make_a_preference_even(opened, shelf, llama, kind):
    cell = opened()
    head = cell.serve(wire.Head(wire.pack(np.zeros(shelf.shape(llama).features)), bias=3.0))
    handle = cell.serve(fit(epochs=1.0, init=head.handle)).handle
    p = wire.unpack(cell.serve(wire.Predict(handle, fit().rows)).values)
    swapped = wire.RowsRef("train", ints(range(N)), wire.pack(np.ones(N), "u1"))
    if kind == "preference":
        q = wire.unpack(cell.serve(wire.Predict(handle, swapped)).values)
        assert p + q == pytest.approx(1.0)
    else:
        assert p.mean() > 0.7


@pytest.mark.parametrize("mode", ["probe", "finetune"])
def test_a_trace_is_of_the_rows_as_they_were_given(opened, mode, kind):
    cell = opened(mode)
    at, y = [4, 7, 4, 2], np.array([1.0, 0.3, 0.0, 0.9])
    swap = np.array([0, 0, 0, 1]) if kind == "preference" else None
    reply = cell.serve(fit(at, y, np.array([1.0, 0.0, 1.0, 1.0]), swap, epochs=1.0, trace=True))
    first, last = wire.unpack(reply.trace)
    z = cell._kept(reply.handle).handle.logits(
        cell._rows(fit(at, y, swap=swap).rows, cell._rungs[0]), cell._account
    )
    # the row of weight 0 was never met: its loss is the finished student's, twice
    assert first[1] == last[1] == pytest.approx(np.logaddexp(0, z[1]) - 0.3 * z[1], rel=1e-4)
    # two copies with targets 1 and 0: their losses differ by the log-odds at that moment
    if mode == "probe":
        assert first == pytest.approx([np.log(2), first[1], np.log(2), np.log(2)])
    assert np.exp(-first[0]) + np.exp(-first[2]) == pytest.approx(1.0)


def test_the_facts_of_a_fit(opened):
    half = np.arange(0, N, 2)
    cell = opened()
    _, exact = bits(cell, fit(half, weight=np.full(len(half), 0.5)))
    assert (exact.solver, exact.loss, exact.rows, exact.weight) == ("exact", "xent", 15, 7.5)
    assert exact.c_effective == pytest.approx(0.1 / 2) and exact.solves == 1 and exact.epochs == 0.0
    assert exact.sharpness == pytest.approx(np.abs(2 * labels()[half] - 1).mean())
    _, rounds = bits(cell, fit(loss="logconf"))
    assert rounds.solves == 7 and rounds.c_effective == 0.1 and rounds.steps > 7
    _, path = bits(cell, fit([*range(N), *range(5)], epochs=2.5, lr=0.1))
    assert (path.solver, path.steps, path.solves, path.epochs, path.rows) == ("path", 3, 0, 2.5, N)
    assert (path.weight, path.c_effective) == (35.0, 0.1)
    _, tuned = bits(opened("finetune"), fit(half))
    assert (tuned.solver, tuned.steps, tuned.epochs, tuned.c_effective) == ("finetune", 4, 2.0, None)


def test_the_solvers_normalise_by_themselves(kind):
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(40, 5)).astype(np.float32), draw.uniform(size=40)
    weight = draw.uniform(size=40) * (np.arange(40) % 4 > 0)
    for loss in (Loss(), Loss("logconf"), Loss("product")):
        plain, constant = (
            fit_exact(x, y, kind_of(kind), c=0.1, weight=v, loss=loss) for v in (None, np.full(40, 0.03))
        )
        assert plain.weights.tobytes() == constant.weights.tobytes() and plain.bias == constant.bias
        some = weight > 0
        masked = fit_exact(x, y, kind_of(kind), c=0.1, weight=weight, loss=loss)
        subset = fit_exact(x[some], y[some], kind_of(kind), c=0.1, weight=5 * weight[some], loss=loss)
        assert masked.weights == pytest.approx(subset.weights, abs=1e-6)
        paths = [
            Path(x, y, kind_of(kind), c=0.1, lr=0.1, seed=0, weight=v, loss=loss)
            for v in (None, np.full(40, 100.0))
        ]
        for path in paths:
            path.run(3, 3)
        assert paths[0].probe().weights.tobytes() == paths[1].probe().weights.tobytes()


def test_weights_have_the_mean_one_over_positive_rows():
    v = normalised(np.array([0.0, 1.0, 3.0]))
    assert v is not None and v.tolist() == [0.0, 0.5, 1.5]
    assert normalised(np.full(7, 0.1)) is None and normalised(None) is None
    assert normalised(np.array([1e-320, 1e-320])) is None
    assert normalised(np.array([0.0, 2.0])) is not None


def test_copies_that_agree_keep_their_target_to_the_bit():
    draw = np.random.default_rng(1)
    keys = draw.integers(0, 50, 1000)
    told = draw.uniform(size=50)
    found = merged(keys, told[keys], draw.uniform(size=1000))
    assert found.targets.tobytes() == told[found.keys].tobytes()
    assert found.keys[found.place].tolist() == keys.tolist()
    # a copy of weight 0 has no say
    (only,) = merged(np.array([3, 3]), np.array([0.2, 0.9]), np.array([1.0, 0.0])).targets
    assert only == 0.2
