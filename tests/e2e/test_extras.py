"""Every extra, installed alone beside the project from an index, does the one thing that it is there for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from commands import Done, Place
from messages_server import MessagesServer, say

CHECKOUT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
SMALL = (
    "run", "--tasks", "math", "--limit", "40", "--seeds", "2", "--methods", "vanilla", "--guards", "none",
    "-n", "1",
)  # fmt: skip
pytestmark = pytest.mark.heavy


@dataclass(frozen=True)
class Apart(Place):
    """The command line of another environment."""

    home: Path = Path()

    def command(self, *arguments: str) -> list[str]:
        """Run by that environment's interpreter."""
        return [str(self.home / "bin" / "python"), "-P", "-m", "w2s_harness", *arguments]

    def warm(self) -> None:
        """Every run is of another environment."""

    def environment(self) -> dict[str, str]:
        """That of a user, without what the tests set for this environment."""
        passed = {k: v for k, v in os.environ.items() if k.startswith("PIP_")}
        cache = {"XDG_CACHE_HOME": str(self.folder / "cache"), "OMP_NUM_THREADS": "1"}
        return super().environment() | passed | cache


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    """An environment with the project and what it requires; nothing of it comes from the running one."""
    home = tmp_path_factory.mktemp("plain") / "home"
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    source = tmp_path_factory.mktemp("source") / "project"
    left_out = shutil.ignore_patterns(".*", "__pycache__", "tests", "benchmarks")
    shutil.copytree(CHECKOUT, source, ignore=left_out)
    _pip(home, str(source))
    return home


@pytest.fixture
def apart(plain, tmp_path) -> Callable[[str], Apart]:
    """A copy of that environment with one extra."""

    def install(extra: str) -> Apart:
        home = tmp_path / "home"
        shutil.copytree(plain, home, symlinks=True, copy_function=os.link)
        _pip(home, f"w2s-harness[{extra}]")
        (tmp_path / "work").mkdir()
        return Apart(tmp_path / "work", home=home)

    return install


def _pip(home: Path, wanted: str) -> None:
    command = [
        str(home / "bin" / "python"), "-I", "-m", "pip", "install", "-q", "-c",
        str(CHECKOUT / "constraints.txt"), wanted,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr


def agent(place: Apart) -> Done:
    """A model is asked, and says that it is done."""
    prices = 'dated: "2026-01"\nmodels:\n  m: {input: 1.0, output: 1.0, cache_read: 1.0, cache_write: 1.0}\n'
    (place.folder / "prices.yaml").write_text(prices)
    with MessagesServer(lambda request, n: say("DONE")) as server:
        place.env.update(ANTHROPIC_API_KEY="k", ANTHROPIC_BASE_URL=server.url)
        done = place(
            "agent", "run", "--model", "m", "--prices", "prices.yaml", "--agents", "1", "--undirected",
            "--tasks", "math", "--held-out-tasks", "code", "--limit", "240", "--seeds", "2",
            "--guards", "none", "--dir", "r", timeout=600,
        )  # fmt: skip
    assert done.code == 5 and "nothing was handed in" in done.err, done.err
    assert '"kind":"reply"' in (place.folder / "r/agents/agent-1/transcript.jsonl").read_text()
    return done


def finetune(place: Apart) -> Done:
    """LoRA."""
    return _ok(place(*SMALL, "--mode", "finetune", "--adapter", "lora", timeout=600))


def cities(place: Apart) -> Done:
    """The task of that name."""
    return _ok(place(*SMALL, "--tasks", "cities", timeout=600))


def plots(place: Apart) -> Done:
    """Figures of a leaderboard."""
    _ok(place(*SMALL, timeout=600))
    done = _ok(place("report", "last", "--figures", "figures"))
    assert list((place.folder / "figures").glob("*.pdf")), done.err
    return done


def smollm2(place: Apart) -> Done:
    """The pair's files are fetched, and both models are read."""
    done = place(*SMALL, "--pairs", "smollm2")
    assert done.code == 4 and "`w2s-harness fetch smollm2` brings it" in done.err, done.err
    _ok(place("fetch", "smollm2", timeout=900))
    return _ok(place(*SMALL, "--pairs", "smollm2", "--limit", "8", timeout=900))


FEATURES: dict[str, Callable[[Apart], Done]] = {
    "agent": agent, "finetune": finetune, "cities": cities, "plots": plots, "smollm2": smollm2,
}  # fmt: skip


def _ok(done: Done) -> Done:
    assert done.code == 0, done.err
    return done


def test_every_extra_has_its_feature_here():
    assert FEATURES.keys() == EXTRAS.keys()


@pytest.mark.parametrize("extra", FEATURES)
def test_an_extra_alone_does_what_it_is_there_for(apart, extra):
    FEATURES[extra](apart(extra))
