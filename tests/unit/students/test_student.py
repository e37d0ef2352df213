"""The session: what is refused, what is charged, what a handle predicts."""

from __future__ import annotations

import itertools

import msgspec
import numpy as np
import pytest

from w2s_harness.contract.kinds import kind_of
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.students import control
from w2s_harness.students.lm.readout import extract
from w2s_harness.students.session.serving import CellSession
from w2s_harness.students.shelf import Shelf

N, M = 30, 10


@pytest.fixture(scope="session")
def shelf():
    return Shelf()


@pytest.fixture(scope="session")
def refs(shelf, llama, verify_rows, preference_rows, tmp_path_factory):
    """(train, test) split references with feature files, by kind."""
    folder = tmp_path_factory.mktemp("features")

    def ref(kind, name, rows):
        got = extract(shelf.model(llama), rows, kind_of(kind))
        np.save(folder / f"{kind}-{name}.npy", got.features)
        np.save(folder / f"{kind}-{name}-likelihoods.npy", got.likelihoods)
        return control.SplitRef(
            rows=rows,
            features=str(folder / f"{kind}-{name}.npy"),
            likelihoods=str(folder / f"{kind}-{name}-likelihoods.npy"),
            tokens=wire.pack(got.tokens, "i8"),
        )

    return {
        kind: (ref(kind, "train", rows[:N]), ref(kind, "test", rows[N:]))
        for kind, rows in (("verify", verify_rows), ("preference", preference_rows))
    }


@pytest.fixture
def open_cell(shelf, llama, refs):
    def make(kind="verify", **changes) -> CellSession:
        train, test = refs[kind]
        order = control.OpenCell(
            model=llama, mode="probe", kind=kind, train=train, train_order=ints(range(N)[::-1]),
            test=test, test_order=ints(range(M)), shape=shelf.shape(llama),
        )  # fmt: skip
        return CellSession(msgspec.structs.replace(order, **changes), shelf)

    return make


def ints(values) -> wire.Array:
    return wire.pack(np.array(list(values)), "i8")


def rows(values=range(N), phase="train", swap=None) -> wire.RowsRef:
    return wire.RowsRef(phase, ints(values), None if swap is None else wire.pack(swap, "u1"))


def labels(n=N, seed=0):
    return np.random.default_rng(seed).uniform(size=n)


def fit(**changes) -> wire.Fit:
    return wire.Fit(**{"rows": rows(), "targets": wire.pack(labels())} | changes)


def values(reply):
    assert isinstance(reply, wire.Values), reply
    return wire.unpack(reply.values)


def handle(reply):
    assert isinstance(reply, wire.Handled), reply
    return reply.handle


def refused(reply, why, *, fatal=False):
    assert isinstance(reply, wire.Refused), reply
    assert why in reply.reason and reply.fatal is fatal, reply


# -- what it answers ------------------------------------------------------------------------------------


def test_fit_predict_and_losses_belong_together(open_cell):
    cell = open_cell()
    h = handle(cell.serve(fit()))
    p = values(cell.serve(wire.Predict(h, rows())))
    losses = values(cell.serve(wire.Losses(h, rows(), wire.pack(labels()))))
    w = labels()
    assert losses == pytest.approx(-(w * np.log(p) + (1 - w) * np.log(1 - p)))
    assert np.corrcoef(p, w)[0, 1] > 0.3


def test_rows_are_positions_in_the_cells_order(open_cell):
    backwards, forwards = open_cell(), open_cell(train_order=ints(range(N)))
    one = backwards.serve(fit(targets=wire.pack(labels()[::-1])))
    two = forwards.serve(fit())
    p = values(backwards.serve(wire.Predict(handle(one), rows([N - 1]))))
    q = values(forwards.serve(wire.Predict(handle(two), rows([0]))))
    assert p == pytest.approx(q, abs=1e-6)


def test_the_same_request_in_another_cell_gives_the_same_bits(open_cell):
    first, second = open_cell(), open_cell()
    second.serve(fit(seed=9, epochs=1.0))
    a = handle(first.serve(fit(epochs=2.0, lr=0.01)))
    b = handle(second.serve(fit(epochs=2.0, lr=0.01)))
    p, q = (values(c.serve(wire.Predict(h, rows()))) for c, h in ((first, a), (second, b)))
    assert p.tobytes() == q.tobytes()


