import builtins
import sys
from pathlib import Path

import msgspec
import pytest

from w2s_harness.contract.errors import UsageError
from w2s_harness.report.document.provenance import Fits
from w2s_harness.report.views.figures import c_effective, write_figures

NAMES = [f"{name}.{kind}" for name in ("pgr", "accuracy", "regularisation") for kind in ("pdf", "svg")]


@pytest.fixture
def matplotlib():
    return pytest.importorskip("matplotlib")


def test_without_matplotlib_one_line_says_what_to_install(board, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    for name in [n for n in sys.modules if n.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"pip install 'w2s-harness\[plots\]'"):
        write_figures(board, tmp_path / "figures")
    assert not (tmp_path / "figures").exists()


def test_the_same_leaderboard_gives_the_same_bytes(matplotlib, board, tmp_path):
    first, again = (write_figures(board, tmp_path / name) for name in ("a", "b"))
    assert [path.name for path in first] == NAMES
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in again]
    for path in first:
        assert b"CreationDate" not in path.read_bytes()
        assert b"<dc:date>" not in path.read_bytes()


def test_a_users_matplotlib_settings_change_no_byte(matplotlib, board, tmp_path):
    plain = write_figures(board, tmp_path / "a")
    with matplotlib.rc_context({"font.size": 20.0, "lines.linewidth": 9.0}):
        changed = write_figures(board, tmp_path / "b")
    assert [p.read_bytes() for p in plain] == [p.read_bytes() for p in changed]


def test_every_method_is_named_and_a_row_without_numbers_says_why(matplotlib, board, tmp_path):
    write_figures(board, tmp_path)
    text = (tmp_path / "pgr.svg").read_text(encoding="utf-8")
    for name in (
        "logconf",
        "confident[margin=0.3,soft=true]",
        "zero-shot",
        "broken (failed)",
        "cheat (disqualified)",
    ):
        assert f">{name}<" in text, name
    assert text.index(">zero-shot<") < text.index(">broken (failed)<")
    assert "no gap: no PGR" in text


def test_names_of_others_are_drawn_as_they_are(matplotlib, board, tmp_path):
    rows = [msgspec.structs.replace(r, method="$\\frac{$") for r in board.rows if r.method == "logconf"]
    write_figures(msgspec.structs.replace(board, rows=rows), tmp_path)
    assert ">$\\frac{$<" in (tmp_path / "pgr.svg").read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_made_is_one_line(matplotlib, board, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--figures"):
        write_figures(board, tmp_path / "file" / "figures")


def test_no_rows_no_figures(matplotlib, board, tmp_path):
    with pytest.raises(UsageError, match="no rows"):
        write_figures(msgspec.structs.replace(board, rows=[]), tmp_path)


def test_a_method_stands_where_its_rows_and_weights_put_it(matplotlib, board, tmp_path):
    fit = Fits(
        model=0, solver="exact", loss="xent", count=5, rows=(400, 400), weight=(400, 400),
        c_effective=(0.25, 1.0), steps=(9, 12), epochs=(0, 0), sharpness=(0.5, 0.6),
    )  # fmt: skip
    row = msgspec.structs.replace(board.rows[0], fits=[fit])
    assert c_effective(row) == pytest.approx(0.5)
    assert c_effective(board.rows[0]) is None
    without = [msgspec.structs.replace(s, vanilla_star={}) for s in board.settings]
    assert len(write_figures(msgspec.structs.replace(board, settings=without), tmp_path)) == 4


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_is_one_line(matplotlib, board, tmp_path):
    (tmp_path / "pgr.pdf").symlink_to("/dev/full")
    with pytest.raises(UsageError, match="cannot be written: No space left"):
        write_figures(board, tmp_path)
