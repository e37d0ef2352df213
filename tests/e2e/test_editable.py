"""The guide's own package, installed and installed to be edited (`pip install -e .`), in every layout."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from commands import Place
from environments import share

GUIDE = Path(__file__).parents[2] / "docs" / "methods-guide.md"
SETUPTOOLS = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
HATCHLING = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
WHEEL = "[tool.hatch.build.targets.wheel]\n"
LAYOUTS = {
    # how it is laid out, and what the build tool has to be told
    "flat": ("{module}.py", ""),
    "package": ("{module}/__init__.py", SETUPTOOLS),
    "src": ("src/{module}/__init__.py", SETUPTOOLS),
    "hatch": ("src/{module}/__init__.py", HATCHLING + WHEEL + 'packages = ["src/{module}"]\n'),
    "hatch-flat": ("{module}.py", HATCHLING + WHEEL + 'only-include = ["{module}.py"]\n'),
    "hatch-exact": (
        "{module}/__init__.py",
        HATCHLING + "[tool.hatch.build]\ndev-mode-exact = true\n" + WHEEL + 'packages = ["{module}"]\n',
    ),
}
TOOLS = ("editables", "hatchling", "pip", "setuptools")
pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in TOOLS),
        reason=f"one of {', '.join(TOOLS)} is not installed",
    ),
]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


def project(folder: Path, layout: str) -> str:
    """The guide's package under a name of its own; the method's name."""
    name = f"keep-{layout}"
    module = name.replace("-", "_")
    path, more = LAYOUTS[layout]
    file = folder / path.format(module=module)
    file.parent.mkdir(parents=True)
    (code,) = (text for text in blocks("python") if "class KeepSure(Method)" in text)
    file.write_text(code.replace('"keep-sure"', f'"{name}"'))
    (toml,) = (text for text in blocks("toml") if "w2s_harness.methods" in text)
    told = toml.replace("keep-sure", name).replace("keep_sure", module)
    (folder / "pyproject.toml").write_text(told + more.format(module=module))
    (folder / ".w2s").mkdir()
    (folder / ".w2s" / "log.jsonl").write_text("gold\n")
    return name


@pytest.fixture(scope="module", params=["installed", "edited"])
def environment(request, tmp_path_factory) -> tuple[Path, dict[str, Path]]:
    """An environment with the package in every layout, by method; everything else is the running one's."""
    home = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    share(Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)})))
    found = {}
    for layout in LAYOUTS:
        folder = home / "projects" / layout
        found[project(folder, layout)] = folder
    python = str(home / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index",
           "--no-build-isolation"]  # fmt: skip
    for folder in found.values():
        how = ["-e", str(folder)] if request.param == "edited" else [str(folder)]
        done = subprocess.run([*pip, *how], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return home, found


@pytest.fixture
def place(environment, warm) -> Place:
    """The command line of that environment."""
    home, _ = environment

    class Inside(Place):
        def command(self, *arguments: str) -> list[str]:
            start = "import sys; from w2s_harness.cli import main; sys.argv[0] = 'w2s-harness'; main()"
            return [str(home / "bin" / "python"), "-c", start, *self.words(*arguments)]

        def warm(self) -> None:
            """There is one run of each environment."""

    return Inside(warm.folder, warm.flags)


def test_every_layout_is_listed_and_runs(environment, place):
    _, projects = environment
    listed = {m["name"] for m in json.loads(place("list", "methods", "--json").out)}
    assert set(projects) <= listed
    methods = ",".join(["vanilla", *projects])
    done = place("run", "--methods", methods, "--seeds", "1", "--baseline-seeds", "2")
    assert done.code == 0, done.err
    rows = {row["method"]: row for row in place.board()["rows"]}
    assert {name: rows[name]["status"] for name in projects} == dict.fromkeys(projects, "ok")
    plan = place("run", "--methods", methods, "--seeds", "1", "--baseline-seeds", "2", "--plan").out
    opened = {line.split()[1] for line in plan.splitlines() if line.startswith("opened ")}
    for name, folder in projects.items():
        inside = {path for path in opened if path.startswith(f"{folder.resolve()}/")}
        assert len(inside) == int(rows[name]["source"]["editable"])
        assert not any(".w2s" in path or path == str(folder) for path in inside)
