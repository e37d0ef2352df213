"""A task whose own code does not load its rows takes no other with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from w2s_harness.contract.errors import TaskError
from w2s_harness.contract.plan import PlannedTask
from w2s_harness.contract.types import Task
from w2s_harness.run.plan.planning import describe_plan
from w2s_harness.run.work.setting.preparing import prepare_settings


class Torn(Task):
    name, kind = "torn", "verify"

    def load(self):
        raise KeyError("label")


TORN = PlannedTask("torn", Torn(), {}, "public")


def test_the_others_have_their_settings_and_the_reason_is_kept(plan, store):
    lost = {}
    settings = prepare_settings(replace(plan, tasks=(TORN, *plan.tasks)), store, lost=lost)
    assert {s.task.id for s in settings} == {"words"}
    assert list(lost) == ["torn"] and "load() raised KeyError" in lost["torn"]
    assert describe_plan(replace(plan, lost=lost))["lost"] == lost and "lost" not in describe_plan(plan)


def test_where_none_is_left_it_is_the_commands_error(plan, store):
    for tasks, lost in (((TORN,), {}), ((TORN, *plan.tasks), None)):
        with pytest.raises(TaskError, match="task torn: load"):
            prepare_settings(replace(plan, tasks=tasks), store, lost=lost)
