"""Guards on a real run: which are on, what they say, and what a bad one does."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import time

import pytest
from commands import Place, numbers
from test_bad_input import refused
from test_resume import family

NONSENSE = '''"""Guards that break the contract."""

from w2s_harness import Verdict, hookimpl


@hookimpl
def w2s_judge_run(cell):
    return "fine"


@hookimpl
def w2s_judge_method(method):
    return Verdict("someone-else", "ok", "fine", {"z": float("nan")})


@hookimpl
def w2s_observe(cell):
    raise KeyError("lost")
'''
THIEF = '''"""Reads the file that looks like labels, and trains on it."""

import numpy as np

from w2s_harness import Method, hookimpl


class Thief(Method):
    name = "thief"

    def fit(self, problem, student, rng):
        return student.fit(problem.rows, np.load("cache/labels.npy").astype(float))


@hookimpl
def w2s_methods():
    return [Thief]
'''
TABLE = '''"""Carries the labels of the task in its own file."""

from w2s_harness import Method, hookimpl

GOLD = {table!r}


class Carrier(Method):
    name = "carrier"

    def fit(self, problem, student, rng):
        return student.fit(problem.rows, problem.weak)


@hookimpl
def w2s_methods():
    return [Carrier]
'''
CHEAP = ("--guards", "holdout-labels,harness-seeds,provenance,resources,no-test-access")


def test_a_guard_that_is_not_there(place):
    line = refused(place, "--guards", "default,harness-seed")
    assert "--guards harness-seed: no such guard (did you mean 'harness-seeds'?)" in line
    assert "--guards math: that plugin is no guard" in refused(place, "--guards", "math")
    assert "-p no:resource: no such plugin" in refused(place, "--no-guard", "resource")


def test_a_guard_that_does_not_import(place):
    (place.folder / "torn.py").write_text("import not_a_module_at_all\n")
    line = refused(place, "--guards", "./torn.py")
    assert "torn.py does not import: ModuleNotFoundError: No module named 'not_a_module_at_all'" in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plugins: {resorces: {refused: 3}}\n", "-p resorces: no such plugin (did you mean 'resources'?)"),
        (
            "plugins: {resources: {refuse: 3}}\n",
            "'resources' has no setting 'refuse' (did you mean 'refused'?)",
        ),
        ("plugins: {resources: 3}\n", "plugins: 'resources' takes a mapping of its settings, not 3"),
    ],
)
def test_settings_that_nobody_reads(place, text, said):
    (place.folder / "w2s.yaml").write_text(text)
    assert said in refused(place)


def test_a_guard_that_breaks_the_contract_is_never_a_pass(warm):
    (warm.folder / "nonsense.py").write_text(NONSENSE)
    flags = ("--guards", "provenance,./nonsense.py", "--no-guard", "provenance")
    done = warm("run", *flags, "--methods", "vanilla", "--seeds", "1", "--baseline-seeds", "2")
    assert done.code == 1 and "Traceback" not in done.err, done.err
    board = warm.board()
    (row,) = board["rows"]
    said = {v["because"] for v in row["verdicts"] if v["guard"] == "nonsense" and v["level"] == "error"}
    assert any("w2s_judge_run() returned str" in text for text in said)
    assert any("w2s_observe() raised KeyError: 'lost'" in text for text in said)
    assert any("not finite" in text for text in said)
    assert row["unverified"] and board["plan"]["guards"] == ["nonsense"]
    assert "provenance" in board["plan"]["guards_off"]
    off = {v["guard"] for v in row["verdicts"] if v["level"] == "note" and "off" in v["because"]}
    assert off == set(board["plan"]["guards_off"])


def test_labels_that_a_method_takes_or_carries_are_found_and_honest_rows_are_clean(warm: Place, words):
    rows = [json.loads(line) for line in (words / "test.jsonl").read_text("utf-8").splitlines()]
    table = [(row["question"], row["choice"], row["label"]) for row in rows]
    (warm.folder / "thief.py").write_text(THIEF)
    (warm.folder / "carrier.py").write_text(TABLE.format(table=table))
    methods = "vanilla,confident,./thief.py,./carrier.py"
    done = warm("run", *CHEAP, "--counterfactuals", "one", "--methods", methods)
    assert done.code == 1, done.err
    found = {row["method"]: row for row in warm.board()["rows"]}
    for name in ("vanilla", "confident"):
        levels = {v["guard"]: v["level"] for v in found[name]["verdicts"]}
        assert levels["holdout-labels"] == levels["harness-seeds"] == levels["provenance"] == "ok"
        assert found[name]["status"] == "ok"
    assert found["thief"]["status"] == "disqualified"
    assert "honeypot" in {v["finding"] for v in found["thief"]["verdicts"]}
    assert found["carrier"]["transfer"]["mean"] is None
    assert "labelled-rows" in {v["finding"] for v in found["carrier"]["verdicts"]}


def said(row: dict) -> list[tuple]:
    """A row's verdicts; not the attempts, which are what one store has seen."""
    found = [v for v in row["verdicts"] if not v["because"].startswith("attempts >= ")]
    return [(v["guard"], v["level"], v["because"], {**v["numbers"], "attempts": 0}) for v in found]


