from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from w2s_harness.contract.plan import MethodSource, PlannedMethod
from w2s_harness.run.judge.gathering import Case
from w2s_harness.run.judge.judging import verdicts_key

SOURCE = MethodSource("m", "m", "dist", "1.0", "a" * 64)
METHOD = PlannedMethod("plain", "plain", SOURCE, {})
GUARDS = SimpleNamespace(identity=lambda task: ["guards"])


def key(method=METHOD, *, null=(1.0, 2.0), answers="a", guards=GUARDS, seeds=(0,), **task) -> str | None:
    """The key under which the verdicts of one cell are kept."""
    task = SimpleNamespace(**{"holds_code": False, **task})
    setting = SimpleNamespace(
        task=SimpleNamespace(task=task, exposure="public"), data=SimpleNamespace(answers_digest=answers)
    )
    ended = SimpleNamespace(work=SimpleNamespace(key="cell", method=method), error=None, skipped=None)
    gathered = SimpleNamespace(setting=setting, null_z=None if null is None else np.array(null))
    return verdicts_key(Case([ended], (), {}, 1, "b" * 64, (), seeds), guards, gathered)


def test_the_same_evidence_has_the_same_key():
    assert key() == key() and key(null=None) == key(null=None)


@pytest.mark.parametrize(
    "changed",
    [
        {"null": (1.0, 2.5)},
        {"null": None},
        {"answers": "b"},
        {"seeds": (0, 1)},
        {"holds_code": True},
        {"method": replace(METHOD, track="elicitation")},
        {"method": replace(METHOD, source=replace(SOURCE, editable=True))},
        {"method": replace(METHOD, source=replace(SOURCE, version="2.0"))},
        {"method": replace(METHOD, source=replace(SOURCE, distribution="other"))},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_whatever_a_verdict_may_hang_on_changes_it(changed):
    assert key(**changed) != key()


def test_with_a_guard_of_others_nothing_is_kept():
    assert key(guards=SimpleNamespace(identity=lambda task: None)) is None
