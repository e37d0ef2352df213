"""The readers of YAML and TOML: tasks, and the configuration with what click makes of it."""

from __future__ import annotations

from pathlib import Path

import click
import mutants
import pytest
from bounds import fuzz
from hypothesis import given
from hypothesis import strategies as st

from w2s_harness.cli.commands.run import command
from w2s_harness.contract.errors import HarnessError, UsageError
from w2s_harness.data.reading.file_task import data_task, source_digest
from w2s_harness.data.reading.yaml_file import read_yaml
from w2s_harness.data.rows.prepared import prepare

LONGEST = 3000
"""PyYAML reads 100 kB a second; what is far longer is in `test_bombs.py`."""
TASK = b"""name: mine
kind: verify
file: rows.jsonl
splits: {train_label: 12, train_unlabel: 12, test: 24}
columns:
  prompt: question  # theirs
  group: "q"
exposure: private
guards:
  shortcuts: [0.5, yes, ~, 2024-01-01, 0x1f, 'text']
"""
PUBLISHED = b"name: mine\nkind: verify\nfolder: .\ncolumns: {prompt: question}\n"
CONFIG = b"""tasks: [math, "code"]
seeds: 3
limit: 100
plugins: {mine.py: {level: 1}, other: {}}
cell-timeout: 2.5
fresh: true
grant: "inference"
isolation: best
"""
TOML = b"""[tool.w2s-harness]
tasks = ["math", "code"]
limit = 100
fresh = true
cell-timeout = 2.5
plugins = ["mine.py"]
"""
TOKENS = (
    b"&a ", b"*a", b"<<: *a\n", b"<<: {tasks: 1}\n", b"&a [*a, *a]", b"- ", b"? ", b": ", b"| ", b"> ",
    b"{", b"}", b"[", b"]", b"%YAML 1.9\n", b"%TAG ! tag:x,2000:\n", b"---\n", b"...\n", b"!!int ",
    b"!!float ", b"!!bool ", b"!!binary ", b"!!timestamp ", b"!!set ", b"!!omap ",
    b"!!python/object/apply:os.system [true]", b"!!python/name:os.system ", b"!x ", b'"\\U00110000"',
    b'"\\UFFFFFFFF"', b'"\\uD800"', b'"\\x', b"2020-99-99", b"2001-01-01 99:99:99", b"0x_", b"0b_",
    b"-0x" + b"f" * 5000, b"1" * 5000, b"1:" * 3000, b".inf", b".nan", b"1e999", b"~", b"yes", b"=", b"#",
    b"\t", b"\n  ", b'"', b"'", b"{a: ", b"[[", b"- - - ", b"tasks: x\n", b"\xe2\x80\xa8", b"\xc2\x85",
    b"'''", b'"""', b"[tool.x]\n", b"x.y=", b"a.", b"0x" + b"f" * 5000,
)  # fmt: skip
FLAGS = {p.name: p.multiple for p in command.params}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        f'{{"question": "q{i // 2}", "choice": "c{i}", "label": {i % 2}, "q": {i // 2}}}' for i in range(48)
    ]
    Path("rows.jsonl").write_text("\n".join(rows))
    for split, start in (("train_label", 0), ("train_unlabel", 16), ("test", 32)):
        Path(f"{split}.jsonl").write_text("\n".join(rows[start : start + 16]))
    return tmp_path


def as_task(body: bytes) -> None:
    Path("mine.yaml").write_bytes(body)
    try:
        task = data_task("mine.yaml")
    except HarnessError as bad:
        assert (str(bad).isprintable() and ".jsonl" in str(bad)) or str(bad).startswith("mine.yaml"), str(bad)
        raise
    source_digest(task)
    prepare(task, limit=None)


def as_document(body: bytes) -> None:
    Path("any.yaml").write_bytes(body)
    read_yaml(Path("any.yaml"))


def as_configuration(name: str):
    def read(body: bytes) -> None:
        Path(name).write_bytes(body)
        try:
            with command.make_context("run", ["-c", name]):
                pass
        except click.ClickException as bad:
            # click's own words for a value that is no number, say
            raise UsageError(bad.format_message()) from bad
        finally:
            for flag in command.params:
                flag.envvar = flag.envvar if flag.name == "config_file" else None

    return read


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (as_task, TASK),
        (as_task, PUBLISHED),
        (as_document, TASK),
        (as_configuration("w2s.yaml"), CONFIG),
        (as_configuration("pyproject.toml"), TOML),
    ],
)
def test_what_is_mutated_is_valid(here, read, body):
    read(body)


@pytest.mark.parametrize(
    ("read", "corpus"),
    [
        pytest.param(as_task, [TASK, PUBLISHED], id="task"),
        pytest.param(as_document, [TASK, CONFIG], id="document"),
        pytest.param(as_configuration("w2s.yaml"), [CONFIG, TASK], id="yaml"),
        pytest.param(as_configuration("pyproject.toml"), [TOML], id="toml"),
    ],
)
def test_mutated_bytes(count, here, request, read, corpus):
    name = request.node.callspec.id.split("-")[-1]
    accepted = fuzz(mutants.of_bytes(name, count, corpus, TOKENS, longest=LONGEST), read)
    assert accepted > count / 100, "the mutants are refused too early"


PIECES = st.lists(
    st.sampled_from([t.decode("utf-8", "replace") for t in TOKENS if len(t) < 100]) | st.text(max_size=3)
)


@pytest.mark.parametrize("read", [as_task, as_document, as_configuration("w2s.yaml")])
def test_any_yaml(drawn, here, read):
    seen = []

    @drawn
    @given(st.sampled_from(["", "tasks: ", "name: ", "plugins: ", "columns: {prompt: "]), PIECES)
    def one(start, pieces):
        seen.append(1)
        fuzz([(start + "".join(pieces)).encode()], read)

    one()
    assert seen