def test_the_command_in_a_verdict_shows_it_again_elsewhere(warm: Place, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "a store of its own"
    elsewhere.mkdir()
    for folder in (warm.folder, elsewhere):
        (folder / "my thief.py").write_text(THIEF)
    done = warm("run", *CHEAP, "--counterfactuals", "one", "--methods", "vanilla,./my thief.py")
    assert done.code == 1, done.err
    found = {row["method"]: row for row in warm.board()["rows"]}
    again = found["thief"]["again"]
    assert not any(v["again"] for v in found["thief"]["verdicts"]), "it stands once"

    there = Place(elsewhere)
    program, *words = shlex.split(again)
    done = there(*words)
    assert program == "w2s-harness" and done.code == 1, done.err
    shown = {row["method"]: row for row in there.board()["rows"]}
    assert "honeypot" in {v["finding"] for v in shown["thief"]["verdicts"]}
    assert said(shown["thief"]) == said(found["thief"])


ALL = ("run", "--methods", "vanilla,./mine.py::shrunk", "--counterfactuals", "all")


@pytest.fixture(scope="module")
def audited(flags, _warm, tmp_path_factory) -> tuple[Place, dict]:
    """One undisturbed run with every counterfactual cell, on one slot."""
    folder = tmp_path_factory.mktemp("audited") / "warm"
    place = Place(shutil.copytree(_warm, folder), flags)
    done = place(*ALL, "-n", "1")
    assert done.code == 0, done.err
    board = place.board()
    assert all("T" in v["numbers"] for row in board["rows"] for v in row["verdicts"]
               if v["guard"] == "teacher-dependence")  # fmt: skip
    return place, board


def test_slots_and_order_change_no_byte_of_a_run_with_counterfactual_cells(audited, warm: Place):
    done = warm(*ALL, "-n", "2", "--order", "reverse")
    assert done.code == 0, done.err
    assert numbers(warm.board()) == numbers(audited[1])


def test_a_run_killed_among_its_counterfactual_cells_ends_as_an_undisturbed_one(audited, warm: Place):
    process = warm.start(*ALL, "-n", "1")
    end = time.monotonic() + 120
    while not _audits(warm) >= 3:
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.02)
    for pid in (process.pid, *family(process.pid)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.communicate()
    done = warm(*ALL, "-n", "2")
    assert done.code == 0, done.err
    assert numbers(warm.board()) == numbers(audited[1])


def _audits(place: Place) -> int:
    """Counterfactual cells that the unfinished run has told of."""
    runs = (place.folder / ".w2s" / "runs").glob("[0-9]*")
    (run,) = [r for r in runs if not (r / "leaderboard.json").exists()] or [None]
    events = run / "events.jsonl" if run is not None else None
    return events.read_text().count('"counterfactual"') if events is not None and events.exists() else 0
