from __future__ import annotations

import os

import pytest

from w2s_harness.cli.options import config
from w2s_harness.contract.errors import UsageError
from w2s_harness.run.plan.specs import parse_seeds

KNOWN = {
    "tasks": config.Key(),
    "seeds": config.Key(),
    "limit": config.Key("whole"),
    "plugins": config.Key("list"),
    "cell_timeout": config.Key("seconds"),
    "x": config.Key("switch"),
    "v": config.Key("count"),
    "isolation": config.Key(choices=("auto", "require", "best", "off")),
}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """root (w2s.yaml) / repo (.git) / inner; the working directory is inner."""
    inner = tmp_path / "repo" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "repo" / ".git").mkdir()
    monkeypatch.chdir(inner)
    return tmp_path


def test_no_file_is_no_configuration(tree):
    assert config.find(None, KNOWN) == config.Config()


def test_the_nearest_file_upwards_counts(tree):
    (tree / "repo" / "w2s.yaml").write_text("tasks: far\n")
    assert config.find(None, KNOWN).values == {"tasks": "far"}
    (tree / "repo" / "inner" / "w2s.yaml").write_text("tasks: near\n")
    found = config.find(None, KNOWN)
    assert found.values == {"tasks": "near"} and found.file == tree / "repo" / "inner" / "w2s.yaml"


def test_nothing_above_the_repository_is_read(tree):
    (tree / "w2s.yaml").write_text("tasks: outside\n")
    assert config.find(None, KNOWN).file is None


def test_pyproject_counts_only_with_its_table(tree):
    (tree / "repo" / "inner" / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    (tree / "repo" / "pyproject.toml").write_text("[tool.w2s-harness]\nlimit = 5\n")
    assert config.find(None, KNOWN).values == {"limit": 5}
    (tree / "repo" / "w2s.yaml").write_text("limit: 6\n")
    assert config.find(None, KNOWN).values == {"limit": 6}


def test_a_list_of_one_seed_is_that_seed(tree):
    (tree / "repo" / "w2s.yaml").write_text("seeds: [3]\n")
    assert parse_seeds(config.find(None, KNOWN).values["seeds"]) == (3,)
    (tree / "repo" / "w2s.yaml").write_text("seeds: 3\n")
    assert parse_seeds(config.find(None, KNOWN).values["seeds"]) == (0, 1, 2)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("x: 1", {"x": True}),
        ("x: 0", {"x": False}),
        ("x: true", {"x": True}),
        ("x: off", {"x": False}),
        ('x: "no"', {"x": False}),
        ("v: 2", {"v": 2}),
        ("v: true", {"v": 1}),
        ("isolation: off", {"isolation": "off"}),
        ("limit: '60'", {"limit": 60}),
        ("cell_timeout: 3", {"cell_timeout": 3}),
        ("cell_timeout: .5", {"cell_timeout": 0.5}),
        ("cell_timeout: 1e3", {"cell_timeout": 1000.0}),
        ("tasks: 7", {"tasks": "7"}),
    ],
)
def test_a_value_is_what_its_flag_takes(tree, text, values):
    (tree / "repo" / "w2s.yaml").write_text(f"{text}\n")
    found = config.find(None, KNOWN).values
    assert found == values and [type(v) for v in found.values()] == [type(v) for v in values.values()]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x: 2", "'x' takes true or false, not 2"),
        ("x: [true]", "'x' takes true or false, not a list"),
        ("v: high", "'v' takes a whole number, not 'high'"),
        ("limit: true", "'limit' takes a whole number, not true"),
        ("limit: 1.5", "'limit' takes a whole number, not 1.5"),
        ("limit: many", "'limit' takes a whole number, not 'many'"),
        ("cell_timeout: true", "'cell_timeout' takes a number, not true"),
        ("cell_timeout: e", "'cell_timeout' takes a number, not 'e'"),
        ('cell_timeout: "1_0"', "'cell_timeout' takes a number, not '1_0'"),
        ("isolation: on", "'isolation' takes auto or require or best or off, not true"),
        ("isolation: bets", r"off \(did you mean 'best'\?\), not 'bets'"),
        ("tasks: true", "'tasks' takes text or numbers .a word that YAML reads as something else goes in"),
        ("plugins: [true]", "'plugins' takes texts"),
        ("cell-timeout: 1\ncell_timeout: 2", "a second time, with '-' and with '_'"),
        ("seed: 1", r"unknown key 'seed' \(did you mean 'seeds'\?\)"),
    ],
)
def test_what_a_flag_does_not_take_names_the_line(tree, text, said):
    (tree / "repo" / "w2s.yaml").write_text(f"# one\n# two\n{text}\n")
    lines = len(text.splitlines()) + 2
    with pytest.raises(UsageError, match=rf"w2s\.yaml:{lines}: .*{said}"):
        config.find(None, KNOWN)
    if "\n" not in text and text.split(": ")[1] not in ("on", "off", "many", "high", "bets", "e"):
        (tree / "repo" / "w2s.yaml").unlink()
        toml = f"[tool.other]\nx = 9\n\n[tool.w2s-harness]\n# here\n{text.replace(': ', ' = ')}\n"
        (tree / "repo" / "pyproject.toml").write_text(toml)
        with pytest.raises(UsageError, match=r"pyproject\.toml:6: "):
            config.find(None, KNOWN)


