"""Whether an output is decided on before anything runs, and whether writing it loses nothing else."""

from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from w2s_harness.contract.errors import StoreError, UsageError
from w2s_harness.data import destination
from w2s_harness.data.destination import file_for, folder_for, write


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _no_file(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        file_for(text, "--out")
    assert list(Path().glob(".*")) == []
    return str(caught.value)


def _no_folder(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        folder_for(text, "--figures")
    return str(caught.value)


def test_what_cannot_be_a_file_is_refused() -> None:
    Path("folder").mkdir()
    Path("file").write_text("")
    Path("gone").symlink_to("none/x.json")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
    assert (
        _no_file("folder") == "--out folder: is a folder. Name a file in it, such as folder/leaderboard.json."
    )
    assert _no_file("new/") == "--out new/: names a folder. Name a file in it."
    assert _no_file("") == "--out: names no file. Give a path, or leave it out."
    assert _no_file("socket") == "--out socket: is a socket. Name a file."
    assert _no_file("none/x.json") == "--out none/x.json: there is no folder none. Make it first."
    assert "cannot be written (Not a directory)" in _no_file("file/x.json")
    assert "there is no folder" in _no_file("gone")
    assert "File name too long" in _no_file("x" * 300)
    assert "it holds a NUL" in _no_file("a\0b")
    assert sorted(path.name for path in Path().iterdir()) == ["file", "folder", "gone", "socket"]


def test_a_long_name_that_is_allowed_is_written() -> None:
    name = "x" * 255
    write(file_for(name, "--out"), b"1")
    assert Path(name).read_bytes() == b"1"


def test_a_new_file_and_an_old_one(here: Path) -> None:
    path = file_for("new.json", "--out")
    assert list(here.iterdir()) == []
    write(path, b"1")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"1", 0o644)
    path.chmod(0o600)
    write(path, b"22")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"22", 0o600)
    assert list(here.iterdir()) == [here / "new.json"]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_is_followed(is_there: bool) -> None:
    Path("there").mkdir()
    Path("link").symlink_to("there/real.json")
    if is_there:
        Path("there/real.json").write_text("before")
    write(file_for("link", "--out"), b"1")
    assert Path("link").is_symlink()
    assert Path("there/real.json").read_bytes() == b"1"


def test_a_device_is_written_to_and_stays_one(here: Path) -> None:
    node = here / "null"
    try:
        os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        node.open("wb").close()
    except PermissionError:
        node = Path("/dev/null")
    write(file_for(str(node), "--out"), b"1" * 100)
    assert stat.S_ISCHR(node.stat().st_mode)


def test_a_device_that_does_not_open_is_refused_before_anything_runs(monkeypatch) -> None:
    def refuse(path: Path) -> int:
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))

    monkeypatch.setattr(destination, "_opened", refuse)
    assert _no_file("/dev/null").endswith("cannot be written (No such device or address). Name another file.")


def test_a_device_that_takes_nothing_says_so() -> None:
    with pytest.raises(OSError, match="No space left"):
        write(file_for("/dev/full", "--out"), b"1")


def test_a_disk_is_never_written_over(here: Path) -> None:
    try:
        os.mknod("disk", stat.S_IFBLK | 0o600, os.makedev(7, 250))
    except PermissionError:
        pytest.skip("needs root")
    assert _no_file("disk") == "--out disk: is a disk. Name a file."


def test_a_pipe_is_written_to_and_stays_one() -> None:
    os.mkfifo("pipe")
    path, data, got = file_for("pipe", "--out"), b"1" * 2**20, []
    reader = threading.Thread(target=lambda: got.append(Path("pipe").read_bytes()))
    reader.start()
    write(path, data)
    reader.join()
    assert got == [data]
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_pipe_that_nobody_reads_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destination, "READER_S", 0.2)
    os.mkfifo("pipe")
    with pytest.raises(StoreError, match=r"pipe: nobody reads from the pipe \(0\.2 s\)"):
        write(file_for("pipe", "--out"), b"1")


def test_an_open_file_is_added_to_and_not_replaced(here: Path) -> None:
    body = (
        "from w2s_harness.data.destination import *\n"
        "print('before', flush=True)\n"
        "write(file_for('/dev/stdout', '--out'), b'1\\n')\n"
        "print('after', flush=True)"
    )
    with Path("out").open("wb") as out:
        subprocess.run([sys.executable, "-c", body], stdout=out, check=True)
    assert Path("out").read_text() == "before\n1\nafter\n"
    with Path("out").open("rb") as opened:
        said = _no_file(f"/dev/fd/{opened.fileno()}")
    assert said.endswith("is not open for writing. Name a file.")


def test_a_file_that_cannot_be_replaced_is_written_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path("mounted.json")
    path.write_text("longer before")

    def busy(self: Path, target: Path) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", busy)
    write(path, b"1")
    assert path.read_bytes() == b"1"
    with pytest.raises(OSError, match="busy"):
        write(Path("new.json"), b"1")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_what_may_not_be_written_is_refused() -> None:
    Path("closed").mkdir(mode=0o500)
    Path("kept.json").touch(mode=0o400)
    assert "no file can be made in" in _no_file("closed/x.json")
    assert "no file can be made in" in _no_folder("closed/new")
    assert "may not be written to" in _no_file("kept.json")


def test_folders() -> None:
    Path("file").write_text("")
    Path("gone").symlink_to("none")
    os.mkfifo("pipe")
    Path("there").mkdir()
    Path("link").symlink_to("there")
    assert [str(folder_for(name, "--figures")) for name in ("there", "link", "a/b/c", "there/new/")] == [
        "there", "link", "a/b/c", "there/new",
    ]  # fmt: skip
    assert not Path("a").exists()
    assert _no_folder("file") == "--figures file: is a file. Name a folder."
    assert _no_folder("file/in").endswith("file is a file. Name a folder.")
    assert _no_folder("pipe") == "--figures pipe: is a pipe. Name a folder."
    assert _no_folder("gone") == "--figures gone: the link leads nowhere. Mend it, or name another folder."
    assert _no_folder("") == "--figures: names no folder. Give a path, or leave it out."