@pytest.mark.parametrize("change", [{"seed": 1}, {"seed": 2}])
def test_a_fits_seed_and_the_cells_seed_change_a_path(open_cell, change):
    cell, other = open_cell(), open_cell(seed=5)
    plain = values(cell.serve(wire.Predict(handle(cell.serve(fit(epochs=1.0))), rows())))
    seeded = values(cell.serve(wire.Predict(handle(cell.serve(fit(epochs=1.0, **change))), rows())))
    elsewhere = values(other.serve(wire.Predict(handle(other.serve(fit(epochs=1.0))), rows())))
    assert plain.tobytes() != seeded.tobytes() and plain.tobytes() != elsewhere.tobytes()


def test_naming_epochs_lr_init_or_trace_takes_the_path(open_cell):
    for changes, solver in (
        ({}, "exact"),
        ({"seed": 3}, "exact"),
        ({"lr": 0.01}, "path"),
        ({"trace": True}, "path"),
    ):
        cell = open_cell()
        reply = cell.serve(fit(**changes))
        assert cell.close().solvers == (solver,)
        assert (reply.trace is not None) == ("trace" in changes)
    assert wire.unpack(reply.trace).shape == (2, N)


def test_preferences_are_antisymmetric(open_cell):
    cell = open_cell("preference")
    h = handle(cell.serve(fit(rows=rows(swap=np.arange(N) % 2))))
    p = values(cell.serve(wire.Predict(h, rows())))
    q = values(cell.serve(wire.Predict(h, rows(swap=np.ones(N)))))
    assert p + q == pytest.approx(np.ones(N))
    assert abs(p - 0.5).max() > 0.05


def test_training_on_a_swap_is_training_on_the_turned_label(open_cell):
    cell = open_cell("preference")
    a = handle(cell.serve(fit()))
    b = handle(cell.serve(fit(rows=rows(swap=np.ones(N)), targets=wire.pack(1 - labels()))))
    p, q = (values(cell.serve(wire.Predict(h, rows()))) for h in (a, b))
    assert p == pytest.approx(q, abs=1e-6)


def test_an_ensemble_trims_each_side_and_averages_log_odds(open_cell):
    cell = open_cell()
    handles = [handle(cell.serve(fit(targets=wire.pack(labels(seed=s))))) for s in range(5)]
    each = np.array([values(cell.serve(wire.Predict(h, rows()))) for h in handles])
    z = np.sort(np.log(each / (1 - each)), axis=0)
    mixed = handle(cell.serve(wire.EnsembleOf(tuple(handles), trim=0.2)))
    p = values(cell.serve(wire.Predict(mixed, rows())))
    assert np.log(p / (1 - p)) == pytest.approx(z[1:-1].mean(0))
    mean = handle(cell.serve(wire.EnsembleOf(tuple(handles), how="mean")))
    assert values(cell.serve(wire.Predict(mean, rows()))) == pytest.approx(each.mean(0))


def test_a_head_acts_on_the_embedded_features(open_cell):
    cell = open_cell(access=("embeddings",))
    x = values(cell.serve(wire.Embed(rows()))).astype(float)
    weights = np.random.default_rng(0).normal(size=x.shape[1]) * 0.01
    h = handle(cell.serve(wire.Head(wire.pack(weights), bias=0.3)))
    p = values(cell.serve(wire.Predict(h, rows())))
    assert np.log(p / (1 - p)) == pytest.approx(x @ weights + 0.3, rel=1e-4)


def test_layers_and_answers_are_embedded(open_cell):
    cell = open_cell(access=("embeddings",))
    right = values(cell.serve(wire.Embed(rows([0, 1]), layer=1, answer=1)))
    wrong = values(cell.serve(wire.Embed(rows([0, 1]), layer=1, answer=0)))
    asked = values(cell.serve(wire.Embed(rows([0, 1]), layer=2, answer=0, template="{question} {choice}?")))
    features = values(cell.serve(wire.Embed(rows([0, 1]), answer=0)))
    assert right.shape == wrong.shape == asked.shape == (2, 32) and features.shape == (2, 76)
    assert abs(right - wrong).max() > 1e-4


def test_zero_shot_and_the_prior_agree(open_cell):
    cell = open_cell()
    for template in (None, "ask", "{question} is it {candidate}"):
        z = values(cell.serve(wire.ZeroShotMargins(rows(), template)))
        p = values(cell.serve(wire.Predict(handle(cell.serve(wire.Prior(template, bias=0.7))), rows())))
        assert p == pytest.approx(1 / (1 + np.exp(-z - 0.7)))


