"""Zero-shot labels: consistent over the swap, cut at the median, balanced by confidence."""

from __future__ import annotations

import numpy as np
import pytest
from fake_student import index, problem, student
from richer_student import RicherConnection, targets

from w2s_harness import Skip
from w2s_harness.contract.worker.student import Student
from w2s_harness.contract.worker.wire import messages as wire
from w2s_plugins.methods.zero_shot_train import ZeroShotTrain

RNG = np.random.default_rng(0)


def fitted(method, margins, kind="verify", weak=None, share_true=0.5, **settings):
    connection = RicherConnection(margins=margins, **settings)
    given = problem(weak or [0.5] * len(margins), kind, share_true=share_true)
    method.fit(given, student(connection, kind), RNG)
    (fit,) = connection.fits
    return connection, dict(zip(index(fit.rows).tolist(), targets(fit), strict=True))


def test_verify_rows_over_the_median_margin_are_called_right():
    # All margins are negative, as those of likelihoods are; the middle one of five is left out.
    _, labels = fitted(ZeroShotTrain(), [-9.0, -1.0, -5.0, -2.0, -7.0])
    assert labels == {0: 0.0, 1: 1.0, 3: 1.0, 4: 0.0}


def test_a_share_keeps_as_many_of_each_class_the_surest_first():
    _, labels = fitted(ZeroShotTrain(share=0.5), [-9.0, -1.0, -5.0, -2.0, -7.0, -4.0, -3.0, -8.0])
    assert labels == {0: 0.0, 1: 1.0, 3: 1.0, 7: 0.0}


def test_without_balanced_classes_a_stated_share_or_the_likelihoods_own_zero_is_the_threshold():
    margins = [-9.0, 1.0, -5.0, -2.0, 7.0]
    _, labels = fitted(ZeroShotTrain(), margins, share_true=None)
    assert labels == {0: 0.0, 1: 1.0, 2: 0.0, 3: 0.0, 4: 1.0}
    _, labels = fitted(ZeroShotTrain(), margins, share_true=0.8)
    assert [k for k, y in labels.items() if y == 0.0] == [0]


def test_preferences_take_the_part_of_the_margin_that_turns_round_with_the_swap():
    # The model likes what comes first by .5 throughout: read both ways round, the sign of the rest stays.
    connection, labels = fitted(ZeroShotTrain(), [0.3, -0.2, -2.0], "preference", swap_bias=0.5)
    assert labels == {0: 1.0, 1: 0.0, 2: 0.0}
    assert sum(isinstance(r, wire.ZeroShotMargins) for r in connection.requests) == 2


def test_preferences_need_no_balance_and_a_share_keeps_the_surest():
    _, labels = fitted(ZeroShotTrain(share=0.5), [0.3, 3.0, 2.0, 0.1], "preference")
    assert labels == {1: 1.0, 2: 1.0}


def test_a_margin_of_zero_is_left_undecided():
    assert fitted(ZeroShotTrain(), [0.0, 1.0], "preference")[1] == {0: 0.5, 1: 1.0}


@pytest.mark.parametrize("kind", ["verify", "preference"])
def test_the_teacher_plays_no_part(kind):
    margins = [-2.0, 1.0, 3.0, -1.0]
    first = fitted(ZeroShotTrain(), margins, kind, [0.1, 0.9, 0.9, 0.1])
    other = fitted(ZeroShotTrain(), margins, kind, [0.9, 0.1, 0.1, 0.9])
    assert first[1] == other[1] and ZeroShotTrain.track == "elicitation"


def test_the_named_template_is_used():
    connection, _ = fitted(ZeroShotTrain(template="other"), [1.0, 2.0])
    assert connection.requests[0].template == "other"


def test_a_pair_without_templates_skips():
    asked = Student(RicherConnection(margins=[1.0]), kind="verify", layers=1, features=2, templates=())
    with pytest.raises(Skip, match="no zero-shot template"):
        ZeroShotTrain().fit(problem([0.5]), asked, RNG)


@pytest.mark.parametrize("share", [0.0, 1.1, float("nan")])
def test_senseless_shares_are_refused(share):
    with pytest.raises(ValueError, match="share is"):
        ZeroShotTrain(share=share)


def test_a_single_row_is_refused_with_a_reason():
    with pytest.raises(ValueError, match="one row cannot be balanced"):
        fitted(ZeroShotTrain(), [1.0])
