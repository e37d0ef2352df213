"""Anchor points, the posterior of the noisy channel, and EM on the forward loss."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from fake_student import FakeConnection, index, problem, student
from richer_student import targets

from w2s_harness.contract.kinds import VERIFY
from w2s_harness.students.probe.probe import fit_exact, sigmoid
from w2s_plugins.methods.noise_correction import NoiseCorrection, anchors, out_of_fold, posterior


def test_the_confusion_is_read_at_the_quantiles_of_the_predictions():
    predicted = np.arange(101) / 100
    assert anchors(predicted, 0.97) == pytest.approx((0.03, 0.97))
    assert anchors(predicted, 1.0) == pytest.approx((0.001, 0.999))
    assert anchors(np.array([0.2, 0.4, 0.9]), 1.0) == pytest.approx((0.2, 0.9))


def test_the_posterior_is_bayes_for_both_hard_labels_and_a_mixture_for_soft_ones():
    # s = .5, T_11 = .9, T_01 = .3. Label 1: .45 / (.45 + .15) = .75. Label 0: .05 / (.05 + .35) = .125.
    own = np.full(3, 0.5)
    found = posterior(own, np.array([1.0, 0.0, 0.6]), 0.3, 0.9)
    assert found == pytest.approx([0.75, 0.125, 0.6 * 0.75 + 0.4 * 0.125])


def test_a_teacher_without_noise_leaves_the_label_and_a_useless_one_leaves_the_student():
    own, weak = np.array([0.3, 0.8]), np.array([1.0, 0.0])
    assert posterior(own, weak, 0.001, 0.999) == pytest.approx([1.0, 0.0], abs=0.005)
    assert posterior(own, weak, 0.4, 0.4) == pytest.approx(own)


def test_a_held_out_row_is_never_in_the_fit_that_predicts_it():
    weak = np.linspace(0.1, 0.9, 7)
    connection = FakeConnection(predictions=[[k / 10] * 7 for k in range(3)])
    asked = student(connection)
    held = out_of_fold(problem(weak), weak, asked, np.random.default_rng(0), 3)
    for k, fit in enumerate(connection.fits):
        rows = set(index(fit.rows).tolist())
        assert {i for i in range(7) if held[i] == k / 10} == set(range(7)) - rows
        assert targets(fit) == [weak[i] for i in sorted(rows)]
    assert len(connection.fits) == 3


def fitted(kind, weak, predictions, **parameters):
    connection = FakeConnection(predictions=predictions)
    method = NoiseCorrection(folds=2, rounds=1, quantile=1.0, **parameters)
    method.fit(problem(weak, kind), student(connection, kind), np.random.default_rng(0))
    return connection


def test_it_refits_to_the_posterior_of_the_student_that_was_trained_on_the_weak_labels():
    # Out of fold the rows get .3 or .9 by fold: T_01 = .3, T_11 = .9; the student then says .5 everywhere.
    weak = [1.0, 0.0, 1.0, 0.0]
    connection = fitted("verify", weak, [[0.3] * 4, [0.9] * 4, [0.5] * 4])
    assert len(connection.fits) == 4
    assert targets(connection.fits[2]) == weak
    assert targets(connection.fits[3]) == pytest.approx([0.75, 0.125, 0.75, 0.125])


def test_preferences_have_the_same_confusion_both_ways_round():
    # .3 and .9 read the other way round are .7 and .1: T_01 = .1, T_11 = .9, so a label is worth .9.
    connection = fitted("preference", [1.0, 0.0, 1.0, 0.0], [[0.3] * 4, [0.9] * 4, [0.5] * 4])
    assert targets(connection.fits[3]) == pytest.approx([0.9, 0.1, 0.9, 0.1])


def test_hard_labels_where_the_doubt_is_not_wanted():
    connection = fitted("verify", [0.9, 0.2, 0.5, 0.4], [[0.3] * 4, [0.9] * 4, [0.5] * 4], soft=False)
    assert targets(connection.fits[2]) == [1.0, 0.0, 0.5, 0.0]


def forward_loss(own, weak, low, high):
    noisy = own * high + (1 - own) * low
    return -(weak * np.log(noisy) + (1 - weak) * np.log(1 - noisy)).mean()


def test_rounds_of_the_posterior_lower_the_forward_loss_of_a_solved_head():
    random = np.random.default_rng(3)
    x = random.normal(size=(400, 3))
    gold = random.random(400) < sigmoid(3.0 * x[:, 0])
    weak = (np.where(gold, random.random(400) < 0.9, random.random(400) < 0.3)).astype(float)
    own = sigmoid(fit_exact(x, weak, VERIFY, c=1e6).logits(x))
    losses = [forward_loss(own, weak, 0.3, 0.9)]
    for _ in range(20):
        own = sigmoid(fit_exact(x, posterior(own, weak, 0.3, 0.9), VERIFY, c=1e6).logits(x))
        losses.append(forward_loss(own, weak, 0.3, 0.9))
    assert all(later <= before + 1e-9 for before, later in itertools.pairwise(losses))
    # Labels that are 1 too often move the uncorrected threshold; the corrected one comes back to the gold.
    assert losses[0] - losses[-1] > 0.02
    assert abs((own > 0.5).mean() - gold.mean()) < 0.06


@pytest.mark.parametrize(
    ("parameters", "what"),
    [({"quantile": 0.5}, "quantile is 0.5"), ({"folds": 1}, "folds is 1"), ({"rounds": 0}, "rounds is 0")],
)
def test_senseless_parameters_are_refused(parameters, what):
    with pytest.raises(ValueError, match=what):
        NoiseCorrection(**parameters)
