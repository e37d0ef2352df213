"""Whether accuracies as CSV are read strictly."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from w2s_harness.contract.errors import DataError
from w2s_studies.elsewhere.imports.seed_csv import read_folder

HEAD = "seed,accuracy\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "board"
    for task in ("math", "chat"):
        (root / task).mkdir(parents=True)
        (root / task / "weak.csv").write_text(f"{HEAD}0,.5\n1,.52\n")
        (root / task / "ceiling.csv").write_text(f"{HEAD}0,.8\n1,.82\n")
        (root / task / "vanilla.csv").write_text(f"{HEAD}1,.62\n0,.6\n")
        (root / task / "mine.csv").write_text("seed,accuracy,rows\r\n0,.7,500\r\n1,.72,500\r\n")
    return root


def test_a_folder_for_each_setting(folder: Path) -> None:
    found = read_folder(folder)
    assert [s.id for s in found.settings] == ["chat/unknown", "math/unknown"]
    setting = found.settings[1]
    assert (setting.weak, setting.ceiling) == ({0: 0.5, 1: 0.52}, {0: 0.8, 1: 0.82})
    assert {row.method: dict(row.transfer) for row in setting.rows} == {
        "mine": {0: 0.7, 1: 0.72},
        "vanilla": {0: 0.6, 1: 0.62},
    }
    assert setting.n_rows == 500
    assert list(found.files)[:2] == ["chat/ceiling.csv", "chat/mine.csv"]


def test_a_setting_alone_and_one_with_its_pair(folder: Path) -> None:
    assert [s.id for s in read_folder(folder / "math").settings] == ["math/unknown"]
    (folder / "math").rename(folder / "small")
    (folder / "math").mkdir()
    (folder / "small").rename(folder / "math" / "small")
    assert "math/small" in [s.id for s in read_folder(folder).settings]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accuracy,seed\n.5,0\n", r"mine\.csv:1: the head"),
        ("", r"mine\.csv:1: the head"),
        (HEAD, "no line below the head"),
        (f"{HEAD}0,.5\n0,.6\n", r"mine\.csv:3: seed 0 stands twice"),
        (f"{HEAD}0,1.5\n", r"mine\.csv:2: the accuracy '1\.5' is no number in \[0, 1\]"),
        (f"{HEAD}0,nan\n", r"mine\.csv:2: the accuracy 'nan'"),
        (f"{HEAD}0,x\n", r"mine\.csv:2: the accuracy 'x'"),
        (f"{HEAD}-1,.5\n", r"mine\.csv:2: the seed '-1'"),
        (f"{HEAD}0,.5,9\n", r"mine\.csv:2: 3 values where the head has 2"),
        ("seed,accuracy,rows\n0,.5,1\n", r"mine\.csv:2: the rows '1'"),
        ("seed,accuracy,rows\n0,.5,9\n1,.5,8\n", r"mine\.csv:3: 8 holdout rows, another number above"),
        (f'{HEAD}0,"5\n', r"mine\.csv:2: not CSV"),
        (b"seed,accuracy\n0,\xff\n", r"mine\.csv:2: byte 3 is not UTF-8"),
        (f"{HEAD}0,0_1\n", r"mine\.csv:2: the accuracy '0_1' is no number in \[0, 1\]"),
        (f"{HEAD}0,1e400\n", r"mine\.csv:2: the accuracy '1e400'"),
        (f"{HEAD}0,-Infinity\n", r"mine\.csv:2: the accuracy '-Infinity'"),
        (f"{HEAD}0,\N{ARABIC-INDIC DIGIT ONE}\n", r"mine\.csv:2: the accuracy"),
        (f"{HEAD}\N{ARABIC-INDIC DIGIT ONE},.5\n", r"mine\.csv:2: the seed"),
        (f"{HEAD}1_0,.5\n", r"mine\.csv:2: the seed '1_0'"),
        (f"{HEAD}0,\N{NO-BREAK SPACE}.5\n", r"mine\.csv:2: the accuracy"),
        (f"{HEAD}0,.5\0\n", r"mine\.csv:2: byte 5 is a NUL"),
        (HEAD.encode("utf-16"), r"mine\.csv: is UTF-16"),
        ("seed;accuracy\n0;.5\n", r"mine\.csv:1: the head .* not by ';'"),
        (gzip.compress(HEAD.encode(), mtime=0), r"mine\.csv: is compressed \(gzip\)"),
        (b"PK\x03\x04rest", r"mine\.csv: is a zip archive \(an \.xlsx is one\)"),
    ],
)
def test_a_bad_line_is_named(folder: Path, text: str | bytes, said: str) -> None:
    (folder / "math" / "mine.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=said) as caught:
        read_folder(folder)
    assert "\n" not in str(caught.value)


def test_what_a_spreadsheet_writes_is_read(folder: Path) -> None:
    (folder / "math" / "mine.csv").write_bytes(b"\xef\xbb\xbfseed, accuracy\r\n0, .7\r\n1,7.2e-1\r\n")
    rows = {row.method: row for row in read_folder(folder).settings[1].rows}
    assert rows["mine"].transfer == {0: 0.7, 1: 0.72}


@pytest.mark.parametrize("name", ["mine", "weak"])
def test_what_is_no_file_is_named(folder: Path, name: str) -> None:
    file = folder / "math" / f"{name}.csv"
    file.unlink()
    file.symlink_to("nowhere")
    with pytest.raises(DataError, match=rf"{name}\.csv: the link leads nowhere \(to nowhere\)"):
        read_folder(folder)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(DataError, match=rf"{name}\.csv: not a regular file but a pipe"):
        read_folder(folder)


def test_two_holdouts_in_a_setting(folder: Path) -> None:
    (folder / "math" / "other.csv").write_text("seed,accuracy,rows\n0,.7,400\n")
    with pytest.raises(DataError, match=r"other\.csv: 400 holdout rows, 500 in mine\.csv"):
        read_folder(folder)


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        (("ceiling.csv",), r"math: no ceiling\.csv in it"),
        (("mine.csv", "vanilla.csv"), r"math: no METHOD\.csv"),
        (("weak.csv",), "no results in it"),
    ],
)
def test_a_missing_file_is_named(folder: Path, gone: tuple[str, ...], said: str) -> None:
    for name in gone:
        (folder / "math" / name).unlink()
    with pytest.raises(DataError, match=said):
        read_folder(folder / "math")
