"""Whether what the docs say to write and to run can be written and run."""

from __future__ import annotations

import ast
import json
import tomllib
from pathlib import Path

import pytest
import yaml
from pages import ROOT, SHELL, Block, blocks, documentation

from conftest import Shell

PAGES = [pytest.param(page, id=str(page.relative_to(ROOT))) for page in documentation()]
LANGUAGES = {"python", "yaml", "toml", "json", "jsonl", "text", "", *SHELL}


@pytest.mark.parametrize("page", PAGES)
def test_commands_run_in_their_order(page: Path, shell: Shell, workplace: Path) -> None:
    output = ""
    for block in blocks(page):
        if "file" in block.marks:
            target = workplace / block.marks["file"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
        elif "prints" in block.marks:
            missing = [line for line in block.text.splitlines() if line.strip() not in output]
            assert not missing, f"{block.where}: the command before it did not print {missing}, but\n{output}"
        elif block.language in SHELL and "not run" not in block.marks and block.commands.strip():
            done = shell(block.commands, workplace)
            output = done.stdout + done.stderr
            expected = int(block.marks.get("exit", "0"))
            assert done.returncode == expected, f"{block.where}: exit {done.returncode}\n{output}"


@pytest.mark.parametrize("page", PAGES)
def test_blocks_are_what_they_say(page: Path) -> None:
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{block.where}: unknown language '{block.language}'"
        _parse(block)


@pytest.mark.parametrize("page", PAGES)
def test_what_is_written_is_used(page: Path) -> None:
    found = blocks(page)
    for i, block in enumerate(found):
        if "file" in block.marks:
            name = block.marks["file"].partition("/")[0]
            later = [b for b in found[i:] if b.language in SHELL and "not run" not in b.marks]
            assert any(name in b.text for b in later) or name == "w2s.yaml", (
                f"{block.where}: {name} is not used"
            )
        if "not run" in block.marks:
            assert block.marks["not run"], f"{block.where}: say why it is not run"


def _parse(block: Block) -> None:
    try:
        match block.language:
            case "python":
                ast.parse(block.text)
            case "yaml":
                assert isinstance(yaml.safe_load(block.text), dict), "no mapping"
            case "toml":
                tomllib.loads(block.text)
            case "json":
                json.loads(block.text)
            case "jsonl":
                [json.loads(line) for line in block.text.splitlines()]
    except (SyntaxError, yaml.YAMLError, ValueError, AssertionError) as bad:
        pytest.fail(f"{block.where}: not {block.language}: {bad}")
