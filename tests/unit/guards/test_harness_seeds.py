from __future__ import annotations

from dataclasses import replace

import numpy as np
from cells import cell, evidence, method

from w2s_harness import World
from w2s_harness.contract.guards.evidence import Failed
from w2s_plugins.guards import harness_seeds as guard

REPEAT = World(name="repeat")


def repeated(change=lambda p: p, **changes):
    actual = cell(1)
    again = replace(actual, world=REPEAT, predictions=change(actual.predictions.copy()))
    found = evidence({0: cell(0), 1: actual}, worlds=(again,), **changes)
    return guard.w2s_judge_method(method(), found)


def test_one_repeat_is_asked_for():
    (world,) = guard.w2s_worlds()
    assert world == REPEAT and world.is_repeat


def test_the_same_predictions_are_fine():
    (said,) = repeated()
    assert said.level == "ok" and said.numbers["repeats"] == 1 and said.numbers["seeds"] == 2


def test_one_changed_bit_is_not_reproducible():
    def change(p):
        p[7] = np.nextafter(p[7], 1)
        return p

    (said,) = repeated(change)
    assert (said.level, said.finding) == ("flag", "not-reproducible")
    assert said.numbers["rows_changed"] == 1 / 60 and 0 < said.numbers["largest_difference"] < 1e-12


def test_a_repeat_is_compared_with_its_own_seed():
    other = replace(cell(0), world=REPEAT, predictions=cell(1).predictions)
    (said,) = guard.w2s_judge_method(method(), evidence({0: cell(0), 1: cell(1)}, worlds=(other,)))
    assert said.finding == "not-reproducible" and "seed 0" in said.because


def test_a_repeat_that_fails_is_not_reproducible():
    (said,) = guard.w2s_judge_method(
        method(), evidence(failed=(Failed(world=REPEAT, seed=1, error="ValueError: no"),))
    )
    assert said.level == "flag" and "seed 1" in said.because and "ValueError: no" in said.because


def test_other_worlds_are_no_repeat():
    flipped = cell(1, world=World(name="flipped", teacher="flipped"))
    failed = (Failed(world=World(name="null", inputs="scrambled"), seed=0, error="x"),)
    (said,) = guard.w2s_judge_method(method(), evidence(worlds=(flipped,), failed=failed))
    assert said.level == "note" and "--counterfactuals none" in said.because


def test_attempts_are_counted():
    said = repeated(attempts=3)
    assert [v.level for v in said] == ["ok", "note"]
    assert said[1].because.startswith("attempts >= 3") and said[1].numbers == {"attempts": 3.0}


def test_seeds_that_were_left_out_are_named():
    said = repeated(seeds=(0, 1, 4, 7))
    assert [v.level for v in said] == ["ok", "note"]
    assert said[1].finding == "missing-seeds" and "4, 7 (" in said[1].because
    assert len(repeated(seeds=(0, 1))) == 1
