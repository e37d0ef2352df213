"""Each shipped method's distinguishing step, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from fake_student import FakeConnection, index, problem, student

from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.jail.inside.method_classes import described, offered
from w2s_plugins.methods import confident, logconf, self_training, vanilla, vanilla_hard, zero_shot

RNG = np.random.default_rng(0)


def targets(fit: wire.Fit) -> list[float]:
    return wire.unpack(fit.targets).tolist()


def run(method, weak, connection=None, kind="verify"):
    connection = connection or FakeConnection()
    handle = method.fit(problem(weak, kind), student(connection, kind), RNG)
    return connection, handle


def test_vanilla_trains_once_on_the_teachers_probabilities_of_all_rows():
    connection, handle = run(vanilla.Vanilla(), [0.1, 0.8, 0.5])
    (fit,) = connection.fits
    assert targets(fit) == [0.1, 0.8, 0.5]
    assert index(fit.rows).tolist() == [0, 1, 2]
    assert (fit.loss, fit.weight, fit.epochs, handle._id) == ("xent", None, None, 0)


def test_vanilla_hard_rounds_and_leaves_a_tie_undecided():
    connection, _ = run(vanilla_hard.VanillaHard(), [0.1, 0.8, 0.5, 0.51])
    assert targets(connection.fits[0]) == [0.0, 1.0, 0.5, 1.0]


def test_confident_keeps_rows_further_than_the_margin_from_one_half():
    connection, _ = run(confident.Confident(), [0.1, 0.4, 0.8, 0.75, 0.2])
    (fit,) = connection.fits
    assert index(fit.rows).tolist() == [0, 2, 4]
    assert targets(fit) == [0.1, 0.8, 0.2]


def test_confident_with_hard_labels():
    connection, _ = run(confident.Confident(margin=0.05, soft=False), [0.1, 0.4, 0.8, 0.52])
    assert index(connection.fits[0].rows).tolist() == [0, 1, 2]
    assert targets(connection.fits[0]) == [0.0, 0.0, 1.0]


def test_confident_keeps_the_surest_tenth_of_a_teacher_that_is_never_sure():
    weak = [0.5] * 20
    weak[7], weak[13] = 0.6, 0.35
    connection, _ = run(confident.Confident(), weak)
    assert index(connection.fits[0].rows).tolist() == [7, 13]


def test_logconf_asks_for_the_loss_with_its_coefficient():
    connection, _ = run(logconf.LogConf(), [0.1, 0.8])
    (fit,) = connection.fits
    assert (fit.loss, fit.options, targets(fit)) == ("logconf", {"a": 0.75}, [0.1, 0.8])


def test_self_training_relabels_by_rank_and_keeps_the_teachers_balance():
    # The teacher calls 2 of 5 rows 1. The student thinks all are likely; still 2 become 1.
    rule = FakeConnection(predictions=[[0.9, 0.8, 0.7, 0.95, 0.6], [0.1, 0.8, 0.7, 0.2, 0.6]])
    connection, handle = run(self_training.SelfTraining(rounds=2), [0.9, 0.8, 0.1, 0.2, 0.3], rule)
    assert [targets(f) for f in connection.fits] == [
        [0.9, 0.8, 0.1, 0.2, 0.3],
        [1.0, 0.0, 0.0, 1.0, 0.0],
        [0.0, 1.0, 1.0, 0.0, 0.0],
    ]
    assert handle._id == 2


def test_self_training_reads_the_balance_off_soft_labels():
    # 0.9 + 4 * 0.3 = 2.1: two of five are 1, though the teacher calls only one row 1.
    rule = FakeConnection(predictions=[[0.1, 0.2, 0.3, 0.4, 0.35]])
    connection, _ = run(self_training.SelfTraining(rounds=1), [0.9, 0.3, 0.3, 0.3, 0.3], rule)
    assert targets(connection.fits[1]) == [0.0, 0.0, 0.0, 1.0, 1.0]


def test_self_training_on_preferences_takes_the_students_side_row_by_row():
    rule = FakeConnection(predictions=[[0.9, 0.6, 0.7]])
    connection, _ = run(self_training.SelfTraining(rounds=1), [0.1, 0.1, 0.1], rule, "preference")
    assert targets(connection.fits[1]) == [1.0, 1.0, 1.0]


def test_zero_shot_puts_the_verify_threshold_at_the_median_margin():
    rule = FakeConnection(margins=[-5.0, -1.0, -3.0])
    connection, handle = run(zero_shot.ZeroShot(), [0.5, 0.5, 0.5], rule)
    asked, prior = connection.requests
    assert isinstance(asked, wire.ZeroShotMargins)
    assert prior == wire.Prior(template=None, bias=3.0)
    assert handle._id == 0


@pytest.mark.parametrize(("share_true", "bias"), [(None, 0.0), (0.75, 4.0)])
def test_zero_shot_guesses_no_prior_that_the_task_does_not_state(share_true, bias):
    connection = FakeConnection(margins=[-5.0, -1.0, -3.0, -4.0, -2.0])
    zero_shot.ZeroShot().fit(problem([0.5] * 5, share_true=share_true), student(connection), None)
    assert connection.requests[-1] == wire.Prior(template=None, bias=bias)


def test_zero_shot_on_preferences_needs_no_threshold_and_reads_no_row():
    connection, _ = run(zero_shot.ZeroShot(template="other"), [0.5, 0.5], kind="preference")
    assert connection.requests == [wire.Prior(template="other", bias=0.0)]


@pytest.mark.parametrize("weak", [[0.1, 0.9, 0.4], [0.9, 0.1, 0.6]])
def test_zero_shot_does_not_look_at_the_teacher(weak):
    connection, _ = run(zero_shot.ZeroShot(), weak, FakeConnection(margins=[1.0, 2.0, 4.0]))
    assert connection.requests[-1] == wire.Prior(template=None, bias=-2.0)


@pytest.mark.parametrize(
    ("module", "name", "track", "parameters"),
    [
        (vanilla, "vanilla", "w2s", {}),
        (vanilla_hard, "vanilla-hard", "w2s", {}),
        (confident, "confident", "w2s", {"margin": 0.25, "soft": True}),
        (logconf, "logconf", "w2s", {"alpha": 0.75}),
        (self_training, "self-training", "w2s", {"rounds": 2}),
        (zero_shot, "zero-shot", "elicitation", {"template": ""}),
    ],
)
def test_every_shipped_method_describes_itself(module, name, track, parameters):
    info = described(name, offered(module)[name])
    assert (info.track, {p.name: p.default for p in info.parameters}) == (track, parameters)
    assert info.summary.endswith(".") and info.reference and info.access == ()
