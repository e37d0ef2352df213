"""Commands of the core, of our studies and of others: how they are listed, loaded and refused."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from w2s_harness import cli
from w2s_harness.cli import group
from w2s_harness.cli.group import CORE, GROUP, SHIPPED
from w2s_harness.contract.errors import DataError, PluginError

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "tests" / "plugin_example" / "command"
BOARD = ROOT / "docs" / "readme-leaderboard.json"


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of site-packages beside the interpreter's own; modules in it can be imported."""
    own = group.site_folders()
    monkeypatch.setattr(group, "site_folders", lambda: [*own, tmp_path])
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("theirs"):
            del sys.modules[name]


def install(site: Path, distribution: str, points: str, **modules: str) -> None:
    info = site / f"{distribution}.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text(
        f"[console_scripts]\nx = y:z\n\n[{GROUP}]\n{points}\n\n[other]\na = b\n"
    )
    for name, text in modules.items():
        (site / f"{name}.py").write_text(text)


def call(*words: str) -> int:
    return cli.command.main(list(words), prog_name="w2s-harness", standalone_mode=False)


def shown() -> str:
    return " ".join(CliRunner().invoke(cli.command, ["--help"], prog_name="w2s-harness").output.split())


GOOD = '"""Counts things."""\nimport click\n@click.command()\ndef command():\n    return 3\n'


def test_our_own_studies_are_registered_as_those_of_others_are():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(project["entry-points"][GROUP]) == set(SHIPPED)
    taken, refused = group.offers()
    assert {name: offer.value for name, offer in taken.items()} == project["entry-points"][GROUP]
    assert not refused


@pytest.mark.parametrize("name", [*CORE, *SHIPPED])
def test_the_line_of_a_command_is_its_own(name):
    found = cli.command.get_command(click.Context(cli.command), name)
    assert found.name == name and (CORE | SHIPPED)[name].startswith(found.short_help.removesuffix("."))


def test_the_documented_example_is_the_shipped_one():
    page = (ROOT / "docs" / "plugins.md").read_text()
    for name in ("pyproject.toml", "w2s_standings.py"):
        assert f"\n{(EXAMPLE / name).read_text()}```\n" in page, name
    assert len((EXAMPLE / "w2s_standings.py").read_text().splitlines()) <= 35


def test_a_command_of_others(site, capsys):
    source = (EXAMPLE / "w2s_standings.py").read_text()
    install(site, "w2s_standings-0.3", "standings = theirs_standings:command", theirs_standings=source)
    assert "standings Which method is best on each task and pair of a leaderboard." in shown()
    assert "theirs_standings" not in sys.modules, "the help imports nothing"
    assert call("standings", str(BOARD)) == 0
    assert call("standings", str(BOARD), "--least", "9") == 1
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith("math on tiny: ") and last.endswith(": none")
    with pytest.raises(DataError, match="no leaderboard"):
        call("standings", str(EXAMPLE / "pyproject.toml"))


def test_the_object_is_called_command_where_none_is_named(site):
    install(site, "theirs-1", "counts = theirs_counts", theirs_counts=GOOD)
    assert call("counts") == 3


@pytest.mark.parametrize(
    ("point", "text", "said"),
    [
        ("x = theirs_gone", "", r"'x' of theirs 1 cannot be loaded .ModuleNotFoundError: .*theirs_gone"),
        ("x = theirs_x", "import nothing_like_this", "ModuleNotFoundError: No module named 'nothing_like"),
        ("x = theirs_x", "def command(:", "SyntaxError"),
        ("x = theirs_x:other", GOOD, "has no attribute 'other'"),
        ("x = theirs_x:click", GOOD, "theirs_x:click is no click command.. Install it again, or uninst"),
    ],
)
def test_a_broken_command_breaks_no_other(site, point, text, said):
    install(site, "theirs-1", point, **({"theirs_x": text} if text else {}))
    help_ = shown()
    assert "run Run tasks x pairs" in help_ and " x " in help_
    if not text:
        assert "x the command 'x' of theirs 1 cannot be loaded (its module theirs_gone is missing)" in help_
    with pytest.raises(PluginError, match=said):
        call("x")


def test_a_command_that_fails_is_said_to_be_theirs(site):
    bad = GOOD.replace("return 3", "return {}['a']")
    install(site, "theirs-1", "counts = theirs_counts", theirs_counts=bad)
    with pytest.raises(PluginError, match=r"the command 'counts' of theirs 1 failed \(KeyError"):
        call("counts")


def test_names_that_are_taken(site):
    install(site, "theirs-1", "run = theirs_counts\nreview = theirs_counts", theirs_counts=GOOD)
    install(site, "more-2", "twice = theirs_counts")
    install(site, "most-3", "twice = theirs_counts")
    found = shown()
    for name in ("run", "review"):
        assert f"the command '{name}' of theirs 1 is left out: w2s-harness has one of that name." in found
    assert "more 2 and most 3 both offer the command 'twice'. Uninstall one of them." in found
    with pytest.raises(PluginError, match="both offer"):
        call("twice")
    taken, _ = group.offers()
    assert taken["review"].is_shipped and "twice" not in taken


def test_what_is_odd_in_an_installation_is_no_command(site):
    (site / "odd-1.dist-info").mkdir()
    (site / "odd-1.dist-info" / "entry_points.txt").write_bytes(b"\xff\xfe")
    install(site, "theirs-1", "# a = b\njust words\ncounts = theirs_counts\n", theirs_counts=GOOD)
    assert set(group.offers()[0]) == {*SHIPPED, "counts"}


def test_one_that_is_newer_than_what_is_installed(monkeypatch):
    monkeypatch.setattr(group, "site_folders", list)
    with pytest.raises(PluginError, match="'agent' is newer than the installed w2s-harness"):
        call("agent")
