"""What the command line imports before it has work to do, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = ("numpy", "torch", "transformers", "scipy", "msgspec", "pandas", "rich")


def cli(*arguments: str, cwd, env=None) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys; from w2s_harness.cli import main; sys.argv[0] = 'w2s-harness'\n"
        "try:\n    main()\nfinally:\n"
        f"    heavy = {HEAVY!r}\n"
        "    plugins = ('w2s_plugins', 'w2s_tasks')\n"
        "    found = sorted(m for m in sys.modules if m in heavy or m.split('.')[0] in plugins)\n"
        "    print('MODULES', found, file=sys.stderr)\n"
    )
    paths = os.pathsep.join(filter(None, sys.path))
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=cwd, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": paths, **(env or {})},
    )  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["--version"],
        ["list"],
        ["list", "methods", "--json"],
        ["list", "runs"],
        ["list", "guards"],
        ["show", "vanilla"],
        ["show", "holdout-labels", "--json"],
    ],
    ids=" ".join,
)
def test_nothing_heavy_and_no_plugin_is_imported(tmp_path, arguments):
    done = cli(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "MODULES []"
    assert done.stdout


def test_the_control_a_run_does_import_them(tmp_path):
    done = cli("run", "--tasks", "maths", cwd=tmp_path)
    assert "numpy" in done.stderr.splitlines()[-1]
    assert "rich" not in done.stderr.splitlines()[-1], "nothing is drawn where stderr is no terminal"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rn"], "no such command 'rn' (did you mean 'run'?)"),
        (["run", "--tsks", "math"], "No such option"),
        (["run", "--limit", "0"], "--limit"),
        (["list", "method"], "Did you mean 'methods'?"),
        (["run", "--mode", "probes"], "Did you mean 'probe'?"),
        (["report", "last"], "no run called 'last'"),
        (["show", "nothing"], "no run called 'nothing'"),
        (["show", "vanila"], "did you mean 'vanilla'?"),
        (["show", "math/tiny/vanilla/s0"], "no run called 'last'"),
        (["schema", "plan"], "plan"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_a_wrong_command_line_is_one_line_and_exit_4(tmp_path, arguments, said):
    done = cli(*arguments, cwd=tmp_path)
    assert done.returncode == 4 and done.stdout == ""
    first, *rest = done.stderr.splitlines()
    assert first.startswith("error: ") and said in first and len(rest) == 1


@pytest.mark.parametrize("group", [[], ["agent"]], ids=["the program", "agent"])
def test_a_group_alone_is_a_question_and_not_a_mistake(tmp_path, group):
    done = cli(*group, cwd=tmp_path)
    assert done.returncode == 0 and done.stdout == cli(*group, "--help", cwd=tmp_path).stdout
    assert "error" not in done.stderr


def test_the_module_is_the_program(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "w2s_harness", "run", "--limit", "0"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 4 and done.stderr.startswith("error: ") and "w2s-harness run" in done.stderr


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("re", ["plain,redteam", "plain,report", "plain,review"]),
        ("run --methods vanilla,conf", ["plain,vanilla,confident"]),
        ("run --tasks ci", ["plain,cities"]),
        ("run --guards default,reso", ["plain,default,resources"]),
        ("run --tasks ./w", ["file,./w"]),
        ("show tiny-kinds-", ["plain,tiny-kinds-blind"]),
        ("report 2026", ["plain,20260101-x"]),
    ],
)
def test_a_shell_is_told_what_can_follow(tmp_path, line, offered):
    (tmp_path / ".w2s" / "runs" / "20260101-x").mkdir(parents=True)
    words = f"w2s-harness {line}"
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    done = cli(cwd=tmp_path, env={"_W2S_HARNESS_COMPLETE": "bash_complete", **asked})
    assert done.stdout.splitlines() == offered and done.stderr.splitlines()[-1] == "MODULES []"


def test_help_names_every_command(tmp_path):
    text = cli("--help", cwd=tmp_path).stdout
    assert all(name in text for name in ("list", "report", "run", "schema", "show"))


def test_the_store_of_readers_may_come_from_the_environment(tmp_path):
    (tmp_path / "there" / "runs" / "20260101-x").mkdir(parents=True)
    done = cli("list", "runs", cwd=tmp_path, env={"W2S_STORE": str(tmp_path / "there")})
    assert "20260101-x" in done.stdout and "unfinished" in done.stdout
