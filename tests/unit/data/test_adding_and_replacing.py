"""Whether what is written is whole: lines that are added, files that are replaced; what a failure says."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from w2s_harness.contract.errors import ModelError, StoreError
from w2s_harness.data import disk


@pytest.mark.parametrize(
    ("cut", "left"), [(False, b'{"n":1}\n{"n":2\n{"n":3}\n'), (True, b'{"n":1}\n{"n":3}\n')]
)
def test_a_torn_last_line_swallows_nothing(tmp_path: Path, cut: bool, left: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n":1}\n{"n":2')
    disk.append(path, b'{"n":3}\n', cut=cut)
    assert path.read_bytes() == left
    assert disk.whole_lines(path, dict[str, Any]) == [{"n": 1}, {"n": 3}]


def test_a_torn_line_alone_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n":2')
    disk.append(path, b"", cut=True)
    assert path.read_bytes() == b""


def test_a_link_is_neither_followed_nor_replaced(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"")
    path = tmp_path / "a.jsonl"
    path.symlink_to("theirs")
    with pytest.raises(OSError, match="symbolic links"):
        disk.append(path, b"1\n")
    with pytest.raises(OSError, match="symbolic links"):
        disk.whole_lines(path, int)
    assert (tmp_path / "theirs").read_bytes() == b""


def test_lines_of_threads_stay_whole(tmp_path: Path) -> None:
    path, line = tmp_path / "a.jsonl", b"7" * 3000 + b"\n"
    threads = [threading.Thread(target=lambda: [disk.append(path, line) for _ in range(9)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() == line * 36


def test_no_file_has_no_lines(tmp_path: Path) -> None:
    assert disk.whole_lines(tmp_path / "none", int) == []


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o666])
def test_modes_are_those_that_were_asked_for(tmp_path: Path, mode: int) -> None:
    before = os.umask(0o022)
    try:
        disk.append(tmp_path / "lines", b"1\n", mode=mode)
        disk.replace_file(tmp_path / "whole", b"1", mode=mode)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("lines", "whole")}
    assert modes == {mode & ~0o022}


def test_a_replacement_that_fails_leaves_the_old_bytes_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ("x" * 255)
    disk.replace_file(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        disk.replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_is_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(ModelError, match=r"^it: No such file or directory; mend it$"),
        disk.write_errors("it: ", "; mend it", ModelError),
    ):
        disk.append(tmp_path / "no" / "a", b"1\n")
    with (
        pytest.raises(StoreError, match=r"no/a: cannot write to the store: No such file"),
        disk.writing(tmp_path),
    ):
        disk.append(tmp_path / "no" / "a", b"1\n")
    with pytest.raises(StoreError, match=r"no space left\. Free some"), disk.writing(tmp_path):
        raise OSError(28, "No space left on device")
