"""The channel behind the weak labels: Bayes by hand, and a confusion that EM has to find."""

from __future__ import annotations

import math

import numpy as np
import pytest
from fake_student import FakeConnection, problem
from richer_student import RicherConnection, targets

from w2s_harness import Skip
from w2s_harness.contract.worker.student import Student
from w2s_plugins.methods import em_posterior
from w2s_plugins.methods.em_posterior import EMPosterior


def rng():
    return np.random.default_rng(0)


def student(connection, kind="verify", templates=("plain",)):
    return Student(connection, kind=kind, layers=3, features=2, templates=templates)


def test_bayes_by_hand():
    # prior 1/2, said 1 with rates .8 and .4: odds 2; said 0: .2 / .6, odds 1/3; prior .75 triples them.
    said, prior = np.array([1.0, 0.0, 1.0]), np.array([0.5, 0.5, 0.75])
    odds = np.exp(em_posterior.log_posterior(said, prior, np.full(3, 0.8), np.full(3, 0.4)))
    assert odds == pytest.approx([2.0, 1 / 3, 6.0])


def test_a_channel_worse_than_chance_is_not_heard():
    true, false = em_posterior.better_than_chance(np.array([0.9, 0.2]), np.array([0.3, 0.6]))
    assert true == pytest.approx([0.9, 0.4])
    assert false == pytest.approx([0.3, 0.4])


def test_em_recovers_the_rates_of_the_teacher_from_an_informative_prior():
    draw = np.random.default_rng(1)
    n = 6000
    prior = 1 / (1 + np.exp(-2.5 * draw.standard_normal(n)))
    gold = draw.random(n) < prior
    said = (draw.random(n) < np.where(gold, 0.85, 0.3)).astype(float)
    true, false = em_posterior.channel(np.zeros((n, 1)), said, np.clip(prior, 0.001, 0.999), 100, 1.0)
    assert true.mean() == pytest.approx(0.85, abs=0.03)
    assert false.mean() == pytest.approx(0.3, abs=0.03)


def test_views_are_every_template_in_both_orders():
    margins = np.array([3.0, -4.0])
    connection = RicherConnection(margins=margins, swap_bias=1.0)
    got = em_posterior.views(problem([0.2, 0.7], "preference"), student(connection, "preference"))
    # The swap's margins are -3 + 1 and 4 + 1 turned round, and the fake adds its bias to both orders.
    plain, turned = np.array([4.0, -3.0]), np.array([2.0, -5.0])
    assert got[0] == pytest.approx(plain / math.sqrt(12.5))
    assert got[1] == pytest.approx(turned / math.sqrt(14.5))


def test_verify_views_lose_their_median():
    connection = FakeConnection(margins=[-5.0, -1.0, -3.0])
    (view,) = em_posterior.views(problem([0.5] * 3), student(connection))
    assert view == pytest.approx(np.array([-2.0, 2.0, 0.0]) / math.sqrt(8 / 3))


def test_features_name_doubt_size_spread_and_agreement():
    weak = np.array([0.9, 0.5])
    margins = np.array([[1.0, -1.0], [1.0, 3.0]])
    # confidence .8, 0; |mean| 1, 1; spread 0, 2; agreement 1, 0. Centred, unit spread; constants become 0.
    assert em_posterior.features(weak, margins).tolist() == [[1, 0, -1, 1], [-1, 0, 1, -1]]


def test_posterior_of_preferences_does_not_know_first_from_second():
    draw = np.random.default_rng(2)
    weak, seen, prior = draw.random(50), draw.standard_normal((50, 4)), draw.random(50)
    method = EMPosterior()
    one = method.posterior(problem(weak, "preference"), seen, prior)
    other = method.posterior(problem(1 - weak, "preference"), seen, 1 - prior)
    assert other == pytest.approx(1 - one)


def test_a_round_trains_on_the_posterior_and_takes_the_student_as_the_next_prior():
    draw = np.random.default_rng(3)
    margins, weak = draw.standard_normal(40), draw.random(40)
    told = draw.random(40)
    connection = FakeConnection(predictions=[told], margins=margins)
    method = EMPosterior(rounds=1)
    handle = method.fit(problem(weak), student(connection), rng())
    first, second = (np.array(targets(f)) for f in connection.fits)
    shown = em_posterior.views(problem(weak), student(FakeConnection(margins=margins)))
    seen = em_posterior.features(weak, shown)
    assert first == pytest.approx(method.posterior(problem(weak), seen, em_posterior.sigmoid(shown.mean(0))))
    assert second == pytest.approx(method.posterior(problem(weak), seen, told))
    assert handle._id == 1


def test_temperature_divides_the_log_odds():
    draw = np.random.default_rng(4)
    given = problem(draw.random(30)), draw.standard_normal((30, 4)), draw.random(30)
    sharp, soft = (EMPosterior(temperature=t).posterior(*given) for t in (1.0, 2.0))
    assert np.log(sharp / (1 - sharp)) == pytest.approx(2 * np.log(soft / (1 - soft)))


def test_without_a_template_it_is_skipped():
    with pytest.raises(Skip, match="template"):
        EMPosterior().fit(problem([0.2, 0.7]), student(FakeConnection(), templates=()), rng())
