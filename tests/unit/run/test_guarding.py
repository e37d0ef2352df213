from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from w2s_harness.contract.access import COLUMNS, columns_of
from w2s_harness.contract.hookspecs import hookimpl
from w2s_harness.contract.types import Verdict, World
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.run.judge.guarding import Guards, merged


@pytest.fixture
def plugins(tmp_path) -> Plugins:
    return Plugins(folders=[tmp_path])


@pytest.fixture
def task():
    return SimpleNamespace(name="words", guards={"picky": {"limit": 3}})


@pytest.fixture
def view(task):
    return SimpleNamespace(task=task)


def offer(plugins, name, **hooks):
    for hook in hooks.values():
        hookimpl(hook)
    plugins.register(name, SimpleNamespace(**hooks))


METHOD = SimpleNamespace(id="plain")
LEVELS = "ok, note, flag, disqualify or error"


def test_a_guard_hears_its_settings_for_the_task(plugins, view):
    heard = []

    def w2s_inspect_method(settings):
        heard.append(dict(settings))

    offer(plugins, "picky", w2s_inspect_method=w2s_inspect_method)
    assert Guards(plugins).inspect(METHOD, view, {}) == []
    assert heard == [{"limit": 3}]


def test_a_guard_that_raises_has_failed(plugins, view):
    def w2s_inspect_method(method):
        raise KeyError(method.id)

    offer(plugins, "torn", w2s_inspect_method=w2s_inspect_method)
    (verdict,) = Guards(plugins).inspect(METHOD, view, {})
    assert (verdict.guard, verdict.level) == ("torn", "error")
    assert verdict.because == "w2s_inspect_method() raised KeyError: 'plain'"


@pytest.mark.parametrize(
    ("answer", "because"),
    [
        ("fine", "w2s_inspect_method() returned str, expected a Verdict or None"),
        (True, "w2s_inspect_method() returned bool, expected a Verdict or None"),
        (Verdict("x", "ok", "it ran", {"z": float("nan")}), "gave numbers that are not finite: it ran"),
        (Verdict("x", "ok", "it ran", {"z": "many"}), "gave numbers that are not finite: it ran"),
        (Verdict("x", "ok", "it ran", {"z": 10**400}), "gave numbers that are not finite: it ran"),
        (
            Verdict("x", "okay", "it ran"),
            "gave a verdict whose level is 'okay' (did you mean 'ok'?), not ok, note, flag, disqualify or "
            "error: it ran",
        ),
        (
            Verdict("x", None, "it ran"),
            "gave a verdict whose level is 'NoneType', not ok, note, flag, disqualify or error: it ran",
        ),
        (
            Verdict("x", ["ok"], "it ran"),
            "gave a verdict whose level is 'list', not ok, note, flag, disqualify or error: it ran",
        ),
        (
            Verdict("x", "ok", "it ran", track="w3s"),
            "gave a verdict whose track is 'w3s' (did you mean 'w2s'?), not None, w2s, elicitation or "
            "unknown: it ran",
        ),
        (
            Verdict("x", "disqualify", "it ran", whole_method=1),
            "gave a verdict whose whole_method is 'int', not True or False: it ran",
        ),
        (Verdict("x", "ok", "it ran", finding=3), "gave a verdict whose finding is no text: it ran"),
        (Verdict("x", "ok", None), "gave a reason that is no text: NoneType"),
        (
            Verdict("x", "ok", "it ran", teacher_dependence=1.5),
            "gave a verdict whose teacher_dependence is no share from 0 to 1: it ran",
        ),
    ],
)
def test_a_guard_that_answers_nonsense_has_failed(plugins, view, answer, because):
    offer(plugins, "odd", w2s_inspect_method=lambda method: answer)
    (verdict,) = Guards(plugins).inspect(METHOD, view, {})
    assert (verdict.level, verdict.because) == ("error", because)


@pytest.mark.parametrize(
    ("given", "needs_review", "teacher_dependence"),
    [
        ({"finding": "review"}, True, None),
        ({"needs_review": True}, True, None),
        ({"numbers": {"T": np.float32(0.25)}}, False, 0.25),
        ({"numbers": {"T": 12.0}}, False, None),
        ({"numbers": {"T": 0.25}, "teacher_dependence": 0.5}, False, 0.5),
    ],
)
def test_what_a_verdict_means_is_read_off_older_words_too(
    plugins, view, given, needs_review, teacher_dependence
):
    offer(plugins, "any", w2s_inspect_method=lambda method: Verdict("x", "note", "so", **given))
    (verdict,) = Guards(plugins).inspect(METHOD, view, {})
    assert (verdict.needs_review, verdict.teacher_dependence) == (needs_review, teacher_dependence)
    assert verdict.finding == ("review" if needs_review else "")


