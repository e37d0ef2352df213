"""Which guards are on, by `--guards`, `-p` and `w2s.yaml`."""

from __future__ import annotations

import sys
import textwrap

import pytest
from installed import TASK, plant

from w2s_harness import Task
from w2s_harness.contract.errors import PluginError, UsageError
from w2s_harness.installed.distributions import metadata
from w2s_harness.installed.parsed import declared
from w2s_harness.installed.trusted.plugins import Plugins

TRUSTED = metadata.TRUSTED
GUARD = '''"""Judges nothing."""

from w2s_harness import hookimpl

TOP = 3
SETTINGS = {"top": TOP, "low": 0.5, "odd": 1 + TOP}


class Helper:
    """Not what the guard is about."""


@hookimpl
def w2s_judge_run(cell):
    return None
'''


@pytest.fixture
def site(tmp_path, monkeypatch):
    """w2s-harness with two guards and a task, and another distribution with a guard and a listener."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    plant(
        folder, "w2s-harness",
        points={TRUSTED: {"seeds": "fake_seeds", "labels": "fake_labels", "arith": "fake_arith"}},
        files={"fake_seeds.py": GUARD, "fake_labels.py": GUARD, "fake_arith.py": TASK.format(name="arith")},
    )  # fmt: skip
    listener = "from w2s_harness import hookimpl\n@hookimpl\ndef w2s_stage_start(stage):\n    pass\n"
    plant(
        folder, "others", points={TRUSTED: {"strict": "fake_strict", "ears": "fake_ears"}},
        files={"fake_strict.py": GUARD, "fake_ears.py": listener},
    )  # fmt: skip
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if name.startswith(("fake_", "w2s_plugin_")):
            del sys.modules[name]


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "mine.py").write_text(GUARD)
    return str(tmp_path / "mine.py")


def on(site, spec: str, *switches: str) -> Plugins:
    plugins = Plugins(folders=[site])
    for switch in switches:
        plugins.switch(switch)
    plugins.use_guards(spec)
    return plugins


@pytest.mark.parametrize(
    ("spec", "guards", "off"),
    [
        ("default", ("labels", "seeds"), ()),
        ("all", ("labels", "seeds", "strict"), ()),
        ("none", (), ("labels", "seeds")),
        ("seeds", ("seeds",), ("labels",)),
        (" seeds , labels,seeds", ("labels", "seeds"), ()),
        ("default,strict", ("labels", "seeds", "strict"), ()),
        ("strict", ("strict",), ("labels", "seeds")),
    ],
)
def test_what_is_on_and_which_of_ours_is_off(site, spec, guards, off):
    found = on(site, spec)
    assert (found.guards, found.guards_off) == (guards, off)


def test_nothing_loads_before_it_is_asked_for(site):
    before = set(sys.modules)
    plugins = Plugins(folders=[site])
    assert plugins.shipped_guards == ("labels", "seeds") and plugins.guards == ()
    assert not {name for name in set(sys.modules) - before if name.startswith("fake_")}


def test_a_guard_in_a_file(site, mine):
    found = on(site, f"default,{mine}")
    assert found.guards == ("labels", "mine", "seeds") and len(found.loaded["mine"]["sha256"]) == 64


def test_no_name_switches_one_off_wherever_it_was_named(site):
    found = on(site, "default,strict", "no:strict", "no:seeds")
    assert (found.guards, found.guards_off) == (("labels",), ("seeds",))


def test_p_adds_a_guard_of_others_and_guards_has_the_last_word_on_ours(site, mine):
    assert on(site, "none", mine, "strict").guards == ("mine", "strict")
    found = on(site, "labels", "seeds")
    assert (found.guards, found.guards_off) == (("labels",), ("seeds",)) and "seeds" not in found.loaded


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("seed", r"--guards seed: no such guard \(did you mean 'seeds'\?\)"),
        ("defualt", r"--guards defualt: no such guard\. `w2s-harness list guards`"),
        ("arith", "--guards arith: that plugin is no guard: it has none of the hooks w2s_filter_release, "),
        ("ears", "--guards ears: that plugin is no guard"),
        ("", "give default, all, none, or names"),
        ("none,seeds", "give default, all, none, or names"),
        ("nowhere.py", "nowhere.py: no such file"),
    ],
)
def test_what_cannot_be_switched_on(site, spec, said):
    with pytest.raises(UsageError, match=said):
        on(site, spec)


def test_a_file_without_a_guards_hook(site, tmp_path):
    (tmp_path / "task.py").write_text(TASK.format(name="other"))
    with pytest.raises(UsageError, match="that plugin is no guard"):
        on(site, str(tmp_path / "task.py"))


def test_an_unknown_name_to_switch_off(site):
    with pytest.raises(UsageError, match=r"-p no:seed: no such plugin \(did you mean 'seeds'\?\)"):
        on(site, "default", "no:seed")


@pytest.mark.parametrize("text", ["import not_there_at_all\n" + GUARD, "def ("])
def test_a_guard_of_ours_that_does_not_import_is_no_guard_that_is_left_out(site, text):
    (site / "fake_seeds.py").write_text(text)
    with pytest.raises(PluginError, match=r"plugin w2s-harness 1\.0 \(seeds = fake_seeds\) does not import"):
        on(site, "default")
    (site / "fake_seeds.py").unlink()
    with pytest.raises(PluginError, match="does not import: ModuleNotFoundError"):
        on(site, "default")


# -- settings -------------------------------------------------------------------------------------------


def test_a_tasks_own_settings_stand_above(site):
    mine = Task()
    mine.guards = {"seeds": {"top": 9}}
    plugins = on(site, "default")
    plugins.configure({"seeds": {"top": 1, "low": 0.1}, "labels": {"low": 0.2}})
    assert plugins.settings_for("seeds", mine) == {"top": 9, "low": 0.1}
    assert plugins.settings_for("seeds", Task()) == {"top": 1, "low": 0.1}
    assert plugins.settings_for("labels", mine) == {"low": 0.2}
    assert plugins.settings_for("strict", mine) == {}


def test_settings_of_a_file_stand_under_its_path(site, mine):
    plugins = on(site, mine)
    plugins.configure({mine: {"top": 1}})
    assert plugins.settings_for("mine", Task()) == {"top": 1}


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (
            {"sedes": {"top": 1}},
            r"settings for 'sedes', which no plugin is called \(did you mean 'seeds'\?\)",
        ),
        ({"seeds": {"tip": 1}}, r"'seeds' has no setting 'tip' \(did you mean 'top'\?\)\. It has: top, low"),
    ],
)
def test_settings_that_nobody_reads(site, block, said):
    with pytest.raises(UsageError, match=said):
        on(site, "default").configure(block)


def test_what_a_guard_says_of_itself(site):
    file = site / "fake_seeds.py"
    assert declared.documentation(file) == "Judges nothing."
    assert declared.guard_settings(file) == {"top": 3, "low": 0.5, "odd": "1 + TOP"}
    file.write_text(textwrap.dedent("SETTINGS = make()\n"))
    assert declared.guard_settings(file) is None
    assert declared.guard_settings(site / "gone.py") is None
