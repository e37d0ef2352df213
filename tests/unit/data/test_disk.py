"""Whether what is no text file, or no file at all, is named as what it is, and never waited for."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import socket
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from w2s_harness.contract.errors import DataError
from w2s_harness.data.disk import open_regular, read_bytes, text_of


def _failure(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        text_of(read_bytes(path, 2**20, "Shorten it."), str(path))
    assert str(caught.value).isprintable()
    return str(caught.value)


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", "b")
    return out.getvalue()


def _tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return out.getvalue()


def _array() -> bytes:
    out = io.BytesIO()
    np.save(out, np.zeros(3))
    return out.getvalue()


TEXT = "seed,accuracy\n0,.5\n"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (gzip.compress(TEXT.encode(), mtime=0), "compressed (gzip)"),
        (bz2.compress(TEXT.encode()), "compressed (bzip2)"),
        (bz2.compress(b""), "compressed (bzip2)"),
        (lzma.compress(TEXT.encode()), "compressed (xz)"),
        (b"\x28\xb5\x2f\xfd\x24\x00", "compressed (zstd)"),
        (_zip(), "a zip archive"),
        (_tar(), "a tar archive"),
        (_array(), "a NumPy array"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (TEXT.encode("utf-16"), "UTF-16"),
        (TEXT.encode("utf-32"), "UTF-32"),
        (TEXT.encode("utf-16-le"), "a.csv:1: byte 2 is a NUL"),
        (b"a\nb\xe9\n", "a.csv:2: byte 2 is not UTF-8"),
        (b"\xef\xbb\xbf" + TEXT.encode(), "byte order mark"),
        (TEXT.encode() + b"\0", "a.csv:3: byte 1 is a NUL"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"../data/gone.jsonl", "'../data/gone.jsonl' alone: a link that a copy wrote out as text"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, body: bytes, said: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(body)
    assert said in _failure(path)


@pytest.mark.parametrize("body", [b"", b"PK\n", b"BZh: 1\n", b"PAR1: x\n", b"{}", b"12.5\n", b"x.jsonl y\n"])
def test_text_is_taken(body: bytes) -> None:
    assert text_of(body, "x").encode() == body


def test_a_byte_order_mark_is_passed_over_where_that_is_asked_for() -> None:
    assert text_of(b"\xef\xbb\xbfa\n", "x", takes_mark=True) == "a\n"


def test_what_is_no_file_is_named_and_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    os.mkfifo("pipe")
    Path("gone").symlink_to("nowhere")
    Path("round").symlink_to("round")
    Path("through").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
    for name, said in (
        ("folder", "folder: not a regular file but a folder. Name a file."),
        ("pipe", "pipe: not a regular file but a pipe. Name a file."),
        ("through", "through: not a regular file but a pipe. Name a file."),
        ("socket", "socket: not a regular file but a socket. Name a file."),
        ("/dev/zero", "/dev/zero: not a regular file but a device. Name a file."),
        ("gone", "gone: the link leads nowhere (to nowhere). Mend it, or name another file."),
        ("round", "round: cannot be read (Too many levels of symbolic links). Check the file."),
        ("none", "none: no such file. Check the path."),
        ("a\0b", "'a\\x00b': not a path (it holds a NUL). Name a file."),
    ):
        assert _failure(Path(name)) == said


def test_a_long_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bytes(tmp_path / "a", 5, "Shorten it.") == b"12345"
    with pytest.raises(DataError, match=r"a: over 4 bytes\. Shorten it\."):
        read_bytes(tmp_path / "a", 4, "Shorten it.")


def test_a_mend_of_the_callers_own(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not a regular file but a folder\. Give a leaderboard\.json\."):
        open_regular(tmp_path, "Give a leaderboard.json.")
