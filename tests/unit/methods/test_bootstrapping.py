"""Bootstrapping, worked out by hand: whose labels train whom."""

from __future__ import annotations

import numpy as np
import pytest
from fake_student import FakeConnection, problem, student

from w2s_harness import Skip
from w2s_harness.contract.worker.student import Student
from w2s_harness.contract.worker.wire import messages as wire
from w2s_plugins.methods.bootstrapping import Bootstrapping

RNG = np.random.default_rng(0)


def test_each_students_labels_train_the_next_larger_one():
    rule = FakeConnection(predictions=[[0.3, 0.6, 0.2], [0.4, 0.7, 0.1]])
    ladder = Student(rule, kind="verify", layers=3, features=2, templates=(), chain=[(), ()])
    handle = Bootstrapping().fit(problem([0.1, 0.8, 0.5]), ladder, RNG)
    assert [(f.model, wire.unpack(f.targets).tolist()) for f in rule.fits] == [
        (1, [0.1, 0.8, 0.5]),
        (2, [0.3, 0.6, 0.2]),
        (0, [0.4, 0.7, 0.1]),
    ]
    assert handle._id == 2


def test_without_a_ladder_it_skips():
    rule = FakeConnection()
    with pytest.raises(Skip, match="no ladder"):
        Bootstrapping().fit(problem([0.1, 0.8]), student(rule), RNG)
    assert not rule.requests
