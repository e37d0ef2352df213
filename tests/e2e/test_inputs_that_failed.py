"""Inputs modelled on public bug reports of neighbouring tools: what each says now."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).parents[2]
SAID = {
    "aar-dupkey": (4, r"error: .*seed_0\.json:\d+: the key 'transfer_acc' stands twice"),
    "config-bool-int": (0, r"t/tiny/vanilla/s0"),
    "csv-bom": (0, r"2 rows, 7 numbers follow"),
    "csv-underscore-number": (4, r"error: .*better\.csv:2: the accuracy '0_1' is no number"),
    "csv-zero-variance": (0, r"No claim: better: .*no certainty"),
    "encoder-default": (0, r"zero-shot +skipped"),
    "env-cwd-deleted": (4, r"error: the working folder is gone"),
    "hub-revision-moves": (0, r"(?s)weak (\S+) -+ ceiling (\S+) .*same store:.*ceiling (\S+) .*ceiling \3 "),
    "jsonl-gz-named-jsonl": (4, r"error: .*train_unlabel\.jsonl: is compressed \(gzip\)"),
    "jsonl-symlink-broken": (4, r"error: .*test\.jsonl: .*leads nowhere"),
    "k-deep": (4, r"error: -k .* nested more than"),
    "method-fifo": (0, r"error: f\.py: .*not a regular file[^\n]*\nrc=4"),
    "model-bigtok": (4, r"error: .*its tokenizer gives ids up to"),
    "model-biogpt": (0, r"zero-shot +\.\d+"),
    "model-missing-layer": (4, r"error: .*lacks 3 of the model's tensors \(model\.layers\.1"),
    "model-roberta": (0, r"rows cut to 64 tokens"),
    "out-device-node": (0, r"\ncrw\S* .* dev/null"),
    "out-folder": (4, r"error: --out outdir: is a folder"),
    "seeds-date": (0, r"error: --seeds 20240501: .* did you mean 20240501, "),
}  # fmt: skip
"""The exit code of a case's `cmd`, and what it prints; a `cmd` that ends with another command ends with 0."""


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = Path(os.environ.get("W2S_SHARED_DATA", ROOT.parent / "shared" / "data"))
    found = data.parent / "cases"
    if not found.is_dir():
        pytest.skip(f"no inputs that failed at {found} (set W2S_SHARED_DATA)")
    copy = tmp_path_factory.mktemp("inputs") / "cases"
    shutil.copytree(found, copy, symlinks=True)
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | 0o200)
    return copy


@pytest.mark.parametrize("name", SAID)
def test_it_says_what_is_wrong_or_works(cases: Path, name: str) -> None:
    if not (cases / name / "cmd").is_file():
        pytest.skip(f"{cases} holds no input '{name}'")
    if name == "out-device-node" and os.geteuid() != 0:
        pytest.skip("only root makes device nodes")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("W2S_") and k != "PYTHONPATH"}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    done = subprocess.run(
        ["bash", "./cmd"],
        cwd=cases / name,
        env=kept | {"PROJECT": str(ROOT), "PATH": path, "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    code, said = SAID[name]
    assert re.search(said, done.stdout), done.stdout
    assert done.returncode == code, done.stdout
    assert "Traceback" not in done.stdout and "internal error" not in done.stdout
