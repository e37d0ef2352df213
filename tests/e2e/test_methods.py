"""Methods as files, access, selection of cells and seeds."""

from __future__ import annotations

import json

import pytest

ACCESS = '''"""Methods that need more than the minimum."""

import numpy as np

from w2s_harness import Method, hookimpl


class OwnHead(Method):
    """A nearest-mean rule on embeddings, worked out in the worker."""

    name = "own-head"
    access = ("embeddings", "inference")

    def fit(self, problem, student, rng):
        features = student.embed(problem.rows)
        hard = problem.weak > 0.5
        self.up, self.down = features[hard].mean(0), features[~hard].mean(0)
        self.student = student
        return self

    def predict(self, rows):
        features = self.student.embed(rows)
        near = ((features - self.up) ** 2).sum(1) < ((features - self.down) ** 2).sum(1)
        return near.astype(float)


class Peeks(Method):
    """Looks at the holdout's inputs while it fits."""

    name = "peeks"
    access = ("transductive",)

    def fit(self, problem, student, rng):
        assert problem.test is not None and len(problem.test) == 150
        return student.fit(problem.rows, problem.weak)


class Blind(Method):
    """Must not see the holdout."""

    name = "blind"

    def fit(self, problem, student, rng):
        assert problem.test is None
        return student.fit(problem.rows, problem.weak)


@hookimpl
def w2s_methods():
    return [OwnHead, Peeks, Blind]
'''
GUARD = '''"""A guard that speaks of every cell, and a listener."""

from pathlib import Path

from w2s_harness import Verdict, hookimpl


@hookimpl
def w2s_judge_run(cell, evidence, predictions):
    gold = evidence.setting.test.gold
    assert len(predictions) == len(gold) == len(evidence.weak_test)
    level = "disqualify" if cell.method == "vanilla-hard" else "note"
    return Verdict("always", level, "it ran", {"ones": float(gold.sum())})


@hookimpl
def w2s_run_finish(leaderboard, run_dir):
    Path("heard.txt").write_text(f"{run_dir} {len(leaderboard['rows'])}")
'''


@pytest.fixture
def place(warm):
    (warm.folder / "access.py").write_text(ACCESS)
    return warm


def rows(place) -> dict:
    return {r["method"]: r for r in place.board()["rows"]}


def test_access_that_the_plan_does_not_grant_skips_the_row(place):
    done = place("run", "--methods", "vanilla,./access.py", "--seeds", "1", "--baseline-seeds", "2")
    assert done.code == 0, done.err
    found = rows(place)
    assert found["peeks"]["status"] == found["own-head"]["status"] == "skipped"
    assert found["peeks"]["reason"] == "needs the access transductive: run with --grant transductive"
    assert found["own-head"]["pgr"] is None and found["own-head"]["rank"] is None
    assert found["blind"]["status"] == "ok"
    granted = place(
        "run",
        "--methods",
        "./access.py",
        "--seeds",
        "1",
        "--baseline-seeds",
        "2",
        "--grant",
        "inference,transductive",
    )
    assert granted.code == 0, granted.err
    found = rows(place)
    assert {name: r["status"] for name, r in found.items()} == dict.fromkeys(
        ("own-head", "peeks", "blind"), "ok"
    )
    assert found["own-head"]["access"] == ["embeddings", "inference"] and found["blind"]["access"] == []
    assert found["own-head"]["transfer"]["mean"] > 0.55
    lowered = place(
        "run", "--methods", "./access.py::own-head", "--seeds", "1", "--baseline-seeds", "2",
        "--grant", "inference,no:embeddings",
    )  # fmt: skip
    assert lowered.code == 0 and rows(place)["own-head"]["reason"].startswith("needs the access embeddings")


def test_one_method_of_a_file_with_a_parameter_of_its_own(place):
    done = place("run", "--methods", "vanilla,./mine.py::shrunk:by=.25", "--seeds", "0,1")
    assert done.code == 0, done.err
    assert "vanilla/s0" not in done.err and "cells 4/4 (2 kept)" in done.err
    row = rows(place)["shrunk"]
    assert row["parameters"] == {"by": 0.25} and row["source"]["distribution"] is None
    plan = place.board()["plan"]
    assert [m["id"] for m in plan["methods"]] == ["vanilla", "shrunk[by=0.25]"] and plan["seeds"] == [0, 1]


def test_a_method_that_was_changed_is_another_method(place):
    base = ("run", "--methods", "./mine.py::shrunk:by=.75", "--seeds", "1", "--baseline-seeds", "2")
    assert "cells 1/1 (1 kept)" not in place(*base).err
    assert "cells 1/1 (1 kept)" in place(*base).err
    sha = rows(place)["shrunk"]["source"]["sha256"]
    with (place.folder / "mine.py").open("a") as file:
        file.write("# another day\n")
    assert "cells 1/1 (1 kept)" not in place(*base).err
    assert rows(place)["shrunk"]["source"]["sha256"] != sha


