"""Weights that know which of the teacher's labels are wrong show; weights by confidence do not."""

from __future__ import annotations

import numpy as np
import pytest
from cells import cell, evidence, seen, setting

from w2s_plugins.guards import memorisation as guard
from w2s_plugins.guards.looks.following import alike, overruled
from w2s_plugins.guards.memorisation import CANARY

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


def told(blend, seed=0):
    rng, weak, ceiling = known(seed)
    targets = np.atleast_2d(np.clip(blend(rng, weak, ceiling), 0, 1)).astype(np.float32)
    return cell(view=VIEW, m=M, weak=weak, ceiling=ceiling, world=CANARY, seen=seen(targets, np.ones((1, M))))


BLENDED = {
    "gold first, a hard teacher last": lambda rng, weak, ceiling: (GOLD + (weak > 0.5)) / 2,
    "three tenths of gold": lambda rng, weak, ceiling: 0.3 * GOLD + 0.7 * weak,
    "a tenth of gold, half of the rows": lambda rng, weak, ceiling: np.where(
        rng.random(M) < 0.5, 0.1 * GOLD + 0.9 * weak, np.nan
    ),
}
SOFT = {
    "as told": lambda rng, weak, ceiling: weak,
    "smoothed": lambda rng, weak, ceiling: 0.2 + 0.6 * weak,
    "sharpened": lambda rng, weak, ceiling: weak**2 / (weak**2 + (1 - weak) ** 2),
    "hard": lambda rng, weak, ceiling: weak > 0.5,
    "noisy": lambda rng, weak, ceiling: weak + 0.1 * rng.standard_normal(M),
    "turned round": lambda rng, weak, ceiling: 1 - weak,
    "with the student": lambda rng, weak, ceiling: (weak + ceiling) / 2,
    "with the student's decision": lambda rng, weak, ceiling: 0.5 * weak + 0.5 * (ceiling > 0.5),
}


@pytest.mark.parametrize("name", BLENDED)
def test_targets_that_gold_moves_without_turning_them_are_flagged(name):
    verdict = guard.canary_verdict(evidence({}, setting=VIEW, worlds=(told(BLENDED[name]),)))
    assert verdict.level == "flag"


@pytest.mark.parametrize("name", SOFT)
def test_targets_that_are_softened_or_sharpened_are_not(name):
    for seed in range(40):
        found = evidence({}, setting=VIEW, worlds=(told(SOFT[name], seed),))
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
