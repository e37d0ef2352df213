"""Whether every hook, command, flag, exit code, environment variable and JSON field is in the docs."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml
from pages import ROOT, blocks, section

from w2s_harness.cli import command as program
from w2s_harness.cli.group import CORE, SHIPPED
from w2s_harness.contract import hookspecs
from w2s_harness.contract.errors import ExitCode

CLI = ROOT / "docs" / "cli.md"
PLUGINS = ROOT / "docs" / "plugins.md"
COMMANDS = (*CORE, *SHIPPED)


def _commands() -> dict[str, click.Command]:
    context = click.Context(program)
    return {name: found for name in COMMANDS if (found := program.get_command(context, name)) is not None}


def _options(command: click.Command) -> list[click.Option]:
    return [p for p in command.params if isinstance(p, click.Option)]


def _key(option: click.Option) -> str | None:
    """The flag's key in `w2s.yaml`: its longest spelling; None for `--plan`, which has none."""
    key = max(option.opts, key=len).lstrip("-").replace("-", "_")
    return None if key == "plan" else {"p": "plugins"}.get(key, key)


def _row(text: str, option: click.Option) -> str:
    """The row of a flag in a table."""
    found = [r for r in text.splitlines() if re.match(rf"\| `{re.escape(option.opts[0])}(?![\w-])", r)]
    assert len(found) == 1, f"{option.opts[0]} has {len(found)} rows"
    return found[0]


def _flat(text: str) -> str:
    return re.sub(r",?\s*\)", ")", re.sub(r"\s+", " ", text)).replace("( ", "(")


# -- hooks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(hookspecs.NAMES))
def test_hook_is_documented_with_its_signature(name: str) -> None:
    signature = str(inspect.signature(getattr(hookspecs, name))).replace("'", "")
    shown = _flat("\n".join(b.text for b in blocks(PLUGINS) if b.language == "python"))
    assert _flat(f"def {name}{signature}") in shown, f"docs/plugins.md: def {name}{signature}"


def test_no_hook_is_documented_that_is_not_there() -> None:
    shown = "\n".join(b.text for b in blocks(PLUGINS) if b.language == "python")
    assert set(re.findall(r"\bdef (w2s_\w+)\(", shown)) == hookspecs.NAMES


# -- command line ---------------------------------------------------------------------------------------


def _parts() -> dict[str, click.Command]:
    """The commands of the groups, as `agent run`."""
    groups = {n: c for n, c in _commands().items() if isinstance(c, click.Group)}
    return {f"{name} {part}": c for name, group in groups.items() for part, c in group.commands.items()}


@pytest.mark.parametrize("name", sorted(_parts()))
def test_part_of_a_group_is_documented_with_its_flags(name: str) -> None:
    text = section(CLI, f"### `w2s-harness {name}`")
    for option in _options(_parts()[name]):
        for flag in (*option.opts, *option.secondary_opts):
            assert re.search(rf"`{flag}(?![\w-])", text), f"{name}: {flag} is not in docs/cli.md"
        if option.show_default and isinstance(option.default, str | int | float):
            assert f"`{option.default}`" in _row(text, option)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_command_is_documented_with_its_flags(name: str) -> None:
    command = _commands()[name]
    text = section(CLI, f"## `w2s-harness {name}`")
    rows = "\n".join(re.findall(r"^\|[^|]*\|", text, flags=re.M))
    parts = command.commands.values() if isinstance(command, click.Group) else [command]
    options = [option for part in parts for option in _options(part)]
    flags = {f for option in options for f in (*option.opts, *option.secondary_opts)}
    documented = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", rows))
    assert flags - documented == set(), "not in the table of docs/cli.md"
    assert documented - flags == set(), "in the table of docs/cli.md, but no such flag"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_default_is_documented(name: str) -> None:
    text = section(CLI, f"## `w2s-harness {name}`")
    for option in _options(_commands()[name]):
        if option.show_default and isinstance(option.default, str | int | float):
            assert f"`{option.default}`" in _row(text, option)


