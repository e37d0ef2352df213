"""Contrast-consistent search, and the evolution that starts from it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from fake_student import index, problem, student
from richer_student import RicherConnection, sign, targets

from w2s_harness import Problem, Skip
from w2s_harness.contract.kinds import PREFERENCE, VERIFY
from w2s_harness.contract.worker.handles import Rows
from w2s_harness.contract.worker.wire import messages as wire
from w2s_plugins.methods import ccs, ccs_es

N = 60
TRUTH = np.where(np.arange(N) % 3 == 0, 1.0, -1.0)


class Answering(RicherConnection):
    """Verify rows: what follows "correct" tells the truth, what follows "incorrect" its opposite."""

    def call(self, request: wire.Request) -> wire.Reply:
        if isinstance(request, wire.Embed):
            rows = index(request.rows)
            self.requests.append(request)
            word = {None: 0.0, 0: -1.0, 1: 1.0}[request.answer]
            noise = np.random.default_rng(5).standard_normal(N)[rows]
            # The word itself shifts every row by 100: only scaling the sides apart takes that away.
            values = np.column_stack([4 * word * TRUTH[rows] + 100 * word, noise])
            return wire.Values(wire.pack(values))
        return super().call(request)


def rng():
    return np.random.default_rng(0)


def test_the_loss_and_its_slopes_by_hand():
    # p+ = .8, p- = .3: (.1)^2 + .3^2 = .1; the smaller one is p-, so only it has the second slope.
    loss, up, down = ccs.loss_of(np.array([[0.8]]), np.array([[0.3]]))
    assert loss == pytest.approx([0.1])
    assert up == pytest.approx(np.array([[0.2]]))
    assert down == pytest.approx(np.array([[0.2 + 0.6]]))


def test_each_side_is_centred_and_scaled_by_itself():
    plus = ccs.standardised(np.array([[101.0, 7.0], [103.0, 7.0]]))
    assert plus.tolist() == [[-1.0, 0.0], [1.0, 0.0]]


@pytest.mark.parametrize("told", [1.0, -1.0])
def test_ccs_finds_the_truth_and_takes_only_the_sign_from_the_teacher(told):
    # The teacher is right on two rows of three (or wrong on them) and sure of nothing.
    weak = 0.5 + 0.01 * told * np.where(np.arange(N) % 3 == 1, -TRUTH, TRUTH)
    connection = Answering()
    ccs.CCS(lr=0.02, epochs=300).fit(problem(weak), student(connection), rng())
    (fit,) = connection.fits
    assert ((np.array(targets(fit)) > 0.5) == (told * TRUTH > 0)).all()
    assert index(fit.rows).tolist() == list(range(N))


def test_ccs_reads_both_answers_of_every_layer_but_the_embeddings_features_for_the_last():
    connection = Answering()
    ccs.CCS(epochs=1).fit(problem([0.4] * N), student(connection), rng())
    asked = [(r.layer, r.answer) for r in connection.requests if isinstance(r, wire.Embed)]
    assert asked == [(1, 1), (1, 0), ("features", 1), ("features", 0)]


def test_the_sign_is_turned_round_where_most_decisions_are_against_the_teacher():
    p, weak = np.array([0.9, 0.8, 0.1]), np.array([0.4, 0.4, 0.4])
    assert ccs.oriented(p, weak) == pytest.approx([0.1, 0.2, 0.9])
    assert ccs.oriented(p, 1 - weak) == pytest.approx(p)


# -- evolution ------------------------------------------------------------------------------------------


def test_weights_take_the_larger_confidence_in_agreement_and_a_share_of_the_smaller_in_conflict():
    p, weak = np.array([0.9, 0.9, 0.2]), np.array([0.6, 0.3, 0.1])
    # confidences .8/.2 agree, .8/.4 differ, .6/.8 agree
    assert ccs_es.agreement_weights(p, weak, 0.1) == pytest.approx([0.8, 0.04, 0.8])


def test_fitness_by_hand():
    # p = sigmoid(log 4) = .8 beside p_swap = .2: consistent, |2p - 1| = .6; beside .8: 1 - .6 = .4, .24.
    z = math.log(4)
    theta = np.array([[1.0], [0.0]])
    assert ccs_es.fitness(theta, np.array([[z]]), np.array([[-z]])) == pytest.approx([0.6])
    assert ccs_es.fitness(theta, np.array([[z]]), np.array([[z]])) == pytest.approx([0.24])
    # A head that calls everything right by its bias alone earns next to nothing.
    assert ccs_es.fitness(np.array([[0.0], [9.0]]), np.array([[z]]), np.array([[-z]]))[0] < 0.001


def test_evolution_raises_the_fitness_and_moves_no_bias_of_preferences():
    x = np.random.default_rng(1).standard_normal((40, 3))
    theta = np.array([0.3, -0.2, 0.1, 0.0])
    method = ccs_es.CCSEvolution(generations=20)
    evolved = method.evolve(theta, x, -x, PREFERENCE, rng())
    before, after = (ccs_es.fitness(t[:, None], x, -x)[0] for t in (theta, evolved))
    assert after > before + 0.05
    assert evolved[-1] == 0.0
    assert method.evolve(theta, x, -x, VERIFY, rng())[-1] != 0.0


def test_a_head_is_read_back_from_its_own_log_odds():
    x = np.random.default_rng(2).standard_normal((30, 4)) + 3.0
    weights, bias = np.array([1.0, -2.0, 0.5, 0.0]), 0.7
    scale = ccs_es.Scale.of(x, VERIFY)
    z = ccs_es.log_odds(1 / (1 + np.exp(-(x @ weights + bias))))
    back, offset = scale.undo(ccs_es.read_back(scale.apply(x), z, VERIFY))
    assert back == pytest.approx(weights, abs=1e-6)
    assert offset == pytest.approx(bias, abs=1e-6)


class Preferring(RicherConnection):
    """A student whose every fit predicts from the same column, odd under the swap."""

    def call(self, request: wire.Request) -> wire.Reply:
        if isinstance(request, wire.Predict):
            self.requests.append(request)
            z = self.embeddings[index(request.rows), 0] * sign(request.rows)
            return wire.Values(wire.pack(1 / (1 + np.exp(-z))))
        return super().call(request)


def test_one_epoch_on_both_orders_and_a_trimmed_mean_over_seeds_and_swap():
    x = np.random.default_rng(3).standard_normal((30, 2))
    connection = Preferring(embeddings=x)
    weak = np.random.default_rng(4).random(30)
    method = ccs_es.CCSEvolution(students=3, generations=0, trim=0.34)
    method.fit(problem(weak, "preference"), student(connection, "preference"), rng())
    assert [(f.epochs, f.seed) for f in connection.fits] == [(1.0, 0), (1.0, 1), (1.0, 2)]
    fit = connection.fits[0]
    rows, told = index(fit.rows), np.array(targets(fit))
    assert rows[:30].tolist() == rows[30:].tolist()
    assert sign(fit.rows).tolist() == [1.0] * 30 + [-1.0] * 30
    assert told[:30] == pytest.approx(weak[rows[:30]])
    assert told[:30] + told[30:] == pytest.approx(np.ones(30))
    # Without a generation each head is the trained student's own: the first column.
    heads = [r for r in connection.requests if isinstance(r, wire.Head)]
    assert wire.unpack(heads[0].weights) == pytest.approx([1.0, 0.0], abs=1e-6)
    last = connection.requests[-1]
    assert isinstance(last, wire.EnsembleOf)
    assert (last.how, last.trim, last.swap_average, len(last.handles)) == ("logit-mean", 0.34, True, 3)


def test_a_student_without_a_head_is_skipped():
    from w2s_harness.contract.worker.student import Student

    tuned = Student(RicherConnection(), kind="verify", layers=3, features=0, templates=())
    rows = Rows.first(2, "verify", "train")
    with pytest.raises(Skip, match="finetune"):
        ccs_es.CCSEvolution().fit(Problem("verify", rows, np.array([0.1, 0.9])), tuned, rng())
