from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.kinds import PREFERENCE, VERIFY
from w2s_harness.contract.types import Model
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.students import control
from w2s_harness.students.lm.finetune import Trainer, _batches
from w2s_harness.students.lm.loading import load
from w2s_harness.students.lm.readout import extract
from w2s_harness.students.probe.objective import Loss
from w2s_harness.students.probe.probe import cross_entropy
from w2s_harness.students.service.baseline import fit_predict
from w2s_harness.students.session.serving import CellSession
from w2s_harness.students.shelf import Shelf

FULL = control.FinetuneSettings(epochs=4, lr=3e-3, head_lr=3e-2, batch=8)
LORA = control.FinetuneSettings(adapter="lora", rank=4, epochs=4, lr=1e-2, head_lr=3e-2, batch=8)


@pytest.fixture(scope="module")
def readable(build):
    return load(Model(source=build("Qwen3"), readout="last", max_tokens=96))


def gold(rows):
    """A label that can be read off the text."""
    return np.array([float(" 1" in r.prompt or " 2" in r.prompt or " 3" in r.prompt) for r in rows])


@pytest.mark.parametrize("settings", [FULL, LORA], ids=["full", "lora"])
def test_training_lowers_the_loss_and_leaves_the_model_as_it_was(readable, verify_rows, settings):
    before = extract(readable, verify_rows, VERIFY).features
    trainer = Trainer(readable, settings)
    y = gold(verify_rows)
    state, met = trainer.train(verify_rows, VERIFY, y, seed=0, epochs=8)
    z = trainer.logits(state, verify_rows, VERIFY)
    trace = cross_entropy(y, met)
    assert cross_entropy(y, z).mean() < 0.75 * trace[0].mean()
    assert trace.shape == (2, 40) and trace[1].mean() < trace[0].mean()
    assert extract(readable, verify_rows, VERIFY).features.tobytes() == before.tobytes()


@pytest.mark.parametrize("settings", [FULL, LORA], ids=["full", "lora"])
def test_a_seed_repeats_and_another_differs(readable, verify_rows, settings):
    y = gold(verify_rows)
    trainer = Trainer(readable, settings)
    a, b, c = (
        trainer.logits(trainer.train(verify_rows, VERIFY, y, seed=s, epochs=1)[0], verify_rows, VERIFY)
        for s in (1, 1, 2)
    )
    assert a.tobytes() == b.tobytes() and a.tobytes() != c.tobytes()


def test_checkpoints_are_the_student_after_each_epoch(readable, verify_rows):
    """At a constant rate the first epoch of two is a training of one, and looking changes nothing."""
    trainer = Trainer(readable, control.FinetuneSettings(epochs=2, batch=4, schedule="constant"))
    y, seen = np.linspace(0, 1, len(verify_rows)), {}

    def look(epochs, state):
        seen[epochs] = trainer.logits(state, verify_rows, VERIFY)

    watched, _ = trainer.train(verify_rows, VERIFY, y, seed=1, checkpoint=look)
    assert list(seen) == [1.0, 2.0]
    alone, _ = trainer.train(verify_rows, VERIFY, y, seed=1)
    assert np.array_equal(trainer.logits(alone, verify_rows, VERIFY), seen[2.0])
    assert np.array_equal(trainer.logits(watched, verify_rows, VERIFY), seen[2.0])
    one, _ = trainer.train(verify_rows, VERIFY, y, seed=1, epochs=1)
    assert np.array_equal(trainer.logits(one, verify_rows, VERIFY), seen[1.0])


def test_lora_trains_adapters_only_and_shares_the_weights(readable, verify_rows):
    trainer = Trainer(readable, LORA)
    assert all("lora_" in name for name in trainer._start)
    theirs = {id(p) for p in readable.network.parameters()}
    assert theirs <= {id(p) for p in trainer._work.network.parameters()}


def test_preferences_are_antisymmetric(loaded, preference_rows):
    trainer = Trainer(loaded, FULL)
    y = np.linspace(0, 1, 40)
    state, _ = trainer.train(preference_rows, PREFERENCE, y, seed=0, epochs=1)
    z = trainer.logits(state, preference_rows, PREFERENCE)
    turned = [type(r)(r.prompt, first=r.second, second=r.first) for r in preference_rows]
    assert trainer.logits(state, turned, PREFERENCE) == pytest.approx(-z, abs=1e-3)
    assert abs(z).max() > 1e-3


def test_init_goes_on_from_a_student(readable, verify_rows):
    y = gold(verify_rows)
    trainer = Trainer(readable, FULL)
    state, _ = trainer.train(verify_rows, VERIFY, y, seed=0)
    z = trainer.logits(state, verify_rows, VERIFY)
    _, met = trainer.train(verify_rows, VERIFY, y, seed=1, epochs=0.2, init=state)
    first = np.flatnonzero(abs(cross_entropy(y, met[0]) - cross_entropy(y, z)) < 1e-4)
    assert len(first) >= 8


