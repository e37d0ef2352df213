from __future__ import annotations

import errno
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from w2s_harness.cli.failure import explain, one_line
from w2s_harness.contract.errors import DataError, NothingSelectedError, StoreError, WorkerError


@pytest.mark.parametrize(
    ("bad", "code", "said"),
    [
        (DataError("a.jsonl:3: broken"), 4, "error: a.jsonl:3: broken"),
        (StoreError("full"), 4, "error: full"),
        (NothingSelectedError("none"), 5, "error: none"),
        (WorkerError("died"), 1, "error: died"),
        (
            OSError(errno.ENOSPC, "x", "/there"),
            4,
            "error: /there: no space left. Free some and run it again.",
        ),
        (
            KeyError("x"),
            3,
            "internal error: KeyError: 'x'. This is a bug in w2s-harness; --debug shows where.",
        ),
    ],
)
def test_one_line_and_the_exit_code(capsys, bad, code, said):
    assert explain(bad, debug=False) == code
    assert capsys.readouterr().err == f"{said}\n"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOENT, "error: /there: no such file or directory. Check the path."),
        (errno.EACCES, "error: /there: permission denied. Ask for the permission, or name another place."),
        (errno.EROFS, "error: /there: read-only file system. Name another place."),
        (errno.EMFILE, "error: /there: too many open files. Raise the limit (ulimit -n) and run it again."),
    ],
)
def test_what_the_file_system_says_is_no_bug(capsys, code, said):
    assert explain(OSError(code, os.strerror(code), "/there"), debug=False) == 4
    assert capsys.readouterr().err == f"{said}\n"


def test_an_error_of_the_system_that_no_file_is_behind_stays_a_bug(capsys):
    assert explain(OSError(errno.EBADF, "Bad file descriptor"), debug=False) == 3
    assert "internal error" in capsys.readouterr().err


def test_a_broken_pipe_inside_is_a_bug_and_not_silence(capsys):
    assert explain(BrokenPipeError(errno.EPIPE, "Broken pipe"), debug=False) == 3
    assert "internal error: BrokenPipeError" in capsys.readouterr().err


def _shell(line: str, where: Path) -> subprocess.CompletedProcess[str]:
    own = f"{shlex.quote(sys.executable)} -c 'from w2s_harness.cli import main; main()'"
    command = ["bash", "-c", line.replace("W2S", own)]
    return subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)


def test_a_reader_that_went_away_is_no_failure(tmp_path):
    done = _shell("W2S list guards | true; echo ${PIPESTATUS[0]}", tmp_path)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_deleted_working_folder_is_one_line(tmp_path):
    (tmp_path / "gone").mkdir()
    done = _shell("cd gone && rmdir ../gone && W2S run --tasks math --methods vanilla --plan", tmp_path)
    assert done.returncode == 4
    assert done.stderr.splitlines()[-1].startswith("error: the working folder is gone")
    assert "internal" not in done.stderr


def test_closed_and_narrow_streams_are_no_failure(tmp_path):
    assert _shell("W2S list guards >&- 2>&- <&-", tmp_path).returncode == 0
    made = "W2S import nowhere-\N{LATIN SMALL LETTER A WITH MACRON} --format csv -o x.json 2>&1"
    done = _shell(f"PYTHONIOENCODING=latin-1:strict {made}", tmp_path)
    assert (done.returncode, done.stdout) == (
        4, "error: nowhere-\\u0101: no such folder. Name the folder that holds the results.\n"
    )  # fmt: skip


def test_a_full_disk_under_the_output_is_one_line(tmp_path):
    for buffered in ("", "1"):
        done = _shell(f"PYTHONUNBUFFERED={buffered} W2S list guards > /dev/full", tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (4, 1)
        assert "no space left" in done.stderr


def test_debug_adds_the_traceback(capsys):
    try:
        raise DataError("bad")
    except DataError as bad:
        assert explain(bad, debug=True) == 4
    err = capsys.readouterr().err
    assert err.startswith("Traceback") and err.endswith("error: bad\n")


def test_control_characters_become_visible():
    assert one_line("a\nb\tc\x1b[31m\x07") == "a; b c\\x1b[31m\\x07"
