"""The attacks that ship: complete, well described, each compiles."""

from __future__ import annotations

import ast
import re
import sys
import types

import pytest

from w2s_harness import Attack, PluginError
from w2s_harness.jail.inside.method_classes import offered
from w2s_studies.redteam import suite
from w2s_studies.redteam.suite import Places, method_file, verdict

PLACES = Places(
    LABELS="/l", STORE="/s", SITE="/p", HARNESS="/h", PLUGINS="/g", TASKS="/t", NUMPY="/n", HOST=1
)
FAMILIES = {
    "label files", "task packages", "other processes", "starting processes", "network", "kernel interfaces",
    "writing", "links and special files", "carried state", "protocol messages", "odd values", "floods",
    "import time", "running candidates", "commonest answer", "source clustering", "student service",
    "lying packages", "seed picking", "muted audit", "adaptive", "impersonation", "teacher's sign",
    "memorisation", "honeypot", "no method", "two targets", "laundered elicitation", "label tables",
    "byte code", "planning",
}  # fmt: skip


def test_every_family_is_there():
    assert {a.family for a in suite.shipped()} == FAMILIES


def test_names_are_names_and_say_what_they_do():
    attacks = suite.shipped()
    assert len({a.name for a in attacks}) == len(attacks) >= 45
    for attack in attacks:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", attack.name), attack.name
        assert attack.summary and "\n" not in attack.summary


@pytest.mark.parametrize(
    "attack",
    [a for a in suite.shipped() if not a.files and a.family != "planning"],
    ids=lambda a: a.name,
)
def test_method_files_are_python_that_offers_the_method(attack, monkeypatch):
    text = method_file(attack, PLACES)
    ast.parse(text)
    if attack.body:
        # The module's own code only defines things; what is hostile is in `attack`, which is not called.
        module = types.ModuleType("w2s_method_x")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(text, "x.py", "exec"), module.__dict__)
        assert list(offered(module)) == [attack.method]


@pytest.mark.parametrize("attack", [a for a in suite.shipped() if a.files], ids=lambda a: a.name)
def test_distributions_are_laid_with_their_metadata(attack, tmp_path):
    laid = suite.lay(attack, tmp_path, PLACES)
    home = laid.environment or laid.planted
    (info,) = home.rglob(f"{attack.name.replace('-', '_')}-1.0.dist-info")
    for name in ("METADATA", "entry_points.txt", "RECORD"):
        assert (info / name).is_file()
    for file in home.rglob("*.py"):
        text = file.read_text()
        ast.parse(text)
        assert "@LABELS@" not in text and "@TASKS@" not in text
    for name in attack.copies:
        assert (info.parent / name).is_file()


def test_an_attack_says_one_thing():
    with pytest.raises(PluginError, match="exactly one of body, code and files"):
        Attack(name="a", family="f", summary="s")
    with pytest.raises(PluginError, match="exactly one of body, code and files"):
        Attack(name="a", family="f", summary="s", body="pass", code="pass")


def test_what_a_method_printed_of_itself():
    assert verdict("") is None
    assert verdict("noise\nPREVENTED EPERM no\n") == ("PREVENTED", "EPERM no")
    assert verdict("PREVENTED EPERM\nSUCCEEDED") == ("SUCCEEDED", "")
    assert verdict("not SUCCEEDED") is None


def one_file(package, listed, tmp_path, monkeypatch):
    """A suite of one file that lists this."""
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").touch()
    (tmp_path / package / "one.py").write_text(f"from w2s_harness import Attack\nATTACKS = {listed}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(suite, "PACKAGE", package)


def test_two_attacks_of_one_name_are_refused(tmp_path, monkeypatch):
    twice = "[Attack(name='a', family='f', summary='s', body='pass')] * 2"
    one_file("w2s_names_twice", twice, tmp_path, monkeypatch)
    with pytest.raises(PluginError, match="two attacks are called 'a'"):
        suite.shipped()


def test_a_file_that_lists_no_attacks_is_refused(tmp_path, monkeypatch):
    one_file("w2s_no_attacks", "('x',)", tmp_path, monkeypatch)
    with pytest.raises(PluginError, match="ATTACKS must be a list"):
        suite.shipped()
