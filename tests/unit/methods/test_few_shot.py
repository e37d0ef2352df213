"""Few-shot, worked out by hand: which rows are shown, with whose labels."""

from __future__ import annotations

import numpy as np
import pytest
from fake_student import FakeConnection, problem, student

from w2s_harness import Skip
from w2s_harness.contract.worker.student import Student
from w2s_harness.contract.worker.wire import messages as wire
from w2s_plugins.methods.few_shot import FewShot, balanced

WEAK = [0.9, 0.2, 0.4, 0.7, 0.1, 0.6]


def able(rule, kind="verify"):
    return Student(rule, kind=kind, layers=3, features=2, templates=("sum",), abilities=("few-shot",))


def test_shots_are_balanced_and_carry_the_teachers_decisions():
    rule = FakeConnection(margins=[-6.0, -5.0, -4.0, -3.0, -2.0, -1.0])
    FewShot(shots=4).fit(problem(WEAK), able(rule), np.random.default_rng(3))
    asked, prior = rule.requests
    assert len(asked.shots) == 4 and sum(label for _, label in asked.shots) == 2.0
    assert all(label == float(WEAK[at] > 0.5) for at, label in asked.shots)
    # The threshold of verify rows lies at the median of the margins that the same shots give.
    assert prior == wire.Prior(bias=3.5, shots=asked.shots)


def test_preferences_need_no_threshold():
    rule = FakeConnection()
    FewShot(shots=2, template="sum").fit(
        problem(WEAK, "preference"), able(rule, "preference"), np.random.default_rng(0)
    )
    (prior,) = rule.requests
    assert (prior.template, prior.bias, len(prior.shots)) == ("sum", 0.0, 2)


@pytest.mark.parametrize(("weak", "ones"), [([0.9] * 5, 3), ([0.1] * 5, 0), ([0.9, 0.1, 0.1, 0.1, 0.1], 1)])
def test_where_one_class_is_short_the_other_fills_up(weak, ones):
    chosen = balanced(np.array(weak), 3, np.random.default_rng(0))
    assert len(set(chosen.tolist())) == 3
    assert sum(weak[i] > 0.5 for i in chosen) == ones


def test_a_pair_without_a_measured_gain_is_skipped():
    rule = FakeConnection()
    with pytest.raises(Skip, match="in-context gain"):
        FewShot().fit(problem(WEAK), student(rule), np.random.default_rng(0))
    assert not rule.requests