def test_stop_at_the_first_failure_then_only_what_failed(place):
    text = (place.folder / "mine.py").read_text()
    broken = text.replace(
        "        return student.fit(problem.rows, 0.5",
        "        1 / 0\n        return student.fit(problem.rows, 0.5",
    )
    (place.folder / "mine.py").write_text(broken)
    stopped = place("run", "--methods", "./mine.py::shrunk,vanilla-hard", "-x", "-n", "1")
    assert stopped.code == 1
    found = rows(place)
    assert "ZeroDivisionError" in found["shrunk"]["transfer"]["per_seed"][0]["error"]
    assert found["vanilla-hard"]["transfer"]["per_seed"][1]["error"].startswith(
        "not run: words/narrow..wide/shrunk/s"
    )
    assert "ZeroDivisionError" in found["vanilla-hard"]["transfer"]["per_seed"][1]["error"]
    assert "ZeroDivisionError" in found["shrunk"]["reason"]
    (place.folder / "mine.py").write_text(text)
    again = place("run", "--methods", "./mine.py::shrunk,vanilla-hard", "--lf", "-n", "1")
    assert again.code == 0, again.err
    assert place.board()["plan"]["selected"] == ["words/narrow..wide/shrunk/s0"]


def test_an_expression_chooses_cells(place):
    chosen = ("--methods", "vanilla,vanilla-hard,confident", "-k", "(vanilla and not hard) or confident/s1")
    plan = place("run", "--plan", *chosen)
    assert plan.code == 0
    cells = [line.split()[0] for line in plan.out.splitlines() if line.startswith("  words/")]
    ids = ["vanilla/s0", "vanilla/s1", "confident/s1"]
    assert cells == [f"words/narrow..wide/{cell}" for cell in ids]
    assert "cells         3   kept 2" in plan.out and "features      5   kept 5" in plan.out


def test_configuration_environment_and_flags_in_this_order(place):
    (place.folder / ".git").mkdir()
    inner = place.folder / "inner"
    inner.mkdir()
    (place.folder / "w2s.yaml").write_text(
        "methods: [vanilla, confident]\nseeds: 4\nseed: 3\nplugins: [./guard.py]\nn: 1\n"
    )
    (place.folder / "guard.py").write_text(GUARD)
    (inner / "guard.py").write_text(GUARD)
    from commands import Place

    def cells(env, *more) -> list[str]:
        flags = tuple(f for f in place.flags if f not in ("--seeds", "2", "-n"))
        done = Place(inner, (*flags,), env)("run", "--plan", *more)
        assert done.code == 0, done.err
        assert "configuration " in done.err
        return [
            line.split()[0].removeprefix("words/narrow..wide/")
            for line in done.out.splitlines()
            if line[:1] == " "
        ]

    assert len(cells({})) == 8
    assert cells({"W2S_SEEDS": "1"}) == ["vanilla/s0", "confident/s0"]
    assert cells({"W2S_SEEDS": "1", "W2S_METHODS": "zero-shot"}, "--seeds", "0,7") == [
        "zero-shot/s0",
        "zero-shot/s7",
    ]
    assert cells({"W2S_K": "confident/s2"}) == ["confident/s2"]


def test_a_trusted_plugin_in_a_file_judges_and_listens(place):
    (place.folder / "guard.py").write_text(GUARD)
    done = place("run", "--methods", "vanilla,vanilla-hard", "-p", "guard.py")
    assert done.code == 1, done.err
    found = rows(place)
    assert found["vanilla-hard"]["status"] == "disqualified" and found["vanilla-hard"]["reason"] == "it ran"
    assert found["vanilla"]["status"] == "ok"
    (said,) = [v for v in found["vanilla"]["verdicts"] if v["guard"] == "guard"]
    assert said["numbers"] == {"ones": 75.0}
    assert (place.folder / "heard.txt").read_text().endswith(" 2")
    (plugin,) = [p for p in place.board()["harness"]["plugins"] if p["name"] == "guard"]
    assert len(plugin["sha256"]) == 64
    off = place("run", "--methods", "vanilla,vanilla-hard", "-p", "guard.py", "-p", "no:guard")
    assert off.code == 0 and rows(place)["vanilla-hard"]["status"] == "ok"


def test_a_plugin_that_raises_is_named_in_one_line(place):
    (place.folder / "bad.py").write_text(
        "from w2s_harness import hookimpl\n@hookimpl\ndef w2s_run_start(plan):\n    1 / 0\n"
    )
    done = place("run", "--methods", "vanilla", "-p", "bad.py")
    assert done.code == 4
    assert done.err.splitlines()[-1] == (
        "error: plugin 'bad': w2s_run_start() raised ZeroDivisionError: division by zero"
    )


def test_a_listing_shows_what_is_installed(place):
    methods = json.loads(place("list", "methods", "--json").out)
    assert [m["name"] for m in methods] == sorted(m["name"] for m in methods)
    vanilla = next(m for m in methods if m["name"] == "vanilla")
    assert vanilla["distribution"] == "w2s-harness" and vanilla["about"]
    assert {t["name"] for t in json.loads(place("list", "tasks", "--json").out)} >= {"math", "code", "chat"}
