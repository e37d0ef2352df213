from __future__ import annotations

import pytest
from cells import evidence, method

from w2s_plugins.guards import provenance as guard

INSTALLED = {"distribution": "w2s-others", "version": "1.0"}


@pytest.mark.parametrize(
    ("source", "level", "finding", "said"),
    [
        ({}, "ok", "", "a file, read once before the run"),
        (INSTALLED, "ok", "", "w2s-others 1.0, unchanged"),
        ({**INSTALLED, "editable": True}, "note", "editable", "an editable install of w2s-others 1.0"),
    ],
)
def test_where_a_method_came_from(source, level, finding, said):
    found = guard.w2s_judge_method(method(**source), evidence())
    assert (found.level, found.finding) == (level, finding)
    assert found.because.startswith(said) and "aaaaaaaaaaaa" in found.because


@pytest.mark.parametrize("now", ["b" * 64, ""])
@pytest.mark.parametrize("source", [{}, INSTALLED, {**INSTALLED, "editable": True}])
def test_a_source_that_changed_disqualifies_the_whole_method(source, now):
    found = guard.w2s_judge_method(method(**source), evidence(source_now=now))
    assert (found.level, found.finding, found.whole_method) == ("disqualify", "changed", True)
    assert "planned aaaaaaaaaaaa" in found.because and (now[:12] or "gone") in found.because
