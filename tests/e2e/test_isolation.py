"""`--isolation` on machines that give all, less, or nothing of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Done, Place

WITHOUT = Path(__file__).parents[1] / "unit" / "jail" / "without.py"
THIEF = '''"""Looks for the labels of the task."""

from dataclasses import dataclass
from pathlib import Path

from w2s_harness import Method, hookimpl


@dataclass(frozen=True)
class Thief(Method):
    """Reads the holdout."""

    name = "thief"
    path: str = ""

    def fit(self, problem, student, rng):
        print(len(Path(self.path).read_text()))
        return student.fit(problem.rows, problem.weak)


@hookimpl
def w2s_methods():
    return [Thief]
'''


def lacking(place: Place, what: str, *arguments: str) -> Done:
    """A command on a kernel that lacks some layers."""
    command = [sys.executable, str(WITHOUT), what, sys.executable, *place.command(*arguments)]
    done = subprocess.run(
        command, cwd=place.folder, env=place.environment(), capture_output=True, text=True, timeout=300
    )
    return Done(done.returncode, done.stdout, done.stderr, 0.0)


@pytest.fixture
def level(place) -> str:
    """What this machine gives."""
    found = json.loads(place("doctor", "--json").out)["level"]
    if found == "L0":
        pytest.skip("no jail on this machine: see `w2s-harness doctor`")
    return found


def test_rows_say_the_level_and_its_layers(warm, level):
    done = warm("run", "--methods", "vanilla,./mine.py::shrunk")
    assert done.code == 0, done.err
    for row in warm.board()["rows"]:
        assert row["isolation"] == level
        assert {"landlock", "seccomp", "limits"} <= set(row["layers"])


def test_the_holdout_s_labels_cannot_be_read_but_without_a_jail(warm, words, level):
    (warm.folder / "thief.py").write_text(THIEF)
    method = f"./thief.py:path={words / 'test.jsonl'}"
    done = warm("run", "--methods", method)
    assert done.code == 1
    (row,) = warm.board()["rows"]
    assert row["status"] == "failed" and (
        "PermissionError" in row["reason"] or "FileNotFound" in row["reason"]
    )
    done = warm("run", "--methods", method, "--isolation", "off")
    assert done.code == 0, done.err
    (row,) = warm.board()["rows"]
    assert row["isolation"] == "L0" and "unverified" in done.out


@pytest.mark.parametrize(
    "arguments",
    [("--methods", "vanilla-hard", "--isolation", "require"), ("--methods", "./mine.py::halves")],
)
def test_require_without_landlock_is_refused_with_what_best_would_give(warm, arguments):
    done = lacking(warm, "landlock", "run", *arguments)
    assert done.code == 4
    (line,) = [x for x in done.err.splitlines() if x.startswith("error:")]
    assert "it lacks landlock (" in line and "`--isolation best` would run at L0" in line


def test_best_and_shipped_methods_run_without_landlock_and_say_so(warm):
    for arguments in (
        ("--methods", "vanilla-hard"),
        ("--methods", "./mine.py::halves", "--isolation", "best"),
    ):
        done = lacking(warm, "landlock,namespaces", "run", *arguments)
        assert done.code == 0, done.err
        assert "unverified" in done.out
        (row,) = warm.board()["rows"]
        assert row["isolation"] == "L0" and "seccomp" in row["layers"] and "landlock" not in row["layers"]


def test_a_cell_of_an_unjailed_run_is_run_again_under_require(warm, level):
    assert warm("run", "--methods", "vanilla-hard", "--isolation", "off").code == 0
    assert warm.board()["rows"][0]["isolation"] == "L0"
    assert warm("run", "--methods", "vanilla-hard", "--isolation", "require").code == 0
    assert warm.board()["rows"][0]["isolation"] == level


def test_without_namespaces_methods_of_others_run_at_l1(warm, level):
    done = lacking(warm, "namespaces", "run", "--methods", "./mine.py::halves")
    assert done.code == 0, done.err
    assert warm.board()["rows"][0]["isolation"] == "L1"
