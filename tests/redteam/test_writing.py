"""What a worker may write: its scratch folder; the host's files stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from w2s_studies.redteam import suite

HOST = [a for a in suite.shipped() if a.name.startswith("host-file-")]


@pytest.mark.parametrize("shipped", HOST, ids=lambda a: a.name)
def test_a_file_of_the_host_stays_as_it_is(attack, places, shipped):
    file = Path(places.LABELS)
    before = file.stat()
    assert not attack(shipped).succeeded
    after = file.stat()
    for field in ("st_mode", "st_mtime_ns", "st_size", "st_nlink", "st_uid"):
        assert getattr(after, field) == getattr(before, field)
    assert list(file.parent.iterdir()) == [file]


def test_scratch_itself_works(attack):
    outcome = attack("""
        os.makedirs("a/b/c")
        Path("a/b/c/x").write_text("y")
        os.rename("a/b/c/x", "z")
        assert Path("z").read_text() == "y" and sorted(os.listdir(".")) == ["a", "z"]
        import tempfile, shutil
        with tempfile.TemporaryDirectory() as folder: Path(folder, "t").write_text("t")
        shutil.rmtree("a"); os.unlink("z")
        assert os.listdir(".") == []
    """)
    assert outcome.succeeded, outcome.printed