@pytest.mark.parametrize("table", ["", "[tool.w2s_harness]", "[tool.w2s]", "[w2s-harness]"])
def test_a_toml_without_our_table_is_never_ignored_in_silence(tree, table):
    file = tree / "repo" / "mine.toml"
    file.write_text(f"{table}\nlimit = 3\n")
    with pytest.raises(UsageError, match=r"mine\.toml: there is no table \[tool\.w2s-harness\]"):
        config.find(file, KNOWN)
    if table.startswith("[tool"):
        file.rename(tree / "repo" / "pyproject.toml")
        with pytest.raises(UsageError, match=rf"; \{table} is not read"):
            config.find(None, KNOWN)


@pytest.mark.parametrize("name", ["w2s.yml", ".w2s.yaml", "w2s.toml"])
def test_a_file_that_is_nearly_called_so_is_said(tree, name):
    (tree / "repo" / "inner" / name).write_text("")
    with pytest.raises(UsageError, match=f"{name} is not read: call it w2s.yaml, or name it with -c {name}"):
        config.find(None, KNOWN)
    (tree / "repo" / "inner" / "w2s.yaml").write_text("limit: 3\n")
    assert config.find(None, KNOWN).values == {"limit": 3}


def test_a_configuration_that_cannot_be_read_is_not_passed_over(tree):
    (tree / "repo" / "w2s.yaml").symlink_to("gone")
    with pytest.raises(UsageError, match=r"w2s\.yaml: cannot read the configuration: the link leads nowhere"):
        config.find(None, KNOWN)
    (tree / "repo" / "w2s.yaml").unlink()
    (tree / "repo" / "w2s.yaml").mkdir()
    with pytest.raises(UsageError, match=r"w2s\.yaml: .*: not a regular file but a folder"):
        config.find(None, KNOWN)
    (tree / "repo" / "w2s.yaml").rmdir()
    os.mkfifo(tree / "repo" / "w2s.yaml")
    with pytest.raises(UsageError, match=r"w2s\.yaml: .* not a regular file but a pipe"):
        config.find(None, KNOWN)


def test_another_file_above_that_is_none_is_passed_over(tree):
    os.mkfifo(tree / "repo" / "pyproject.toml")
    assert config.find(None, KNOWN) == config.Config()


def test_an_encoding_that_is_none_is_named(tree):
    (tree / "repo" / "w2s.yaml").write_bytes("seeds: 3\n".encode("utf-16"))
    with pytest.raises(UsageError, match=r"w2s\.yaml: is UTF-16"):
        config.find(None, KNOWN)
    (tree / "repo" / "w2s.yaml").unlink()
    (tree / "repo" / "pyproject.toml").write_bytes(b"\xef\xbb\xbf[tool.w2s-harness]\n")
    with pytest.raises(UsageError, match=r"pyproject\.toml:1: starts with a byte order mark"):
        config.find(None, KNOWN)


def test_variables_that_no_flag_reads():
    names = ["W2S_TASKS", "W2S_SEED", "W2S_PLAN", "HOME"]
    assert config.strangers(names, KNOWN) == [
        "W2S_PLAN: no flag reads this variable",
        "W2S_SEED: no flag reads this variable (did you mean W2S_SEEDS?)",
    ]


def test_an_explicit_file_is_the_only_one(tree):
    (tree / "repo" / "w2s.yaml").write_text("tasks: far\n")
    (tree / "other.yaml").write_text("seeds: [0, 1, 7]\ncell-timeout: 3\n")
    assert config.find(tree / "other.yaml", KNOWN).values == {"seeds": "0,1,7", "cell_timeout": 3}


@pytest.mark.parametrize(
    ("text", "plugins"),
    [
        ("plugins: a.py", ["a.py"]),
        ("plugins: [a, b]", ["a", "b"]),
        ("plugins: {a: {x: 1}, b: {}}", ["a", "b"]),
    ],
)
def test_plugins_are_a_list(tree, text, plugins):
    (tree / "repo" / "w2s.yaml").write_text(text)
    assert config.find(None, KNOWN).values == {"plugins": plugins}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", "w2s.yaml:1: the YAML is no mapping"),
        ("just text\n", "w2s.yaml:1: the YAML is no mapping"),
        ("a: [\n", r"w2s\.yaml:\d: not YAML"),
        ("task: math\n", r"unknown key 'task' \(did you mean 'tasks'\?\)"),
        ("tasks: {math: 1}\n", "'tasks' takes a value or a list, not a mapping"),
    ],
)
def test_a_broken_file_says_where(tree, text, said):
    (tree / "repo" / "w2s.yaml").write_text(text)
    with pytest.raises(UsageError, match=said):
        config.find(None, KNOWN)


