from __future__ import annotations

import pytest
from cells import Code, Sums, cell, evidence, method, seen, setting

from w2s_harness import Cell, World
from w2s_plugins.guards import no_test_access as guard

CELL = Cell("sums", "p", "mine", 0)


def test_no_text_where_texts_hold_programs():
    asked = frozenset({"text", "groups"})
    assert guard.w2s_grant(Code(), asked) == {"groups"}
    assert guard.w2s_grant(Sums(), asked) is None


def test_a_compiled_text_disqualifies_and_is_shown():
    said = guard.w2s_observe(CELL, seen(notices=("subprocess.Popen: sh", "compile: def f(x): return 1")))
    assert (said.level, said.finding) == ("disqualify", "execution")
    assert "def f(x): return 1" in said.because and "sums/p/mine/s0" in said.because


def test_a_long_text_is_cut():
    said = guard.w2s_observe(CELL, seen(notices=("compile: " + "x" * 5000,)))
    assert len(said.because) < 400


def test_starting_a_program_is_flagged():
    assert guard.w2s_observe(CELL, seen(notices=("os.system: sh",))).level == "flag"


def test_a_silent_log_says_nothing_of_a_cell():
    assert guard.w2s_observe(CELL, seen()) is None


@pytest.mark.parametrize(
    ("access", "task", "level", "granted"),
    [
        (("text",), Sums(), "note", 1.0),
        ((), Sums(), "ok", 0.0),
        (("text",), Code(), "ok", 0.0),
    ],
)
def test_silence_proves_nothing_where_text_was_granted(access, task, level, granted):
    found = evidence({0: cell(view=setting(task))})
    said = guard.w2s_judge_method(method(access), found)
    assert said.level == level and said.numbers == {"text_granted": granted}
    assert ("proves nothing" in said.because) == bool(granted)


def judged(worlds=(), **observed):
    view = setting(Sums())
    cells = {0: cell(view=view, seen=seen(**observed)), 1: cell(1, view=view)}
    return guard.w2s_judge_method(method(("text",)), evidence(cells, worlds=tuple(worlds)))


def world(name: str, *notices: str):
    return cell(1, world=World(name=name, teacher="flipped"), seen=seen(notices=notices))


def test_what_a_real_cell_reported_is_not_called_nothing():
    said = judged(notices=("compile: 1 + 1", "os.system: sh"))
    assert said.level == "note" and said.numbers == {"notices": 2.0}
    assert "nothing was seen" not in said.because and "2 events in its real cells" in said.because


def test_a_text_that_is_run_in_a_counterfactual_cell_alone_disqualifies():
    said = judged([world("other", "os.system: sh"), world("flipped", "compile: def f(x): return 1")])
    assert (said.level, said.finding, said.numbers) == ("disqualify", "execution", {"notices": 2.0})
    assert "the world flipped of seed 1" in said.because and "def f(x): return 1" in said.because


def test_a_program_that_is_started_in_a_counterfactual_cell_alone_is_flagged():
    said = judged([world("quiet"), world("other", "os.system: sh")])
    assert (said.level, said.finding) == ("flag", "starts-programs") and "world other" in said.because
