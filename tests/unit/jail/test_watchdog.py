"""What a worker uses beyond its limits, as the host sees it; and how scratch folders go."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest

from w2s_harness.jail.host import launcher
from w2s_harness.jail.host.watchdog import overrun
from w2s_harness.jail.policy import ProcessLimits

ME = os.getpid()


def test_within_its_limits_nothing_is_said(tmp_path):
    (tmp_path / "a").write_bytes(bytes(1000))
    assert overrun(ME, tmp_path, ProcessLimits()) is None


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (ProcessLimits(memory_bytes=2**20), "of memory, over the 1 MiB allowed"),
        (ProcessLimits(threads=0), "threads, over the 0 allowed"),
        (ProcessLimits(scratch_bytes=2**20), "wrote over the 1 MiB"),
        (ProcessLimits(scratch_files=1), "made over the 1 files"),
    ],
)
def test_each_limit_is_watched(tmp_path, limits, why):
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "a").write_bytes(bytes(2 * 2**20))
    assert why in overrun(ME, tmp_path, limits)


@pytest.mark.parametrize("how", ["unlinked", "unnamed", "mapped"])
def test_files_without_a_name_are_counted_while_they_are_held(tmp_path, how):
    limits = ProcessLimits(scratch_bytes=2**20)
    name = tmp_path / "a"
    if how == "unnamed":
        fd = os.open(tmp_path, os.O_TMPFILE | os.O_RDWR)
    else:
        fd = os.open(name, os.O_RDWR | os.O_CREAT)
        name.unlink()
    os.write(fd, bytes(2 * 2**20))
    held = mmap.mmap(fd, 2 * 2**20) if how == "mapped" else None
    if held is not None:
        os.close(fd)
    assert "wrote over the 1 MiB" in overrun(ME, tmp_path, limits)
    if held is not None:
        held.close()
    else:
        os.close(fd)
    assert overrun(ME, tmp_path, limits) is None


def test_links_are_not_followed(tmp_path):
    (tmp_path / "a").symlink_to("/usr")
    assert overrun(ME, tmp_path, ProcessLimits(scratch_files=2)) is None


def test_what_is_gone_uses_nothing(tmp_path):
    assert overrun(2**22 + 1, tmp_path / "gone", ProcessLimits()) is None


def test_a_folder_is_removed_however_deep_and_whatever_its_permissions(tmp_path):
    top = tmp_path / "cell"
    top.mkdir()
    here = os.open(top, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d" * 100, dir_fd=here)
        inner = os.open("d" * 100, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("file", os.O_CREAT, dir_fd=here))
    os.symlink("/etc", "link", dir_fd=here)
    os.close(here)
    (top / "shut").mkdir()
    (top / "shut" / "inner").mkdir()
    (top / "shut" / "inner").chmod(0)
    (top / "shut").chmod(0)
    launcher.remove(top)
    assert not top.exists() and Path("/etc/passwd").exists()
