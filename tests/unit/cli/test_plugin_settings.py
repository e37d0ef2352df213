"""`plugins: {NAME: {...}}` of `w2s.yaml`: it enables, and its blocks are settings."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from w2s_harness.cli.commands.run import command
from w2s_harness.cli.options import config
from w2s_harness.contract.errors import UsageError

KNOWN = {"tasks": config.Key(), "plugins": config.Key("list")}


@pytest.fixture
def read(tmp_path):
    def read(text: str, name: str = "w2s.yaml") -> config.Config:
        (tmp_path / name).write_text(text)
        return config.find(tmp_path / name, KNOWN)

    return read


@pytest.mark.parametrize(
    ("text", "plugins", "settings"),
    [
        ("plugins: [a, b]\n", ["a", "b"], {}),
        ("plugins: {a: {x: 1, y: low}, b: {}, c: }\n", ["a", "b", "c"], {"a": {"x": 1, "y": "low"}}),
        ("plugins: {./mine.py: {x: [1, 2]}}\n", ["./mine.py"], {"./mine.py": {"x": [1, 2]}}),
        ("tasks: math\n", None, {}),
    ],
)
def test_a_mapping_enables_and_sets(read, text, plugins, settings):
    found = read(text)
    assert found.values.get("plugins") == plugins and found.settings == settings


def test_toml_says_the_same(read):
    found = read("[tool.w2s-harness.plugins.a]\nx = 1\n", "pyproject.toml")
    assert found.values == {"plugins": ["a"]} and found.settings == {"a": {"x": 1}}


@pytest.mark.parametrize("text", ["plugins: {a: 3}\n", "plugins: {a: [x]}\n"])
def test_a_block_that_is_no_mapping_of_names(read, text):
    with pytest.raises(UsageError, match=r"w2s\.yaml:1: plugins: 'a' takes a mapping of its settings"):
        read(text)


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("w2s.yaml", "tasks: x\nplugins:\n  resources:\n    printed: 3\n    times: 1\n", 5),
        ("c.toml", "[tool.w2s-harness]\ntasks = 'x'\n[tool.w2s-harness.plugins.resources]\ntimes = 1\n", 4),
        ("c.toml", "[tool.w2s-harness]\nplugins = {resources = {times = 1}}\n", 2),
    ],
)
def test_a_setting_that_is_not_there_names_its_line(tmp_path, name, text, line):
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=rf"{name}:{line}: plugins: 'resources' has no setting 'times'"):
        words = ["-c", str(tmp_path / name)]
        CliRunner().invoke(command, words, standalone_mode=False, catch_exceptions=False)
