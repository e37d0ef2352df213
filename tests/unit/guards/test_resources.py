from __future__ import annotations

import pytest
from cells import cell, evidence, method, seen

from w2s_harness import UsageError
from w2s_plugins.guards import resources as guard


def cost(flops: float) -> dict[str, float]:
    return {"fits": 1.0, "tokens": 0.0, "flops": flops}


def judged(settings=None, *, flops=100.0, vanilla=True, **observed):
    cells = {s: cell(s, compute=cost(flops), seen=seen(**observed)) for s in range(2)}
    honest = {"vanilla": {s: cell(s, compute=cost(10.0)) for s in range(2)}} if vanilla else {}
    return guard.w2s_judge_method(method(), evidence(cells, honest=honest), settings or {})


def test_within_its_limits():
    (said,) = judged()
    assert said.level == "ok" and said.numbers == {"refused": 0.0, "printed": 0.0, "times_vanilla": 10.0}


def test_without_vanilla_there_is_nothing_to_compare_with():
    (said,) = judged(vanilla=False, flops=1e12)
    assert said.level == "ok" and "no vanilla" in said.because and "times_vanilla" not in said.numbers


@pytest.mark.parametrize(
    ("observed", "said"),
    [
        ({"flops": 201.0}, "20 times the FLOPs"),
        ({"refused": 11}, "11 requests of one cell were refused"),
        ({"output": "x" * 5000}, "hold 5000 characters"),
    ],
)
def test_what_is_out_of_the_ordinary_is_noted_and_no_more(observed, said):
    (found,) = judged(**observed)
    assert found.level == "note" and said in found.because


def test_settings_move_the_limits():
    assert [v.level for v in judged({"times_vanilla": 5, "refused": 0}, refused=1)] == ["note", "note"]
    assert judged({"times_vanilla": 1000}, flops=5000.0)[0].level == "ok"


@pytest.mark.parametrize("settings", [{"times": 3}, {"refused": -1}, {"printed": "many"}])
def test_settings_that_cannot_be_used(settings):
    with pytest.raises(UsageError, match="guard 'resources'"):
        judged(settings)
