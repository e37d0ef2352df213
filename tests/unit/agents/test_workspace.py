import os
import shutil
import threading
from contextlib import suppress

import pytest

from w2s_studies.agents.tools.workspace import FILE_BYTES, FILES, Workspace, WorkspaceError


@pytest.fixture
def workspace(tmp_path):
    (tmp_path / "secret.txt").write_text("gold")
    return Workspace(tmp_path / "w")


def test_files_are_written_read_edited_and_listed(workspace):
    workspace.write("a/b.py", "x = 1\n")
    workspace.write("a/b.py", workspace.edited("a/b.py", "x = 1", "x = 2"))
    assert workspace.read("a/b.py") == "x = 2\n"
    assert workspace.files() == {"a/b.py": 6}


@pytest.mark.parametrize(
    "path",
    [
        ".hidden",
        "a/.b",
        "ä" * 60,
        "\ud800",
        "a\nb",
        "a\\b",
        "../secret.txt",
        "/etc/passwd",
        "a/../../secret.txt",
        "",
        ".",
        "/proc/self/environ",
        "a\0b",
        "x" * 300,
    ],
)
def test_paths_that_leave_it_are_refused(workspace, path):
    for ask in (lambda: workspace.read(path), lambda: workspace.write(path, "x")):
        with pytest.raises(WorkspaceError):
            ask()
    assert (workspace.root.parent / "secret.txt").read_text() == "gold"


def test_links_are_not_followed(workspace):
    secret = workspace.root.parent / "secret.txt"
    (workspace.root / "soft").symlink_to(secret)
    (workspace.root / "folder").symlink_to(workspace.root.parent)
    os.link(secret, workspace.root / "hard")
    for path in ("soft", "folder/secret.txt", "hard"):
        with pytest.raises(WorkspaceError):
            workspace.read(path)
    with pytest.raises(WorkspaceError):
        workspace.write("folder/new.txt", "x")
    workspace.write("soft", "mine")
    workspace.write("hard", "mine")
    assert secret.read_text() == "gold" and not (workspace.root.parent / "new.txt").exists()


def test_what_is_no_plain_file_is_refused(workspace):
    os.mkfifo(workspace.root / "pipe")
    (workspace.root / "bytes").write_bytes(b"\xff\xfe")
    for path in ("pipe", "bytes", "shared", "none.txt"):
        with pytest.raises(WorkspaceError):
            workspace.read(path)


def test_shared_is_read_only(workspace):
    (workspace.root / "shared" / "told.md").write_text("told")
    assert workspace.read("shared/told.md") == "told"
    with pytest.raises(WorkspaceError, match="read only"):
        workspace.write("shared/told.md", "changed")


def test_an_edit_needs_one_place(workspace):
    workspace.write("a", "xx")
    for old, count in (("x", 2), ("y", 0), ("", 0)):
        with pytest.raises(WorkspaceError, match=f"{count} times"):
            workspace.edited("a", old, "z")


def test_it_holds_so_much_and_no_more(workspace):
    with pytest.raises(WorkspaceError, match="over"):
        workspace.write("big", "x" * (FILE_BYTES + 1))
    for n in range(FILES):
        workspace.write(f"f{n}", "")
    with pytest.raises(WorkspaceError, match="at most"):
        workspace.write("one-more", "")
    workspace.write("f0", "again")


def test_a_path_is_spelled_in_one_way(workspace):
    workspace.write("a/b", "x")
    for path in ("./a/b", "a//b", "a/./b", "a/b/"):
        assert workspace.plain(path) == "a/b" and workspace.read(path) == "x"
        workspace.write(path, "x")
    assert len(workspace.files()) == 1


def test_a_file_written_again_under_another_spelling_is_one_file(workspace, monkeypatch):
    monkeypatch.setattr("w2s_studies.agents.tools.workspace.FILES", 1)
    workspace.write("a", "x")
    workspace.write("./a", "y")
    assert workspace.read("a") == "y"


def test_a_write_that_fails_leaves_nothing(workspace):
    workspace.write("a/b", "x")
    for path, text in (("a", "x"), ("a/b/c", "x"), ("c", "\ud800")):
        with pytest.raises(WorkspaceError):
            workspace.write(path, text)
    left = sorted(path.name for path in workspace.root.rglob("*"))
    assert left == ["a", "b", "shared"]


def test_a_folder_swapped_for_a_link_midway_leads_nowhere(workspace):
    outside = workspace.root.parent / "outside"
    outside.mkdir()
    stop = threading.Event()

    def swap():
        inner = workspace.root / "d"
        while not stop.is_set():
            shutil.rmtree(inner, ignore_errors=True)
            with suppress(OSError):
                inner.symlink_to(outside)
                inner.unlink()

    thread = threading.Thread(target=swap)
    thread.start()
    for n in range(300):
        with suppress(WorkspaceError, OSError):
            workspace.write("d/f", f"{n}")
    stop.set()
    thread.join()
    assert list(outside.iterdir()) == []
