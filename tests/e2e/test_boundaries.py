"""One run of odd methods beside an honest one: each fails alone, and the board is right and written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from commands import Place

pytestmark = pytest.mark.heavy
CODE = '''
from dataclasses import dataclass
from w2s_harness import Method, hookimpl

@dataclass(frozen=True)
class M(Method):
    """Words."""
    name = "{name}"
    {field}

    def fit(self, problem, student, rng):
        assert not hasattr(self, "most") or self.most in (float("inf"), 1.0)
        return student.fit(problem.rows, problem.weak)

@hookimpl
def w2s_methods():
    return [M]
'''
GUARD = """
import sys
from w2s_harness import Verdict, World, hookimpl

@hookimpl
def w2s_inspect_method(method, files):
    sys.exit(3)

@hookimpl
def w2s_worlds(method):
    return [World(name="x", teacher="flippd")]

@hookimpl
def w2s_judge_run(cell, predictions, evidence):
    return Verdict("odd", "warning", "hm")

@hookimpl
def w2s_judge_method(method, evidence):
    return [None]
"""


def put(site: Path, name: str, field: str = "most: float = 1.0", *, pth: str = "", module: str = "") -> Path:
    """A distribution whose RECORD is gone, so that all of its folder is looked at; the folder."""
    package = site / name.replace("-", "_")
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(CODE.format(name=name, field=field))
    info = site / f"{package.name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    points = f"[w2s_harness.methods]\n{name} = {module or package.name}\n"
    (info / "entry_points.txt").write_text(points)
    if pth:
        (site / f"{package.name}.pth").write_text(pth)
        (info / "RECORD").write_text(f"{package.name}/__init__.py,,\n{package.name}.pth,,\n")
    return package


@pytest.fixture
def environment(tmp_path) -> Path:
    home = tmp_path / "env"
    site = home / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    put(site, "without-limit", 'most: float = float("inf")')
    put(site, "opens-all", pth="/\n/tmp\n/proc\n")
    (put(site, "loops") / "me").symlink_to(".")
    os.mkfifo(put(site, "waits") / "pipe.py")
    with (put(site, "huge") / "data.bin").open("wb") as file:
        file.truncate(4 * 2**30)
    os.close(os.open(os.fsencode(put(site, "unnamed")) + b"/\xff\n.py", os.O_CREAT))
    put(site, "nowhere", module="is.not.there")
    put(site, "too-large", "most: int = 2**64")
    put(site, "raises", "raise KeyError")
    return home


TORN = """
from w2s_harness import Task, hookimpl

class Torn(Task):
    name, kind = "torn", "verify"

    def load(self):
        raise KeyError("label")

@hookimpl
def w2s_tasks():
    return [Torn()]
"""
GOOD = {"vanilla", "without-limit", "opens-all", "loops", "waits"}
BAD = {
    "huge": "too large",
    "unnamed": "does not print",
    "nowhere": "ships no such file",
    "too-large": "beyond 64 bits",
    "raises": "KeyError",
}


def test_each_fails_alone_and_the_board_is_right(warm, environment):
    (warm.folder / "odd.py").write_text(GUARD)
    place = Place(warm.folder, warm.flags)
    alone = ("--seeds", "1", "--baseline-seeds", "2", "--no-controls")
    assert place("run", "--methods", "vanilla", *alone).code == 0
    (before,) = place.board()["rows"]
    methods = ",".join([*sorted(GOOD), *BAD])
    asked = ("--methods", methods, "--methods-env", str(environment), "--guards", "odd.py", *alone)
    done = place("run", *asked)
    assert done.code == 1 and "Traceback" not in done.err, done.err
    rows = {row["method"]: row for row in place.board()["rows"]}
    assert {n for n, row in rows.items() if row["status"] == "ok"} == GOOD
    for name, part in BAD.items():
        assert rows[name]["status"] == "failed" and part in rows[name]["reason"], rows[name]["reason"]
    assert rows["vanilla"]["transfer"]["mean"] == before["transfer"]["mean"]
    planned = {m["name"]: m for m in place.board()["plan"]["methods"]}
    assert planned["without-limit"]["parameters"] == {"most": "inf"}
    for name in GOOD:
        said = {v["because"] for v in rows[name]["verdicts"] if v["level"] == "error"}
        assert any("whose level is 'warning'" in words for words in said)
        assert any("raised SystemExit" in words for words in said)
        assert any("returned a world" in words for words in said)
    assert place("run", *asked).code == 1, "what was kept of the first run is read again"


def test_a_task_that_does_not_load_takes_no_other_with_it(warm):
    (warm.folder / "torn.py").write_text(TORN)
    place = Place(warm.folder, warm.flags)
    words = warm.flags[warm.flags.index("--tasks") + 1]
    alone = ("--seeds", "1", "--baseline-seeds", "2", "--no-controls", "--methods", "vanilla")
    done = place("run", *alone, "-p", "torn.py", "--tasks", f"torn,{words}")
    assert done.code == 1, done.err
    board = place.board()
    assert [row["status"] for row in board["rows"]] == ["ok"] and "KeyError" in board["plan"]["lost"]["torn"]
    assert "not on it: task torn: load() raised KeyError" in done.out
    refused = place("run", *alone, "-p", "torn.py", "--tasks", "torn")
    assert refused.code == 4 and "task torn: load() raised KeyError: 'label'" in refused.err
