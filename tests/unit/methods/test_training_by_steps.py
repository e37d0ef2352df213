"""`mdl-curriculum` and `epiplexity`: what they train on first, and what they soften."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import numpy as np
import pytest
from fake_student import index, problem
from richer_student import RicherConnection, targets

import w2s_plugins.methods
from w2s_harness.contract.worker.student import Student
from w2s_plugins.methods.epiplexity import Epiplexity, smoothed
from w2s_plugins.methods.mdl_curriculum import MdlCurriculum

RNG = np.random.default_rng(0)


def asked(connection, kind="verify", **settings):
    return Student(connection, kind=kind, layers=3, features=2, templates=(), **settings)


def test_the_surest_half_comes_first_and_the_rest_goes_on_from_it_at_half_the_rate():
    connection = RicherConnection()
    weak = [0.5, 0.9, 0.3, 0.05, 0.6]
    handle = MdlCurriculum().fit(problem(weak), asked(connection, epochs=5.0, lr=1e-4), RNG)
    first, then = connection.fits
    assert index(first.rows).tolist() == [1, 2, 3] and targets(first) == [0.9, 0.3, 0.05]
    assert (first.epochs, first.lr, first.init) == (2.0, 1e-4, None)
    assert (then.epochs, then.lr, then.init) == (3.0, 5e-5, 0)
    assert (targets(then), handle._id) == (weak, 1)


def test_epochs_are_shares_of_the_pairs_own():
    connection = RicherConnection()
    MdlCurriculum(first=0.25, share=1.0).fit(
        problem([0.1, 0.9]), asked(connection, epochs=20.0, lr=0.03), RNG
    )
    assert [(f.epochs, f.lr) for f in connection.fits] == [(5.0, 0.03), (15.0, 0.015)]


def test_the_least_learnable_rows_move_towards_one_half_the_least_of_them_most():
    # 5 rows, 40 % are 2: row 3 gets (1 - 0/2)^2 = 1, row 0 gets (1 - 1/2)^2 = 1/4 of the way.
    labels = np.array([0.9, 0.1, 0.8, 0.2, 1.0])
    learnable = np.array([0.1, 0.9, 0.5, -0.3, 0.4])
    assert smoothed(labels, learnable, 0.4, 2.0) == pytest.approx([0.8, 0.1, 0.8, 0.5, 1.0])
    assert smoothed(labels, learnable, 0.0, 2.0) == pytest.approx(labels)


@pytest.mark.parametrize("kind", ["verify", "preference"])
def test_the_final_student_learns_from_out_of_fold_labels_softened_by_the_trace(kind):
    # Each fold's student gives its own constant, so a row shows which fit labelled it.
    folds = [[0.2] * 5, [0.9] * 5]
    first, last = [0.7, 0.7, 0.7, 0.7, 0.7], [0.6, 0.2, 0.3, 0.9, 0.4]
    connection = RicherConnection(predictions=folds, traces=[first, last])
    weak = [0.1, 0.6, 0.7, 0.3, 0.9]
    handle = Epiplexity().fit(problem(weak, kind), asked(connection, kind), RNG)
    *halves, probing, final = connection.fits
    labels = np.array(targets(probing))
    for k, half in enumerate(halves):
        seen = set(index(half.rows).tolist())
        assert targets(half) == [weak[i] for i in sorted(seen)]
        assert {i for i in range(5) if labels[i] == folds[k][0]} == set(range(5)) - seen
    assert probing.trace and not final.trace
    # One solver throughout, so that the row has one vanilla to be compared with.
    assert {fit.epochs for fit in connection.fits} == {5.0}
    expected = labels.copy()
    expected[3], expected[0] = 0.5, 0.75 * labels[0] + 0.125
    assert targets(final) == pytest.approx(expected)
    assert handle._id == 3


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: MdlCurriculum(share=0.0), "share is 0.0"),
        (lambda: MdlCurriculum(first=1.0), "first is 1.0"),
        (lambda: MdlCurriculum(slower=2.0), "slower is 2.0"),
        (lambda: Epiplexity(folds=1), "folds is 1"),
        (lambda: Epiplexity(share=1.5), "share is 1.5"),
        (lambda: Epiplexity(power=0.0), "power is 0.0"),
    ],
)
def test_senseless_parameters_are_refused(make, what):
    with pytest.raises(ValueError, match=what):
        make()


def names_steps(path):
    calls = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)]
    fits = [c for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "fit"]
    return any(k.arg in (None, "epochs", "lr", "init", "trace") for c in fits for k in c.keywords)


def test_every_shipped_method_that_trains_by_steps_has_the_settings_of_that_solver_chosen():
    folder = Path(w2s_plugins.methods.__path__[0])
    steppers = [
        importlib.import_module(f"w2s_plugins.methods.{p.stem}")
        for p in folder.glob("*.py")
        if names_steps(p)
    ]
    assert len(steppers) >= 3
    assert all(method.by_steps for module in steppers for method in module.w2s_methods())
