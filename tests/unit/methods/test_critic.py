"""The critic, worked out by hand: how far a critique moves a weak label."""

from __future__ import annotations

import numpy as np
import pytest
from fake_student import FakeConnection, index, problem, student

from w2s_harness import Skip
from w2s_harness.contract.worker.student import Student
from w2s_harness.contract.worker.wire import messages as wire
from w2s_plugins.methods.critic import Critic

RNG = np.random.default_rng(0)


class Judged(FakeConnection):
    """The weak model's margins: by (has it the notes?, is it the swap?)."""

    def __init__(self, margins) -> None:
        super().__init__()
        self.by = margins

    def call(self, request):
        self.requests.append(request)
        match request:
            case wire.Generate():
                return wire.Noted(len(self.requests))
            case wire.ZeroShotMargins():
                assert request.reader == "weak"
                key = (request.notes is not None, request.rows.swap is not None)
                return wire.Values(wire.pack(np.asarray(self.by[key])[index(request.rows)]))
        return wire.Handled(0)


def fit(rule, weak, kind="verify", **parameters):
    able = Student(rule, kind=kind, layers=3, features=2, templates=(), abilities=("generate",))
    Critic(**parameters).fit(problem(weak, kind), able, RNG)
    return wire.unpack(rule.fits[0].targets)


def odds(p):
    return np.log(p / (1 - p))


def test_a_label_moves_by_what_its_critique_does_beyond_what_any_critique_does():
    # Margins fall by 1, 3 and 0.5; the middle row's fall, 1, is what any critique does.
    rule = Judged({(False, False): [2.0, 2.0, 0.0], (True, False): [1.0, -1.0, -0.5]})
    weak = np.array([0.6, 0.7, 0.5])
    moved = odds(fit(rule, weak)) - odds(weak)
    assert moved == pytest.approx([0.0, -2.0, 0.5])
    assert odds(fit(Judged(rule.by), weak, scale=0.5)) - odds(weak) == pytest.approx([0.0, -1.0, 0.25])


def test_preferences_take_half_the_difference_of_both_orders():
    rule = Judged(
        {(False, False): [0.0, 0.0], (True, False): [3.0, 1.0], (False, True): [0.0, 0.0],
         (True, True): [1.0, 1.0]}
    )  # fmt: skip
    moved = odds(fit(rule, np.array([0.5, 0.5]), "preference"))
    assert moved == pytest.approx([1.0, 0.0])


def test_the_notes_that_were_written_are_what_the_weak_model_reads():
    rule = Judged({(False, False): [0.0], (True, False): [0.0]})
    fit(rule, [0.5], max_tokens=5)
    written, after, before = rule.requests[:3]
    assert (written.max_tokens, after.notes, before.notes) == (5, 1, None)
    assert "{note}" in after.template and before.template == after.template.replace("Critique:{note}\n", "")
    assert "{note}" not in before.template and "Critique" not in before.template


def test_a_sure_teacher_stays_finite():
    rule = Judged({(False, False): [0.0] * 3, (True, False): [500.0, 0.0, -500.0]})
    targets = fit(rule, [1.0, 0.5, 0.0])
    assert np.isfinite(targets).all() and targets == pytest.approx([1.0, 0.5, 0.0])


def test_a_pair_that_cannot_generate_is_skipped():
    rule = FakeConnection()
    with pytest.raises(Skip, match="cannot generate"):
        Critic().fit(problem([0.1, 0.8]), student(rule), RNG)
    assert not rule.requests
