"""What a user hears before the first stage."""

from __future__ import annotations

from dataclasses import replace

import pytest

from w2s_harness.contract.errors import PluginError
from w2s_harness.run.session.choice import remarks


def test_what_cannot_run_and_what_will_be_skipped_is_said_first(plan):
    assert remarks(plan) == [
        "warning: torn cannot run and will fail: torn.py: SyntaxError",
        "note: skipped for lack of access: asks (inference). --grant inference lets them run",
    ]
    granted = replace(plan, grants=plan.grants | {"inference"}, methods=plan.methods[:2])
    assert remarks(granted) == []


def test_nothing_is_begun_where_nothing_can_run(plan):
    torn = plan.methods[2]
    other = replace(torn, id="other", error="other.py: ValueError: no\nmore")
    with pytest.raises(PluginError, match=r"^torn\.py: SyntaxError \(1 more of the plan cannot"):
        remarks(replace(plan, methods=(torn, other)))
    with pytest.raises(PluginError, match=r"^other\.py: ValueError: no$"):
        remarks(replace(plan, selected=frozenset({"words/p/other/s0"}), methods=(*plan.methods, other)))


def test_data_that_cannot_be_drawn_afresh_are_named(plan):
    drawn = replace(plan.tasks[0], id="drawn", exposure="fresh")
    both = replace(plan, tasks=(*plan.tasks, drawn), methods=plan.methods[:1])
    assert remarks(both) == []
    assert remarks(both, fresh=True) == ["note: --fresh draws nothing for words: no seed makes these data"]