def test_a_likelihood_prior_reads_no_model(refs, llama, shelf):
    train, test = refs["verify"]
    order = control.OpenCell(
        llama, "probe", "verify", train, ints(range(N)), test, ints(range(M)), shape=shelf.shape(llama)
    )
    empty = Shelf()
    cell = CellSession(order, empty)
    h = handle(cell.serve(wire.Prior("sum")))
    assert len(cell.predict_test(h)) == M
    assert not empty._loaded


def test_holdout_predictions_follow_test_order_and_average_the_swap(open_cell):
    turned = np.arange(M)[::-1]
    a, b = open_cell("preference"), open_cell("preference", test_order=ints(turned))
    p, q = (c.predict_test(handle(c.serve(wire.Prior("compare", bias=2.0)))) for c in (a, b))
    assert p == pytest.approx(q[turned])
    # The bias speaks for whichever comes first, so it cancels in the average over both orders.
    unbiased = a.predict_test(handle(a.serve(wire.Prior("compare"))))
    assert p == pytest.approx(unbiased)


# -- what it refuses ------------------------------------------------------------------------------------

BAD_FITS = {
    "a row index is out of range": {"rows": rows([*range(N - 1), N])},
    "targets holds NaN": {"targets": wire.pack([np.nan] * N)},
    "targets must be within 0 and 1": {"targets": wire.pack([1.5] * N)},
    "targets holds 3 values for 30 rows": {"targets": wire.pack([0.5] * 3)},
    "targets must be floating point": {"targets": wire.pack([1] * N, "i8")},
    "weight must be within 0": {"weight": wire.pack([-1.0] * N)},
    "weight is zero for every row": {"weight": wire.pack([0.0] * N)},
    "there are no rows": {"rows": rows([]), "targets": wire.pack([])},
    "epochs must be within": {"epochs": 51.0},
    "epochs must be within 0.001 and 50, not nan": {"epochs": float("nan")},
    "lr must be within": {"lr": 2.0},
    "seed must be within": {"seed": -1},
    "has no option 'b'": {"loss": "logconf", "options": {"b": 1.0}},
    "option 'a' of loss": {"loss": "logconf", "options": {"a": 1.5}},
    "loss 'xent' has no option": {"options": {"a": 0.5}},
    "there is no handle 0": {"init": 0},
    "rows of a verify task have no swap": {"rows": rows(swap=np.zeros(N))},
    "an array of 2 dimensions": {"targets": wire.pack(np.zeros((N, 1)))},
    "test rows are not to be had": {"rows": rows(range(M), "test"), "targets": wire.pack(labels(M))},
}


@pytest.mark.parametrize("why", BAD_FITS)
def test_a_bad_fit_is_refused_and_the_cell_goes_on(open_cell, why):
    cell = open_cell()
    refused(cell.serve(fit(**BAD_FITS[why])), why)
    handle(cell.serve(fit()))


def test_other_bad_requests_are_refused(open_cell):
    cell = open_cell()
    h = handle(cell.serve(fit()))
    prior = handle(cell.serve(wire.Prior()))
    refused(cell.serve(wire.Predict(-1, rows())), "no handle -1")
    refused(cell.serve(wire.Predict(h, rows(range(M), "test"))), "test rows")
    refused(cell.serve(wire.Embed(rows())), "grants no embeddings")
    refused(cell.serve(wire.EnsembleOf((h, 7))), "no handle 7")
    refused(cell.serve(wire.EnsembleOf(())), "1 to 64 handles")
    refused(cell.serve(wire.EnsembleOf((h,), trim=0.5)), "trim")
    refused(cell.serve(wire.EnsembleOf((h,), swap_average=True)), "no swap")
    refused(cell.serve(wire.Head(wire.pack([1.0]))), "weights holds 1 values for 76 rows")
    refused(cell.serve(wire.Prior("nope")), "unknown template 'nope'")
    refused(cell.serve(wire.Prior(bias=float("inf"))), "bias")
    refused(cell.serve(wire.ZeroShotMargins(rows(), shots=((N, 1.0),))), "shot's row")
    refused(cell.serve(wire.ZeroShotMargins(rows(), shots=((0, 1.5),))), "shot's label")
    refused(cell.serve(fit(init=prior)), "init must be a handle")
    embedding = open_cell(access=("embeddings",))
    refused(embedding.serve(wire.Embed(rows(), layer=3)), "layer must be within")
    refused(embedding.serve(wire.Embed(rows(), layer=1, template="sum")), "needs a text")


