import os

import pytest

from w2s_harness.agent.workspace import FILE_BYTES, FILES, Workspace, WorkspaceError


@pytest.fixture
def workspace(tmp_path):
    (tmp_path / "secret.txt").write_text("gold")
    return Workspace(tmp_path / "w")


def test_files_are_written_read_edited_and_listed(workspace):
    workspace.write("a/b.py", "x = 1\n")
    workspace.edit("a/b.py", "x = 1", "x = 2")
    assert workspace.read("a/b.py") == "x = 2\n"
    assert [(e.path, e.size) for e in workspace.files()] == [("a/b.py", 6)]


@pytest.mark.parametrize(
    "path",
    ["../secret.txt", "/etc/passwd", "a/../../secret.txt", "", ".", "/proc/self/environ", "a\0b", "x" * 300],
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
            workspace.edit("a", old, "z")


def test_it_holds_so_much_and_no_more(workspace):
    with pytest.raises(WorkspaceError, match="over"):
        workspace.write("big", "x" * (FILE_BYTES + 1))
    for n in range(FILES):
        workspace.write(f"f{n}", "")
    with pytest.raises(WorkspaceError, match="at most"):
        workspace.write("one-more", "")
    workspace.write("f0", "again")
