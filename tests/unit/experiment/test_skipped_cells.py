"""Cells that are skipped: real ones, counterfactual ones, and what a pair cannot do."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from w2s_harness.experiment.keys import Keys
from w2s_harness.experiment.one_cell import _ended

from w2s_harness.errors import Skip, UsageError, WorkerError
from w2s_harness.experiment.choose_pairs import choose_pairs
from w2s_harness.experiment.selection import Selection
from w2s_harness.plan import Cell
from w2s_harness.types import Pair, World

CELL = Cell("words", "p", "plain", 0)


def test_a_skipped_real_cell_is_no_failure_and_a_skipped_world_is():
    real, world = SimpleNamespace(world=None), SimpleNamespace(world=World(name="flipped", teacher="flipped"))
    assert _ended(Skip("no ladder"), real) == {"skipped": "no ladder"}
    assert _ended(WorkerError("died"), real) == {"error": "died"}
    assert _ended(Skip("no ladder"), world) == {
        "error": "skipped in a counterfactual cell though its real cell ran: no ladder"
    }


def test_a_cells_key_hangs_on_the_ladder_and_the_abilities(setting, plan, model):
    pair = plan.pairs[0]

    def key(**changes) -> str:
        own = setting(pairs=(replace(pair, **changes),))
        return Keys(own).cell(plan, CELL, plan.methods[0], (), ())

    one, other = model("one", b"1"), model("two", b"2")
    found = [key(), key(students=(one,)), key(students=(one, other)), key(students=(other, one))]
    found += [key(students=(replace(one, max_tokens=9),)), key(abilities=("generate",))]
    assert len(set(found)) == len(found)


def test_shared_stages_do_not_hang_on_the_ladder(setting, plan, model):
    pair = replace(plan.pairs[0], students=(model("one", b"1"),), abilities=("generate",))
    plain, laddered = Keys(setting()), Keys(setting(pairs=(pair,)))
    assert plain.ceiling(0) == laddered.ceiling(0) and plain.labels(0) == laddered.labels(0)
    for role in ("weak", "strong"):
        names = (role, "test", "features")
        assert plain.features(*names) == laddered.features(*names)


def test_an_unknown_ability_is_one_line():
    plugins = SimpleNamespace(
        pair=lambda name: Pair(name=name, weak=None, strong=None, abilities=("fewshot",))
    )
    with pytest.raises(
        UsageError, match=r"^pair 'odd': unknown ability 'fewshot' \(did you mean 'few-shot'\?\)"
    ):
        choose_pairs(Selection(pairs="odd"), [], plugins)