@pytest.mark.parametrize("raised", [SystemExit(3), RecursionError("deep"), MemoryError()])
def test_whatever_a_guard_raises_is_its_verdict(plugins, view, raised):
    def w2s_inspect_method(method):
        raise raised

    offer(plugins, "torn", w2s_inspect_method=w2s_inspect_method)
    (verdict,) = Guards(plugins).inspect(METHOD, view, {})
    assert verdict.level == "error" and type(raised).__name__ in verdict.because


def test_what_a_guard_says_breaks_no_line_and_fills_no_disk(plugins, view):
    answer = Verdict("x", "flag", "a\x1b[2J" + "b" * 10**6, again="c\nd", finding="e\u202e")
    offer(plugins, "loud", w2s_inspect_method=lambda method: answer)
    (verdict,) = Guards(plugins).inspect(METHOD, view, {})
    assert verdict.level == "flag" and len(verdict.because) == 2000 and "\x1b" not in verdict.because
    assert (verdict.again, verdict.finding) == (r"c\x0ad", r"e\u202e")


@pytest.mark.parametrize(
    "world",
    [
        World(name="x", teacher="flippd"),
        World(name="x", inputs="gone"),
        World(name="x", draw="1"),
        World(name="x", draw=-1),
        World(name=""),
        World(name="a\nb"),
        World(name=7),
        World(name="x", sign=0),
    ],
)
def test_a_world_that_nobody_can_stage_is_an_error(plugins, view, task, world):
    offer(plugins, "odd", w2s_worlds=lambda method: [world])
    guards = Guards(plugins)
    assert guards.worlds(METHOD, view, [0]) == []
    (verdict,) = guards.before(task, METHOD)
    assert verdict.level == "error" and "w2s_worlds() returned a world" in verdict.because


def test_a_guard_speaks_for_itself_alone(plugins, view):
    offer(plugins, "one", w2s_inspect_method=lambda method: Verdict("another", "ok", "fine"))
    assert Guards(plugins).inspect(METHOD, view, {})[0].guard == "one"


def test_columns_are_narrowed_by_all_and_widened_by_none(plugins, task):
    offer(plugins, "a", w2s_filter_release=lambda columns: columns - {"candidate"})
    offer(plugins, "b", w2s_filter_release=lambda columns: {"prompt", "candidate", "gold"})
    assert Guards(plugins).columns(task) == {"prompt"}


def test_a_filter_that_fails_lets_nothing_through_and_every_row_says_so(plugins, task):
    assert Guards(plugins).columns(task) == COLUMNS
    offer(plugins, "torn", w2s_filter_release=lambda columns: 1 / 0)
    guards = Guards(plugins)
    assert guards.columns(task) == frozenset()
    assert [v.level for v in guards.before(task, METHOD)] == ["error"]


def test_worlds_of_several_guards_are_shared_by_name(plugins, view):
    flipped, repeat = World(name="flipped", teacher="flipped"), World(name="repeat")
    offer(plugins, "a", w2s_worlds=lambda method: [flipped])
    offer(plugins, "b", w2s_worlds=lambda method: [flipped, repeat])
    guards = Guards(plugins)
    assert {w.name for w in guards.worlds(METHOD, view, [0])} == {"flipped", "repeat"}
    assert guards.before(view.task, METHOD) == []


def test_one_name_for_two_worlds_is_an_error(plugins, view, task):
    offer(plugins, "a", w2s_worlds=lambda method: [World(name="x", teacher="flipped")])
    offer(plugins, "b", w2s_worlds=lambda method: [World(name="x", teacher="diluted")])
    guards = Guards(plugins)
    guards.worlds(METHOD, view, [0])
    (verdict,) = guards.before(task, METHOD)
    assert verdict.level == "error" and "world 'x' that another guard means otherwise" in verdict.because


def test_the_same_words_are_said_once():
    one, two = Verdict("g", "ok", "fine"), Verdict("g", "flag", "not fine")
    assert merged([one, two, one]) == [one, two]


def test_what_guards_let_through_is_what_accesses_open():
    assert {"prompt", "candidate", "first", "second", "group", "conflicts"} == COLUMNS
    assert columns_of(("text", "groups")) == COLUMNS