def test_other_ways_to_be_unreadable(tree):
    with pytest.raises(UsageError, match=r"gone\.yaml: cannot read the configuration"):
        config.find(tree / "gone.yaml", KNOWN)
    (tree / "repo" / "w2s.yaml").write_bytes(b"tasks: \xff")
    with pytest.raises(UsageError, match=r"w2s\.yaml:1: byte 8 is not UTF-8"):
        config.find(None, KNOWN)
    (tree / "repo" / "w2s.yaml").unlink()
    (tree / "repo" / "pyproject.toml").write_text("[tool.w2s-harness\n")
    with pytest.raises(UsageError, match="broken TOML"):
        config.find(None, KNOWN)


BOMB = "tasks: &a [x, x]\n" + "".join(
    f"{flag}: &{name} [*{of}, *{of}]\n" for flag, name, of in (("seeds", "b", "a"), ("limit", "c", "b"))
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, r":1: holds an alias \(\*name\) to a collection"),
        ("tasks: &a [*a]\n", r":1: holds an alias \(\*name\) to a collection"),
        ("tasks: !!python/object/apply:os.system [true]\n", ":1: holds the tag"),
        ("tasks: 1\ntasks: 2\n", ":2: holds the key 'tasks' a second time"),
        ("tasks: " + "[" * 5000, ":1: the YAML is nested too deeply"),
        ('tasks: "\\U00110000"\n', ":1: not YAML: an escape or a version is out of range"),
        ("tasks: !!int foo\n", ":1: holds 'foo', which is no plain text"),
        ("tasks: !!bool x\n", ":1: holds 'x', which is no plain text"),
        (f"limit: -0x{'f' * 5000}\n", ":1: holds '-0xfff"),
        ("limit: .nan\n", ":1: holds '.nan'"),
        ("[1]: 2\n", ":1: holds a key that is no text"),
        ('"a\\x1b[2J": 1\n', r"unknown key 'a\\x1b\[2J'"),
        ("tasks: [a, [b]]\n", "'tasks' takes texts and finite numbers"),
        ('tasks: "a\\0"\n', "'tasks' takes texts and finite numbers"),
        ("#" * 2**17, "over 65536 bytes"),
    ],
)
def test_hostile_yaml_is_one_line(tree, text, said):
    (tree / "repo" / "w2s.yaml").write_text(text)
    with pytest.raises(UsageError, match=said) as caught:
        config.find(None, KNOWN)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.w2s-harness]\ntasks = " + "[" * 5000, "nested too deeply"),
        (f"x = {'1' * 5000}\n", "broken TOML"),
        (f"[tool.w2s-harness]\nlimit = 0x{'f' * 5000}\n", "'limit' takes texts and finite numbers"),
        ("[tool.w2s-harness]\nlimit = 2024-01-01\n", "'limit' takes texts and finite numbers"),
        ("[tool.w2s-harness]\nlimit = inf\n", "'limit' takes texts and finite numbers"),
        (f"[tool.w2s-harness]\nplugins.x.{'a.' * 50}a = 1\n", "'plugins' takes texts and finite numbers"),
        ("#" * 2**21, "over 1 MiB"),
    ],
)
def test_hostile_toml_is_one_line(tree, text, said):
    (tree / "repo" / "pyproject.toml").write_text(text)
    with pytest.raises(UsageError, match=said) as caught:
        config.find(None, KNOWN)
    assert str(caught.value).isprintable()


def test_a_tool_that_is_no_table_is_no_configuration(tree):
    (tree / "repo" / "pyproject.toml").write_text("tool = 3\n")
    assert config.find(None, KNOWN) == config.Config()


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "tasks:\n", "cell-timeout: ~\nplugins:\n"])
def test_what_is_empty_sets_nothing(tree, text):
    (tree / "repo" / "w2s.yaml").write_text(text)
    assert config.find(None, KNOWN).values == {}


def test_every_flag_of_run_has_a_key_and_an_environment_twin():
    from w2s_harness.cli.options.flags_of_run import FLAGS, QUIET, VERBOSE

    keys = [flag.key for flag in (*FLAGS.values(), QUIET, VERBOSE)]
    assert len(set(keys)) == len(keys)
    assert {
        "tasks",
        "seed",
        "seeds",
        "cell_timeout",
        "k",
        "x",
        "lf",
        "n",
        "plugins",
        "out",
        "store",
        "no_guard",
    } <= set(keys)
