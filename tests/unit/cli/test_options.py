"""A flag of `run` is declared once, and everything else is read off its declaration."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from types import SimpleNamespace

import click
import pytest

from w2s_harness.cli.commands import run
from w2s_harness.cli.options.flags_of_run import FLAGS, option
from w2s_harness.run.judge.judging import selected
from w2s_harness.run.plan.selection import Loading, Options, Selection, deciding, flag, flags_of, made

TYPED = {"text": "red", "switch": True, "list": ["red"], "count": 2, "whole": 9, "seconds": 2.5}
"""What a w2s.yaml may say of each kind."""
PLAIN = SimpleNamespace(methods_env=None, added=[], blocked=set())
MADE_BY_ROWS = {
    "tasks", "pairs", "methods", "seeds", "baseline_seeds", "weak", "strong", "mode", "adapter", "dtype",
    "context", "device", "weak_template", "strong_template", "chat_template",
}  # fmt: skip
"""What the command of a row makes from the row and its pair."""
NOT_OF_A_ROW = {"fresh", "controls", "against", "guards"}


@dataclass(frozen=True, slots=True, kw_only=True)
class More(Selection):
    """A selection with one flag more."""

    hue: str | None = flag("--hue-of-it", choices=("red", "blue"), after="limit", help="Its hue.")


@pytest.fixture
def command() -> click.Command:
    @click.command()
    def command(**given):
        pass

    for declared in flags_of(More).values():
        command = option(declared, envvar=declared.variable)(command)
    return command


def test_one_field_is_a_whole_flag(command, monkeypatch):
    wanted = made(More, command.make_context("it", ["--hue-of-it", "red"]).params)
    assert wanted == More(hue="red") and deciding(wanted, Options())["hue"] == "red"
    assert deciding(wanted, Options()) != deciding(More(), Options())
    line = shlex.split(selected(wanted, PLAIN))
    assert line[-2:] == ["--hue-of-it", "red"]
    assert made(More, command.make_context("it", line[2:]).params) == wanted
    monkeypatch.setenv("W2S_HUE_OF_IT", "blue")
    assert made(More, command.make_context("it", []).params).hue == "blue"
    names = [p.name for p in command.params]
    assert names[names.index("limit") : names.index("mode")] == ["limit", "fresh", "hue"]
    assert "--hue-of-it [red|blue]" in command.get_help(click.Context(command))


@pytest.mark.parametrize("name", FLAGS)
def test_every_flag_is_read_from_a_line_from_a_file_and_from_the_environment(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    declared = FLAGS[name]
    (found,) = [p for p in run.command.params if p.name == name]
    assert found.opts == [spelling.partition("/")[0] for spelling in declared.spellings]
    assert not declared.after or declared.after in FLAGS
    if not declared.key:
        return
    value = declared.choices[-1] if declared.choices else TYPED[declared.kind]
    (tmp_path / "w2s.yaml").write_text(f"{declared.key}: {json.dumps(value)}\n")
    from_file = run.command.make_context("run", []).params[name]
    monkeypatch.setenv(declared.variable, str(value[0] if isinstance(value, list) else value))
    (tmp_path / "w2s.yaml").unlink()
    from_environment = run.command.make_context("run", []).params[name]
    assert from_file == from_environment == (tuple(value) if isinstance(value, list) else value)


def test_what_nobody_typed_is_what_the_class_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    typed = run.command.make_context("run", []).params
    assert made(Selection, typed) == Selection() and made(Loading, typed) == Loading()
    options = Options()
    assert made(Options, typed, cancel=options.cancel) == options


def test_all_that_decides_numbers_is_in_the_command_of_a_row_or_need_not_be():
    without = {name for name, declared in flags_of(Selection).items() if declared.of_row is None}
    assert without == MADE_BY_ROWS | NOT_OF_A_ROW


def test_what_makes_two_commands_one_run():
    plain = deciding(Selection(), Options())
    assert plain == deciding(Selection(), Options(slots="3", isolation="off", stop_first=True, reverse=True))
    assert {"k": None, "lf": False}.items() <= plain.items() and "reviewed_only" not in plain
    assert deciding(Selection(), Options(reviewed_only=True)) == plain | {"reviewed_only": True}
