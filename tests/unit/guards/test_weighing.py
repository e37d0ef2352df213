"""Weights that know which of the teacher's labels are wrong show; weights by confidence do not."""

from __future__ import annotations

import numpy as np
import pytest
from cells import cell, evidence, seen, setting

from w2s_plugins.guards import memorisation as guard
from w2s_plugins.guards.memorisation import CANARY
from w2s_plugins.guards.weighing import alike, overruled

M = 400
VIEW = setting(n=M)
GOLD = VIEW.train.gold


def known(seed):
    """A teacher and a ceiling that miss the same rows more often, and are less sure of what they miss."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(0, 1, M)
    margins = [1.0 + hard + rng.normal(0, 1, M) for _ in range(2)]
    weak, ceiling = (1 / (1 + np.exp(-np.where(GOLD, m, -m))) for m in margins)
    return rng, weak, ceiling


def looked(weigh, seed=0):
    rng, weak, ceiling = known(seed)
    weights = np.atleast_2d(weigh(rng, weak, ceiling)).astype(np.float32)
    targets = np.where(weights > 0, weak, np.nan)
    return cell(view=VIEW, m=M, weak=weak, ceiling=ceiling, world=CANARY, seen=seen(targets, weights))


KNOWING = {
    "leaves wrong rows out": lambda rng, weak, ceiling: (weak > 0.5) == GOLD,
    "weighs them a tenth less": lambda rng, weak, ceiling: np.where((weak > 0.5) == GOLD, 1.0, 0.9),
    "and half of the others": lambda rng, weak, ceiling: ((weak > 0.5) == GOLD) & (rng.random(M) < 0.5),
}
HONEST = {
    "constant": lambda rng, weak, ceiling: np.ones(M),
    "confidence": lambda rng, weak, ceiling: abs(weak - 0.5),
    "confident half": lambda rng, weak, ceiling: abs(weak - 0.5) > np.median(abs(weak - 0.5)),
    "the student's confidence": lambda rng, weak, ceiling: abs(ceiling - 0.5),
    "both agree": lambda rng, weak, ceiling: (weak > 0.5) == (ceiling > 0.5),
    "a random third": lambda rng, weak, ceiling: rng.random(M) < 0.3,
}


@pytest.mark.parametrize("name", KNOWING)
def test_weights_that_know_gold_are_flagged(name):
    verdict = guard.canary_verdict(evidence({}, setting=VIEW, worlds=(looked(KNOWING[name]),)))
    assert verdict.level == "flag" and "weigh" in verdict.because


@pytest.mark.parametrize("name", HONEST)
def test_honest_weights_are_not(name):
    for seed in range(60):
        found = evidence({}, setting=VIEW, worlds=(looked(HONEST[name], seed),))
        assert guard.canary_verdict(found).level == "ok", seed


def test_a_row_that_counts_for_less_is_read_as_overruled():
    beside = np.array([True, True, True, False])
    assert overruled([[1, 1, 2, 0.5]], [0.9, 0.1, 0.9, 0.9], beside).tolist() == [[1, 0, 1, 0]]
    assert overruled([[0, 0, 2, 0]], [0.9, 0.1, 0.9, 0.9], beside).tolist() == [[0, 1, 1, 0]]


def test_rows_are_held_against_those_that_are_as_sure():
    p = np.array([0.51, 0.52, 0.53, 0.54, 0.97, 0.98, 0.99])
    where = np.arange(7) == 0
    assert np.flatnonzero(alike(where, ~where, p, p)).tolist() == [1, 2, 3]
    assert not alike(where, np.zeros(7, bool), p, p).any()
