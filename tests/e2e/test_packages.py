"""A method, a trusted plugin and a command, separately installed (`tests/plugin_example/`)."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import Place
from environments import share
from warm import Warm

EXAMPLES = Path(__file__).parents[1] / "plugin_example"
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("hatchling") is None,
    reason="hatchling, which builds the examples, is not installed",
)


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """An environment with w2s-harness and the examples; everything else comes from the running one."""
    home = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    share(site)
    sources = [str(shutil.copytree(EXAMPLES / name, home / name)) for name in ("method", "task", "command")]
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        str(site),
    ]
    subprocess.run([*pip, *sources], check=True, capture_output=True)
    return home


@pytest.fixture(scope="module")
def installed(environment) -> Iterator[Warm]:
    """The warm command line of that environment."""
    running = Warm(Place(environment).environment(), str(environment / "bin" / "python"))
    yield running
    running.close()


@pytest.fixture
def packaged(environment, installed, warm) -> Place:
    """The command line of that environment."""

    class Inside(Place):
        def command(self, *arguments: str) -> list[str]:
            start = "import sys; from w2s_harness.cli import main; sys.argv[0] = 'w2s-harness'; main()"
            return [str(environment / "bin" / "python"), "-c", start, *self.words(*arguments)]

        def warm(self) -> Warm:
            return installed

    return Inside(warm.folder, warm.flags)


def test_both_are_listed_from_metadata(packaged):
    methods = {m["name"]: m for m in json.loads(packaged("list", "methods", "--json").out)}
    assert methods["cautious"]["distribution"] == "w2s-cautious" and methods["cautious"]["version"] == "0.1"
    assert methods["cautious"]["about"].startswith("Train on weak labels with weights")
    tasks = packaged("list", "tasks").out
    assert "vowels" in tasks and "(not ours: --tasks vowels loads it)" in tasks
    guards = {g["name"]: g for g in json.loads(packaged("list", "guards", "--json").out)}
    assert guards["vowels"]["enabled"] is False
    assert guards["vowels"]["enabled_by"] == "--guards default,vowels"


def test_a_command_is_one_of_ours(packaged):
    assert "Which method is best on each task and pair" in " ".join(packaged("--help").out.split())
    board = Path(__file__).parents[2] / "docs" / "readme-leaderboard.json"
    done = packaged("standings", str(board))
    assert done.code == 0 and done.out.startswith("math on tiny: "), done.err
    gone = packaged("standings", "gone.json")
    assert gone.code == 4 and len(gone.err.splitlines()) == 1


def test_the_method_runs_by_its_name(packaged):
    done = packaged("run", "--methods", "vanilla,cautious:power=2", "--seeds", "1", "--baseline-seeds", "4")
    assert done.code == 0, done.err
    row = next(r for r in packaged.board()["rows"] if r["method"] == "cautious")
    assert row["status"] == "ok" and row["parameters"] == {"power": 2.0}
    source = row["source"]
    assert (source["distribution"], source["version"], source["editable"]) == ("w2s-cautious", "0.1", False)
    assert len(source["sha256"]) == 64
    assert {p["distribution"] for p in packaged.board()["harness"]["plugins"]} == {"w2s-harness"}


def test_the_task_and_its_guard_load_when_the_task_is_named(packaged, models):
    weak, strong = map(str, models)
    flags = ("--tasks", "vowels", "--weak", weak, "--strong", strong, "--seeds", "1", "-n", "2")
    place = type(packaged)(packaged.folder, flags)
    done = place("run", "--methods", "vanilla,cautious")
    assert done.code == 0, done.err
    board = place.board()
    (plugin,) = (p for p in board["harness"]["plugins"] if p["distribution"] != "w2s-harness")
    assert (plugin["name"], plugin["distribution"], plugin["version"]) == ("vowels", "w2s-vowels", "0.2")
    assert "vowels" in board["plan"]["guards"]
    for row in board["rows"]:
        assert len([v for v in row["verdicts"] if v["guard"] == "vowels" and v["level"] != "error"]) == 1
    assert (
        board["settings"][0]["task"] == "vowels" and board["plan"]["tasks"][0]["settings"]["data_seed"] == 11
    )


def test_a_fresh_draw_is_recorded_before_the_first_stage_and_a_killed_run_goes_on_with_it(packaged, models):
    weak, strong = map(str, models)
    flags = ("--tasks", "vowels", "--weak", weak, "--strong", strong, "--seeds", "1", "-n", "2")
    place = type(packaged)(packaged.folder, flags)
    runs = place.folder / ".w2s" / "runs"
    before = set(runs.iterdir())
    process = place.start("run", "--methods", "vanilla", "--fresh")
    end = time.monotonic() + 60
    while not (drawn := [p for r in set(runs.glob("[0-9]*")) - before for p in r.glob("plan.json")]):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.communicate()
    seed = json.loads(drawn[0].read_text())["drawn"]["vowels"]
    assert len(seed) == 32 and int(seed, 16)
    done = place("run", "--methods", "vanilla", "--fresh")
    assert done.code == 0, done.err
    board = place.board()
    assert board["plan"]["tasks"][0]["settings"]["data_seed"] == seed
    assert board["settings"][0]["exposure"] == board["rows"][0]["exposure"] == "fresh"
    assert set(runs.glob("[0-9]*")) - before == {drawn[0].parent}
    planned = place("run", "--methods", "vanilla", "--fresh", "--plan")
    assert "features      5   kept 0" in planned.out, "a finished run's draw is not used again"
