"""Starting, killing and losing the zygote."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from worker_cells import Service, method, start

from w2s_harness.contract.errors import WorkerError
from w2s_harness.jail.host import launcher
from w2s_harness.jail.host.launcher import Zygote
from w2s_harness.jail.host.readable import worker_path
from w2s_harness.jail.policy import Folders, Order
from w2s_harness.run.cell.worker.conversation import Finished, converse


def is_alive(pid: int) -> bool:
    try:
        return b"Z" not in Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return False


def wait_dead(pid: int, seconds: float = 2) -> bool:
    end = time.monotonic() + seconds
    while is_alive(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not is_alive(pid)


def run(zygote: Zygote, source, cancelled, order=None) -> object:
    with zygote.spawn(order) as worker:
        return converse(worker, start(source), Service(), clock_s=20, cancelled=cancelled)


@pytest.fixture
def never():
    return threading.Event()


FIT = method("return student.fit(problem.rows, problem.weak)")


def test_workers_are_separate_processes_with_a_session_of_their_own(zygote):
    with zygote.spawn() as one, zygote.spawn() as two:
        assert len({one.pid, two.pid, zygote.pid, os.getpid()}) == 4
        deadline = time.monotonic() + 5
        while os.getsid(one.pid) != one.pid and time.monotonic() < deadline:
            time.sleep(0.01)
        assert os.getsid(one.pid) == one.pid and os.getsid(zygote.pid) == zygote.pid


def test_threads_may_share_a_zygote(zygote, never):
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda _: run(zygote, FIT, never), range(30)))
    assert outcomes == [Finished(1)] * 30


def test_kill_returns_when_the_worker_is_gone_and_says_how(zygote):
    with zygote.spawn() as worker:
        worker.kill()
        assert not Path(f"/proc/{worker.pid}").exists()
        assert worker.how_it_ended() == "was killed by SIGKILL"
        worker.kill()


def test_a_dropped_leash_kills_the_worker(zygote):
    worker = zygote.spawn()
    worker._leash.shutdown(socket.SHUT_RDWR)
    assert wait_dead(worker.pid)
    worker.close()


def test_a_zygote_has_one_thread_a_clean_environment_and_the_given_path_only(monkeypatch):
    monkeypatch.setenv("W2S_SECRET", "gold")
    with Zygote(worker_path()) as zygote:
        zygote.spawn().close()
        folder = Path(f"/proc/{zygote.pid}")
        assert len(list((folder / "task").iterdir())) == 1
        assert b"W2S_SECRET" not in (folder / "environ").read_bytes()
        assert {b"-P", b"-s", b"-S", b"-B"} <= set((folder / "cmdline").read_bytes().split(b"\0"))
        maps = (folder / "maps").read_text()
        assert "torch" not in maps


def test_leaving_the_block_ends_zygote_workers_and_scratch(tmp_path):
    with Zygote(worker_path(), root=tmp_path) as zygote:
        worker = zygote.spawn()
        pid = zygote.pid
        assert worker.scratch.is_dir() and tmp_path in worker.scratch.parents
    assert not is_alive(pid) and wait_dead(worker.pid)
    assert list(tmp_path.iterdir()) == []
    worker.close()
    with pytest.raises(WorkerError, match="not running"):
        zygote.spawn()


def test_a_zygote_that_dies_takes_its_worker_along_and_is_started_again(never):
    with Zygote(worker_path()) as zygote:
        first = zygote.spawn()
        old = zygote.pid
        os.kill(old, signal.SIGKILL)
        with pytest.raises(WorkerError, match="the worker died with its zygote before it was done"):
            converse(first, start(method("time.sleep(9)")), Service(), clock_s=20, cancelled=never)
        assert wait_dead(first.pid)
        first.close()
        assert run(zygote, FIT, never) == Finished(1)
        assert zygote.pid != old


def test_a_method_that_kills_the_zygote_fails_its_own_cell(never):
    with Zygote(worker_path()) as zygote:
        with pytest.raises(WorkerError):
            run(zygote, method("os.kill(os.getppid(), 9); time.sleep(9)"), never, Order(mode="off"))
        assert run(zygote, FIT, never) == Finished(1)


def test_a_zygote_that_cannot_start_says_why():
    broken = [p for p in worker_path() if "site-packages" not in p]
    with Zygote(broken) as zygote, pytest.raises(WorkerError, match="did not start: ModuleNotFoundError"):
        zygote.spawn()


HOST = """
import os, sys, threading
from w2s_harness.jail.host.launcher import Zygote
from w2s_harness.jail.host.readable import worker_path
from w2s_harness.jail.policy import Folders, Order

def hold():
    zygote = Zygote(worker_path()).__enter__()
    worker = zygote.spawn()
    print(zygote.pid, worker.pid, worker.scratch, flush=True)
    sys.stdin.read()

if sys.argv[1] == "main":
    hold()
else:
    threading.Thread(target=hold).start()
"""


@pytest.mark.parametrize("thread", ["main", "other"])
def test_a_host_that_is_killed_leaves_no_process_and_the_next_one_removes_its_scratch(tmp_path, thread):
    path = os.pathsep.join(p for p in sys.path if p)
    host = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOST), thread],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": path, "TMPDIR": str(tmp_path)},
    )
    with host:
        zygote, worker, folder = host.stdout.readline().split()
        assert is_alive(int(zygote)) and is_alive(int(worker))
        host.kill()
    assert wait_dead(int(zygote)) and wait_dead(int(worker))
    assert Path(folder).is_dir()
    launcher.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_scratch_of_a_living_host_is_not_swept(tmp_path):
    mine = launcher.Scratch(tmp_path)
    folder = mine.new()
    launcher.sweep(tmp_path)
    assert folder.is_dir()
    mine.close()
    assert list(tmp_path.iterdir()) == []


def test_worker_path_names_folders_of_packages_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    path = worker_path()
    assert str(tmp_path) not in path and "" not in path and len(set(path)) == len(path)


def test_an_order_of_any_size_reaches_the_zygote(zygote, tmp_path):
    for i in range(3000):
        (tmp_path / f"{i:04d}-{'x' * 80}").touch()
    folders = Folders(read=tuple(map(str, tmp_path.iterdir())))
    assert len(msgspec.json.encode(folders)) > 2**18
    with zygote.spawn(Order(folders=folders)) as worker:
        assert worker.report.level in ("L1", "L2")


def test_an_order_that_utf8_cannot_hold_fails_its_own_worker(zygote):
    with pytest.raises(WorkerError, match="is not UTF-8"):
        zygote.spawn(Order(folders=Folders(read=("/tmp/\udcff",))))
    before = zygote.pid
    with zygote.spawn():
        assert zygote.pid == before


def test_an_order_that_is_none_fails_its_own_worker(zygote, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("w2s_harness.jail.host.launcher.sealed", lambda order: os.memfd_create("nothing"))
        with pytest.raises(WorkerError, match="no worker could be started"):
            zygote.spawn()
    before = zygote.pid
    with zygote.spawn():
        assert zygote.pid == before
