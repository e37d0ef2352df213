"""Writing where the next run would read: the installation, caches, the store; links and special files."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

PREVENTED = {"EACCES", "EPERM", "ENOENT", "EROFS", "EXDEV"}
SITE = sysconfig.get_path("purelib")


@pytest.fixture
def theirs(tmp_path) -> Path:
    file = tmp_path / "log.jsonl"
    file.write_text("{}\n")
    return file


@pytest.mark.parametrize(
    "path",
    [
        f"{SITE}/evil.pth",
        f"{SITE}/sitecustomize.py",
        "{numpy}/__pycache__/x.pyc",
        "{numpy}/__init__.py",
        "{harness}/student.py",
        "/tmp/w2s-left",
        "/dev/shm/w2s-left",
        "/etc/ld.so.preload",
        "/proc/self/oom_score_adj",
        "/proc/self/uid_map",
        "/sys/fs/cgroup/x",
    ],
)
def test_nothing_outside_scratch_can_be_written(attack, path):
    import numpy

    import w2s_harness

    path = path.replace("{numpy}", str(Path(numpy.__file__).parent))
    path = path.replace("{harness}", str(Path(w2s_harness.__file__).parent))
    if Path(path).exists():
        body = f"os.open({path!r}, os.O_WRONLY | os.O_APPEND)"
    else:
        body = f"os.close(os.open({path!r}, os.O_WRONLY | os.O_CREAT | os.O_EXCL)); os.unlink({path!r})"
    assert attack(body).why in PREVENTED
    assert attack(f"os.mkdir({path + '-x'!r}); os.rmdir({path + '-x'!r})").why in PREVENTED


@pytest.mark.parametrize(
    "body",
    [
        "open({path!r}, 'a')",
        "os.truncate({path!r}, 0)",
        "os.unlink({path!r})",
        "os.rename({path!r}, {path!r} + '2')",
        "open('mine', 'w'); os.rename('mine', {path!r})",
        "os.chmod({path!r}, 0o777)",
        "os.chown({path!r}, 0, 0)",
        "os.utime({path!r}, (0, 0))",
        "os.setxattr({path!r}, 'user.w2s', b'x')",
        "os.removexattr({path!r}, 'user.w2s')",
        "os.link({path!r}, 'mine')",
        "os.symlink('x', {path!r} + '3')",
        "os.mkfifo({path!r} + '4')",
        "os.rmdir(os.path.dirname({path!r}))",
    ],
)
def test_a_file_of_the_host_stays_as_it_is(attack, theirs, body):
    before = theirs.stat()
    outcome = attack(body.format(path=str(theirs)))
    assert outcome.why in PREVENTED and not outcome.failed, outcome
    after = theirs.stat()
    assert (after.st_mode, after.st_mtime_ns, after.st_size, after.st_nlink) == (
        before.st_mode,
        before.st_mtime_ns,
        before.st_size,
        before.st_nlink,
    )
    assert list(theirs.parent.iterdir()) == [theirs]


@pytest.mark.parametrize(
    "body",
    [
        "os.symlink('/etc/passwd', 'a')",
        "os.symlink('a', 'b')",
        "open('a', 'w'); os.link('a', 'b')",
        "os.mkfifo('a')",
        "os.mknod('a', 0o600 | stat.S_IFREG)",
        "os.mknod('a', 0o600 | stat.S_IFCHR, os.makedev(1, 3))",
        "socket.socket(socket.AF_UNIX).bind('a')",
        "open('a', 'w'); os.chmod('a', 0o4777)",
        "open('a', 'w'); os.setxattr('a', 'user.w2s', b'x')",
    ],
)
def test_scratch_holds_plain_files_and_folders_only(attack, body):
    assert attack(body).why in {"EPERM", "EACCES"}


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