def test_rows_of_weight_zero_do_not_matter(readable, verify_rows):
    y = gold(verify_rows)
    weight = np.arange(40) % 2.0
    trainer = Trainer(readable, FULL)
    a, _ = trainer.train(verify_rows, VERIFY, y, seed=0, weight=weight, epochs=1)
    b, _ = trainer.train(verify_rows, VERIFY, np.where(weight > 0, y, 1 - y), seed=0, weight=weight, epochs=1)
    assert torch.equal(a.weights, b.weights)


@pytest.mark.parametrize("loss", [Loss("logconf", {"a": 0.9}), Loss("product")], ids=["logconf", "product"])
def test_the_other_losses_train_to_another_student(readable, verify_rows, loss, monkeypatch):
    y = np.clip(gold(verify_rows), 0.3, 0.7)
    trainer = Trainer(readable, FULL)
    plain, _ = trainer.train(verify_rows, VERIFY, y, seed=0)
    other, _ = trainer.train(verify_rows, VERIFY, y, seed=0, loss=loss)
    spread = [abs(trainer.logits(s, verify_rows, VERIFY)).mean() for s in (plain, other)]
    assert spread[1] > spread[0]
    # A batch that does not fit at once is trained on in parts, to the same end.
    monkeypatch.setattr("w2s_harness.students.lm.finetune.MICRO_TOKENS", 64)
    parts, _ = trainer.train(verify_rows, VERIFY, y, seed=0, loss=loss, epochs=0.4)
    monkeypatch.undo()
    whole, _ = trainer.train(verify_rows, VERIFY, y, seed=0, loss=loss, epochs=0.4)
    assert parts.weights.numpy() == pytest.approx(whole.weights.numpy(), abs=2e-3)


def test_every_row_is_met_once_an_epoch_in_batches_of_like_length():
    lengths = np.random.default_rng(0).integers(5, 200, 1000)
    found = list(_batches(lengths, 32, 2.0, 0))
    assert len(found) == 64
    assert sorted(np.concatenate(found[:32])) == list(range(1000))
    spread = np.mean([np.ptp(lengths[b]) for b in found])
    assert spread < 0.3 * np.ptp(lengths)
    assert len(list(_batches(lengths, 32, 0.5, 0))) == 16


def test_lora_without_peft_names_the_extra(readable, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ModelError, match=r"pip install 'w2s-harness\[finetune\]'"):
        Trainer(readable, LORA)


@pytest.mark.parametrize("settings", [FULL, LORA], ids=["full", "lora"])
def test_a_cell_is_served_by_fine_tuning(build, preference_rows, settings):
    rows = control.SplitRef(rows=preference_rows[:30])
    test = control.SplitRef(rows=preference_rows[30:])
    model = Model(source=build("Qwen2"), readout="last", max_tokens=96)
    at = [wire.pack(np.arange(n), "i8") for n in (30, 10)]
    order = control.OpenCell(model, "finetune", "preference", rows, at[0], test, at[1], finetune=settings)
    cell = CellSession(order, Shelf())
    assert cell.opened == control.Opened(3, 0, ())
    everything = wire.RowsRef("train", at[0])
    reply = cell.serve(wire.Fit(everything, wire.pack(np.linspace(0, 1, 30)), epochs=1.0, trace=True))
    assert isinstance(reply, wire.Handled) and wire.unpack(reply.trace).shape == (2, 30)
    again = cell.serve(wire.Fit(everything, wire.pack(np.ones(30)), init=reply.handle, epochs=1.0))
    mixed = cell.serve(wire.EnsembleOf((reply.handle, again.handle), swap_average=True))
    p = cell.predict_test(mixed.handle)
    assert p.shape == (10,) and np.isfinite(p).all()
    refused = cell.serve(wire.Head(wire.pack(np.zeros(32))))
    assert isinstance(refused, wire.Refused) and "frozen features" in refused.reason
    meter = cell.close()
    assert meter.fits == 2 and meter.solvers == ("finetune",)
    train, holdout = (s.tokens(np.arange(len(s))) for s in cell._rungs[0].splits.values())
    per = 6 if settings.adapter == "full" else 4
    parameters = cell._rungs[0].shape.parameters
    assert meter.flops == parameters * (2 * (2 + per) * train + 2 * 2 * holdout)


def test_what_was_cut_is_counted_where_no_features_are_read(llama, verify_rows):
    long = TextRow("Tom has apples " * 90, candidate="yes")
    train, test = (long, *verify_rows), (long, long, *verify_rows[:2])
    at = [wire.pack(np.arange(len(rows)), "i8") for rows in (train, test)]
    order = control.FitPredict(
        llama, "finetune", "verify", control.SplitRef(rows=train), at[0], wire.pack(np.arange(41) % 2.0),
        ((control.SplitRef(rows=train), at[0]), (control.SplitRef(rows=test), at[1])),
        finetune=control.FinetuneSettings(epochs=0.1),
    )  # fmt: skip
    assert fit_predict(order, Shelf()).n_cut == 3
