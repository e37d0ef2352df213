"""A place in which the commands of the docs run: one store for all pages, a folder for each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pages import ROOT

SMALL = {"W2S_LIMIT": "60", "W2S_SEEDS": "2", "W2S_N": "2"}
"""What a plain `w2s-harness run` in the docs is cut down to; its flags win over these."""
TIMEOUT_S = 300.0

Shell = Callable[[str, Path], "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store that all pages share, so that what two of them need is computed once."""
    return tmp_path_factory.mktemp("docs") / "store"


@pytest.fixture(scope="session")
def shell(store: Path) -> Shell:
    """Run a shell script in a folder, with the installed `w2s-harness` first on the path."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("W2S_")}
    environment = {
        **inherited,
        **SMALL,
        "W2S_STORE": str(store),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }

    def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", script],
            cwd=folder, env=environment, text=True, capture_output=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder that looks like the project's root to a command, and in which it may write."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    for name in ("docs", "scripts", "plugins", "harness", "tasks"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (tmp_path / ".git").mkdir()  # the search for w2s.yaml ends here
    return tmp_path
