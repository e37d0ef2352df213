from __future__ import annotations

import sys
import textwrap

import pytest
from installed import METHOD, TASK, plant

from w2s_harness.contract.errors import PluginError, UsageError
from w2s_harness.installed.distributions import metadata
from w2s_harness.installed.trusted.plugins import Plugins

METHODS, TRUSTED = metadata.METHODS, metadata.TRUSTED
PAIR = """
from w2s_harness import Model, Pair, hookimpl

@hookimpl
def w2s_pairs():
    return [Pair(name="{name}", weak=Model(source="a"), strong=Model(source="b"))]
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if name.startswith(("fake_", "w2s_plugin_")):
            del sys.modules[name]


@pytest.fixture
def file(tmp_path):
    def write(name: str, text: str) -> str:
        (tmp_path / name).write_text(textwrap.dedent(text))
        return str(tmp_path / name)

    return write


def ours(site):
    """Stands for w2s-harness itself."""
    plant(
        site, "w2s-harness", points={TRUSTED: {"arith": "fake_arith"}, METHODS: {"plain": "fake_plain"}},
        files={"fake_arith.py": TASK.format(name="arith"), "fake_plain.py": METHOD.format(name="plain")},
    )  # fmt: skip


def test_a_shipped_task_loads_when_it_is_named(site):
    ours(site)
    plugins = Plugins(folders=[site])
    assert "fake_arith" not in sys.modules
    assert plugins.shipped("w2s_tasks") == ["arith"] and plugins.shipped("w2s_pairs") == []
    assert plugins.task("arith").name == "arith"
    assert (
        plugins.loaded["arith"]["distribution"] == "w2s-harness"
        and len(plugins.loaded["arith"]["sha256"]) == 64
    )


def test_a_method_is_never_imported(site):
    ours(site)
    found = Plugins(folders=[site]).method("plain")
    assert found.is_shipped and "fake_plain" not in sys.modules


def test_another_distributions_plugin_loads_only_when_named(site):
    ours(site)
    plant(
        site, "extra", points={TRUSTED: {"geo": "fake_geo"}}, files={"fake_geo.py": TASK.format(name="geo")}
    )
    plugins = Plugins(folders=[site])
    plugins.task("arith")
    assert "fake_geo" not in sys.modules and plugins.shipped("w2s_tasks") == ["arith"]
    assert plugins.task("geo").name == "geo"
    assert plugins.loaded["geo"] | {"sha256": ""} == {"distribution": "extra", "version": "1.0", "sha256": ""}


def test_near_names(site):
    ours(site)
    plugins = Plugins(folders=[site])
    with pytest.raises(UsageError, match=r"unknown task 'arit' \(did you mean 'arith'\?\)"):
        plugins.task("arit")
    with pytest.raises(UsageError, match=r"unknown method 'plane' \(did you mean 'plain'\?\)"):
        plugins.method("plane")
    with pytest.raises(UsageError, match=r"-p arit: no such plugin \(did you mean 'arith'\?\)"):
        plugins.switch("arit")
    with pytest.raises(UsageError, match="unknown pair 'arith'"):
        plugins.pair("arith")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import not_there_at_all", "does not import: ModuleNotFoundError"),
        ("1 / 0", "does not import: ZeroDivisionError"),
        ("def (", "does not import: SyntaxError"),
        ("raise SystemExit(0)", "does not import: SystemExit"),
    ],
)
def test_a_failing_import_is_one_line_that_names_the_plugin(site, file, text, said):
    plant(site, "bad", points={TRUSTED: {"bad": "fake_bad"}}, files={"fake_bad.py": text})
    with pytest.raises(PluginError, match=rf"plugin bad 1\.0 \(bad = fake_bad\) {said}"):
        Plugins(folders=[site]).switch("bad")
    with pytest.raises(PluginError, match=said):
        Plugins(folders=[site]).switch(file("bad2.py", text))


def test_a_misspelt_hook_is_refused(site, file):
    path = file("typo.py", "from w2s_harness import hookimpl\n@hookimpl\ndef w2s_task():\n    return []\n")
    with pytest.raises(PluginError, match=r"there is no hook 'w2s_task' \(did you mean 'w2s_tasks'\?\)"):
        Plugins(folders=[site]).switch(path)


def test_an_argument_that_a_hook_does_not_have_is_refused(site, file):
    path = file("arg.py", "from w2s_harness import hookimpl\n@hookimpl\ndef w2s_run_start(plam):\n    pass\n")
    with pytest.raises(PluginError, match="plam"):
        Plugins(folders=[site]).switch(path)


def test_a_plugin_may_take_a_part_of_the_arguments(site, file):
    path = file(
        "part.py",
        """
        from w2s_harness import hookimpl
        heard = []
        @hookimpl
        def w2s_stage_start(total):
            heard.append(total)
        """,
    )
    plugins = Plugins(folders=[site])
    plugins.switch(path)
    plugins.hook.w2s_stage_start(stage="weak", total=3)
    assert sys.modules["w2s_plugin_part"].heard == [3]


def test_what_a_hook_raises_names_the_plugin(site, file):
    path = file(
        "boom.py", "from w2s_harness import hookimpl\n@hookimpl\ndef w2s_stage_start():\n    {}['x']\n"
    )
    plugins = Plugins(folders=[site])
    plugins.switch(path)
    with pytest.raises(PluginError, match=r"plugin 'boom': w2s_stage_start\(\) raised KeyError: 'x'"):
        plugins.hook.w2s_stage_start(stage="weak", total=3)


@pytest.mark.parametrize("answer", ["None", "'math'", "[1]", "7"])
def test_a_registration_hook_that_answers_nonsense(site, file, answer):
    path = file(
        "odd.py", f"from w2s_harness import hookimpl\n@hookimpl\ndef w2s_tasks():\n    return {answer}\n"
    )
    plugins = Plugins(folders=[site])
    plugins.switch(path)
    with pytest.raises(PluginError, match=r"plugin 'odd': w2s_tasks\(\) must return a list of Task objects"):
        plugins.task("x")


@pytest.mark.parametrize(("text", "find"), [(PAIR, "pair"), (TASK, "task")], ids=["pair", "task"])
def test_one_name_of_two_plugins_is_refused(site, file, text, find):
    plugins = Plugins(folders=[site])
    plugins.switch(file("one.py", text.format(name="same")))
    assert getattr(plugins, find)("same").name == "same"
    plugins.switch(file("two.py", text.format(name="same")))
    with pytest.raises(
        PluginError, match=rf"plugins '(one|two)' and '(one|two)' both offer the {find} 'same'"
    ):
        getattr(plugins, find)("same")
    plugins.switch("no:two")
    assert getattr(plugins, find)("same").name == "same"


def test_a_shipped_name_cannot_be_taken_by_a_file(site, file):
    ours(site)
    plugins = Plugins(folders=[site])
    plugins.switch(file("mine.py", TASK.format(name="arith")))
    with pytest.raises(PluginError, match="plugin 'mine': the task 'arith' is w2s-harness's own"):
        plugins.task("arith")
    with pytest.raises(PluginError, match="the name 'arith' is taken by another plugin"):
        plugins.switch(file("arith.py", TASK.format(name="other")))


def test_what_is_switched_off_is_not_loaded(site):
    ours(site)
    plugins = Plugins(folders=[site])
    plugins.switch("no:arith")
    with pytest.raises(UsageError, match=r"task 'arith': its plugin is switched off\. Take -p no:arith away"):
        plugins.task("arith")
    assert "fake_arith" not in sys.modules


def test_a_task_with_another_name_than_its_plugin(site):
    plant(
        site,
        "fake-sums",
        points={TRUSTED: {"sums": "fake_sums"}},
        files={"fake_sums.py": TASK.format(name="adding")},
    )
    with pytest.raises(
        UsageError, match=r"'sums' offers no task 'sums' but 'adding'\. Give -p sums --tasks a"
    ):
        Plugins(folders=[site]).task("sums")
    with pytest.raises(UsageError, match=r"'adding' is the plugin sums's\. Give -p sums --tasks adding"):
        Plugins(folders=[site]).task("adding")
    plugins = Plugins(folders=[site])
    plugins.switch("sums")
    assert plugins.task("adding").name == "adding"


def test_a_method_file_that_was_named_without_its_path(site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"a method file is named by its path \(\./mine\.py\)"):
        Plugins(folders=[site]).method("mine")
    (tmp_path / "mine.py").write_text("")
    with pytest.raises(UsageError, match=r"the file here is \./mine\.py\."):
        Plugins(folders=[site]).method("mine")


def test_two_tasks_of_one_name_in_one_plugin(file):
    text = TASK.format(name="double").replace("return [T()]", "return [T(), T()]")
    plugins = Plugins()
    plugins.switch(file("doubles.py", text))
    with pytest.raises(PluginError, match="plugin 'doubles': it offers two tasks called 'double'"):
        plugins.task("double")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n", "it has no hook, so it does nothing as a plugin"),
        ("def w2s_tasks():\n    return []\n", r"w2s_tasks\(\) lacks its decorator: put @hookimpl above it"),
        (
            "from w2s_harness import hookimpl\n\n@hookimpl\ndef w2s_task():\n    return []\n",
            r"there is no hook 'w2s_task' \(did you mean 'w2s_tasks'\?\)",
        ),
    ],
)
def test_a_plugin_that_would_be_silent_is_refused(file, text, said):
    with pytest.raises(PluginError, match=said):
        Plugins().switch(file("silent.py", text))


def test_a_method_file_is_not_run_in_the_host_by_mistake(file):
    path = file("mine.py", METHOD.format(name="m") + "\nraise RuntimeError('it ran')\n")
    with pytest.raises(UsageError, match=r"offers methods, which never run in the host\. Give --methods"):
        Plugins().switch(path)


def test_another_kind_of_thing_is_called_so():
    with pytest.raises(UsageError, match=r"unknown task 'vanilla': it is a method\. Give --methods vanilla"):
        Plugins().task("vanilla")
    with pytest.raises(UsageError, match=r"unknown task 'tiny': it is a pair\. Give --pairs tiny"):
        Plugins().task("tiny")
    with pytest.raises(UsageError, match=r"unknown pair 'math': it is a task\. Give --tasks math"):
        Plugins().pair("math")
    with pytest.raises(
        UsageError, match=r"unknown method 'resources': it is a guard\. Give --guards resources"
    ):
        Plugins().method("resources")


@pytest.mark.parametrize("value", ["high", True, [1], None])
def test_a_setting_of_another_kind_than_its_default(value):
    with pytest.raises(UsageError, match=r"'resources': times_vanilla is .* by default"):
        Plugins().configure({"resources": {"times_vanilla": value}})
    Plugins().configure({"resources": {"times_vanilla": 3, "refused": 0.5}})
