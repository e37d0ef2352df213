"""The loss of `product`, and what makes the members of `ensemble` differ."""

from __future__ import annotations

import numpy as np
import pytest
from fake_student import FakeConnection, index, problem, student
from richer_student import targets

from w2s_harness.contract.kinds import VERIFY
from w2s_harness.contract.worker.student import Student
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.students.probe.objective import Loss, check_options, detached_target
from w2s_plugins.methods import ensemble, product

WEAK = [0.1, 0.8, 0.6, 0.3]


def fitted(method, connection=None, kind="verify", features=2, seed=0):
    connection = connection or FakeConnection()
    asked = Student(connection, kind=kind, layers=3, features=features, templates=("plain",))
    return connection, method.fit(problem(WEAK, kind), asked, np.random.default_rng(seed))


def test_product_asks_for_the_loss_with_both_powers():
    connection, handle = fitted(product.Product(alpha=2.0, beta=0.5))
    (fit,) = connection.fits
    assert (fit.loss, fit.options) == ("product", {"alpha": 2.0, "beta": 0.5})
    assert (targets(fit), handle._id) == (WEAK, 0)


def test_the_loss_that_product_names_multiplies_weak_label_and_own_view():
    # .8 and .6: 1 gets .8 * .6 = .48, 0 gets .2 * .4 = .08; .48 / .56 = 6/7.
    loss = Loss("product", {"alpha": 1.0, "beta": 1.0})
    check_options(loss)
    found = detached_target(np.array([0.8]), np.array([0.6]), VERIFY, loss)
    assert found == pytest.approx([6 / 7])


def test_an_ensemble_of_solved_heads_learns_from_bootstrap_samples():
    connection, handle = fitted(ensemble.Ensemble(members=3))
    drawn = [index(fit.rows).tolist() for fit in connection.fits]
    assert [len(rows) for rows in drawn] == [4, 4, 4]
    assert len({tuple(rows) for rows in drawn}) > 1 and any(len(set(rows)) < 4 for rows in drawn)
    assert [targets(fit) for fit in connection.fits] == [[WEAK[i] for i in rows] for rows in drawn]
    assert all(fit.seed is None for fit in connection.fits)
    assert connection.requests[-1] == wire.EnsembleOf((0, 1, 2), "logit-mean", 0.0, False)
    assert handle._id == 3


def test_an_ensemble_of_trained_models_differs_by_seed_alone():
    connection, _ = fitted(ensemble.Ensemble(members=3, trim=0.34), features=0)
    assert len({fit.seed for fit in connection.fits}) == 3
    assert all(targets(fit) == WEAK for fit in connection.fits)
    assert connection.requests[-1].trim == 0.34


def test_the_members_are_drawn_by_the_methods_rng():
    first, again, other = (fitted(ensemble.Ensemble(), seed=s)[0].fits for s in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: product.Product(alpha=-1.0), "alpha is -1.0"),
        (lambda: product.Product(beta=float("nan")), "beta is nan"),
        (lambda: ensemble.Ensemble(members=0), "members is 0"),
        (lambda: ensemble.Ensemble(trim=0.5), "trim is 0.5"),
    ],
)
def test_senseless_parameters_are_refused(make, what):
    with pytest.raises(ValueError, match=what):
        make()


def test_preferences_are_fitted_as_they_are():
    connection, _ = fitted(product.Product(), kind="preference")
    assert targets(connection.fits[0]) == WEAK
    assert student(connection, "preference").features == 2
