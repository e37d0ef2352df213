from __future__ import annotations

import pytest

from w2s_harness.cli import config
from w2s_harness.errors import UsageError

KNOWN = {"tasks": False, "seeds": False, "limit": False, "plugins": True, "cell_timeout": False}


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
        ("- a\n", "must be a mapping"),
        ("just text\n", "must be a mapping"),
        ("a: [\n", r"w2s\.yaml:\d: broken YAML"),
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
    with pytest.raises(UsageError, match="not UTF-8 text"):
        config.find(None, KNOWN)
    (tree / "repo" / "w2s.yaml").unlink()
    (tree / "repo" / "pyproject.toml").write_text("[tool.w2s-harness\n")
    with pytest.raises(UsageError, match="broken TOML"):
        config.find(None, KNOWN)


def test_every_flag_of_run_has_a_key_and_an_environment_twin():
    from w2s_harness.cli.run import _key, command

    keys = [_key(p) for p in command.params]
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