def test_after_fit_an_inference_worker_reads_test_rows_and_trains_no_more(open_cell):
    cell = open_cell(access=("embeddings", "inference"))
    h = handle(cell.serve(fit()))
    cell.begin_test()
    assert len(values(cell.serve(wire.Predict(h, rows(range(M), "test"))))) == M
    assert len(values(cell.serve(wire.Embed(rows(range(M), "test"))))) == M
    for request in (
        fit(),
        wire.Prior(),
        wire.ZeroShotMargins(rows()),
        wire.Losses(h, rows(), wire.pack(labels())),
    ):
        refused(cell.serve(request), "after fit")


def test_transductive_methods_may_fit_on_test_rows(open_cell):
    cell = open_cell(access=("transductive",))
    handle(cell.serve(fit(rows=rows(range(M), "test"), targets=wire.pack(labels(M)))))


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (control.CellBudget(fits=2), "more than 2 fits"),
        (control.CellBudget(handles=2), "more than 2 handles"),
        (control.CellBudget(vanillas=2.0), "FLOPs"),
    ],
)
def test_over_a_limit_the_cell_ends(open_cell, limits, why):
    cell = open_cell(limits=limits)
    replies = [cell.serve(fit(targets=wire.pack(labels(seed=s)))) for s in range(4)]
    assert isinstance(replies[1], wire.Handled)
    refused(next(itertools.dropwhile(lambda r: isinstance(r, wire.Handled), replies)), why, fatal=True)


def test_the_meter_charges_as_if_nothing_were_cached(open_cell, refs, shelf, llama):
    cell = open_cell(access=("embeddings",))
    tokens = wire.unpack(refs["verify"][0].tokens)
    h = handle(cell.serve(fit()))
    handle(cell.serve(fit()))
    cell.serve(wire.Predict(h, rows([0, 1])))
    cell.serve(wire.Embed(rows()))
    meter = cell.close()
    expected = 3 * tokens.sum() + tokens[[N - 1, N - 2]].sum()
    assert (meter.fits, meter.predicts, meter.embeds, meter.tokens) == (2, 1, 1, expected)
    (first, again), width = meter.trained, shelf.shape(llama).features
    assert first == again and first.steps > 1
    solves = 2 * 4 * N * width * first.steps
    assert meter.flops == pytest.approx(2 * shelf.shape(llama).parameters * expected + solves, rel=1e-12)


def test_passes_of_the_path_are_charged_before_it(open_cell, shelf, llama):
    def cost(**changes):
        cell = open_cell()
        handle(cell.serve(fit(**changes)))
        return cell.close()

    one, five = cost(epochs=1.0), cost(epochs=5.0)
    width = shelf.shape(llama).features
    assert five.flops - one.flops == 4 * 4 * N * width and five.tokens == one.tokens
    assert [m.trained[0].steps for m in (one, five)] == [1, 5]
    assert [m.trained[0].epochs for m in (one, five)] == [1.0, 5.0]


def test_a_solve_stops_where_the_limit_ends(open_cell, shelf, llama):
    cell, width = open_cell(), shelf.shape(llama).features
    handle(cell.serve(fit()))
    (done,) = cell.close().trained
    left = cell.serve(wire.Budget()).flops
    few = open_cell(limits=control.CellBudget(vanillas=1e-9))
    refused(few.serve(fit()), "FLOPs", fatal=True)
    most = done.steps - 2
    whole = cell.close().flops + left
    start = cell.close().flops - 4 * N * width * done.steps
    short = open_cell(limits=control.CellBudget(vanillas=200 * (start + 4 * N * width * most) / whole))
    refused(short.serve(fit()), "a fit needed more FLOPs of the student service", fatal=True)


def test_the_budget_says_what_is_left(open_cell):
    cell = open_cell(limits=control.CellBudget(fits=3, handles=5))
    before = cell.serve(wire.Budget())
    handle(cell.serve(fit()))
    after = cell.serve(wire.Budget())
    assert (before.fits, before.handles, after.fits, after.handles) == (3, 5, 2, 4)
    assert after.flops < before.flops


def test_a_cell_without_feature_files_reads_its_text(open_cell, refs):
    train, test = refs["verify"]
    bare = [control.SplitRef(rows=ref.rows) for ref in (train, test)]
    a, b = open_cell(), open_cell(train=bare[0], test=bare[1], shape=None)
    p, q = (c.predict_test(handle(c.serve(fit()))) for c in (a, b))
    assert p.tobytes() == q.tobytes()
    assert a.close().flops == b.close().flops