def test_only_commands_that_exist_are_documented() -> None:
    headings = re.findall(r"^## `w2s-harness ([\w-]+)`$", CLI.read_text(encoding="utf-8"), flags=re.M)
    assert sorted(headings) == sorted(COMMANDS)


def test_flags_of_the_group_are_documented() -> None:
    text = section(CLI, "## Every command")
    for option in _options(program):
        assert all(f"`{flag}`" in text for flag in option.opts)


def test_exit_codes_are_documented() -> None:
    rows = re.findall(r"^\| (\d) \| (.+) \|$", section(CLI, "## Exit codes"), flags=re.M)
    assert [int(code) for code, _ in rows] == [int(code) for code in ExitCode]


def test_the_table_of_flags_is_what_their_declarations_say(tmp_path: Path) -> None:
    script = [sys.executable, str(ROOT / "scripts" / "docs" / "flags.py")]
    done = subprocess.run([*script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    page, text = tmp_path / "cli.md", CLI.read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| `--order .*\n", text, flags=re.M)
    wrong = text.replace("`W2S_LIMIT`", "`W2S_LIMITS`", 1).replace("| `60.0` |", "| `6.0` |", 1)
    page.write_text(wrong.replace(row, "| `--gone` | | | what is no flag |\n"), encoding="utf-8")
    assert subprocess.run([*script, str(page), "--check"], capture_output=True, check=False).returncode == 1
    assert subprocess.run([*script, str(page)], capture_output=True, check=False).returncode == 0
    own = "| `--order` | `W2S_ORDER` | | Order in which cells are worked off. |\n"
    assert page.read_text(encoding="utf-8").replace(own, "") == text.replace(row, "")


def test_environment_variable_of_every_flag_is_documented_and_works(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    command = _commands()["run"]
    text = section(CLI, "## `w2s-harness run`")
    context = command.make_context("run", [])
    for option in _options(command):
        name = f"W2S_{str(_key(option)).upper()}"
        assert (f"`{name}`" in _row(text, option)) == (_key(option) is not None)
        monkeypatch.setenv(name, "x")
        assert (option.resolve_envvar_value(context) == "x") == (_key(option) is not None), name


def test_configuration_keys_are_documented() -> None:
    text = section(CLI, "## Configuration")
    shown = re.search(r"^Keys are .+?: (.+)$", text, flags=re.M)
    assert shown is not None
    assert set(re.findall(r"`(\w+)`", shown[1])) == _keys() - {"config"}


def test_documented_configuration_is_one() -> None:
    found = [b for b in blocks(CLI) if b.marks.get("file") == "w2s.yaml"]
    assert found
    for block in found:
        assert set(yaml.safe_load(block.text)) <= _keys()


def _keys() -> set[str]:
    return {key for option in _options(_commands()["run"]) if (key := _key(option)) is not None}


# -- leaderboard ----------------------------------------------------------------------------------------


def test_every_field_of_the_leaderboard_is_documented() -> None:
    script = ROOT / "scripts" / "docs" / "fields.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_field_script_notices_a_change(tmp_path: Path) -> None:
    page = tmp_path / "leaderboard.md"
    text = (ROOT / "docs" / "leaderboard.md").read_text(encoding="utf-8")
    page.write_text(text.replace("| `pgr` |", "| `pgrr` |"), encoding="utf-8")
    command = [sys.executable, str(ROOT / "scripts" / "docs" / "fields.py"), str(page)]
    assert subprocess.run([*command, "--check"], capture_output=True, check=False).returncode == 1
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert page.read_text(encoding="utf-8") == text


def test_every_module_that_the_architecture_names_is_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:w2s_studies|data|jail|run)/[a-z_/]+\.py)`", text))
    homes = (ROOT / "harness" / "w2s_harness", ROOT / "plugins")
    assert len(named) > 10
    assert [name for name in sorted(named) if not any((home / name).is_file() for home in homes)] == []
