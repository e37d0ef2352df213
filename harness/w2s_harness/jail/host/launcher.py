"""The host's side of zygote and workers: start, spawn, kill, clean up."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import msgspec

from w2s_harness.contract.errors import WorkerError
from w2s_harness.contract.worker.wire import frames
from w2s_harness.jail.host import readable
from w2s_harness.jail.host.watchdog import Watchdog
from w2s_harness.jail.levels import MAX_REPORT, IsolationError, Report, refusal
from w2s_harness.jail.policy import ENVIRONMENT, PACKET, Folders, Order, sealed
from w2s_harness.jail.showing import visible

START_TIMEOUT_S = 60.0
SPAWN_TIMEOUT_S = 10.0
END_TIMEOUT_S = 5.0
MAX_OUTPUT = 64 * 2**10
"""Bytes of a worker's output that are kept: the last ones."""
_BOOT = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "import numpy.random, numpy.linalg, msgspec, pluggy; "
    "from w2s_harness.jail.inside.zygote import main; "
    "main(int(sys.argv[2]), sys.argv[3] == '1', int(sys.argv[4]))"
)


class Worker:
    """One worker process, seen from the host. Leave its `with` block and no process of it is left."""

    def __init__(
        self, pid: int, pidfd: int, sock: socket.socket, leash: socket.socket, output: int, order: Order
    ) -> None:
        self.pid = pid
        self.order = order
        self.sock = sock
        """The host's end; the worker speaks the framed protocol on the other."""
        self.limits, self.scratch = order.limits, Path(order.scratch)
        self.report: Report
        """What it gave up, said before a byte of a method was sent to it."""
        self.output_fd = output
        """Readable when the worker has printed something."""
        self._pidfd = pidfd
        self._leash = leash
        self._output = bytearray()
        self._ended: str | None = None
        self._overrun: str | None = None
        self.watchdog: Watchdog | None = None
        """Looks at it until it is closed."""
        self._closing = threading.Lock()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read_report(self) -> None:
        """Wait until the worker is locked down. Raises `WorkerError`, with its last words, where it fails."""
        self.sock.settimeout(SPAWN_TIMEOUT_S)
        try:
            self.report = frames.receive(self.sock, Report, limit=MAX_REPORT)
        except (WorkerError, TimeoutError) as bad:
            lines = self.output().strip().splitlines()
            self.close()
            words = visible(lines[-1]) if lines else str(bad)
            raise WorkerError(f"no worker could be started: {words}") from bad

    def drain(self) -> bool:
        """Take in what the worker has printed, at most 1 MiB a call; say whether more may come."""
        try:
            chunk = os.read(self.output_fd, 2**20)
        except BlockingIOError:
            return True
        self._output += chunk
        del self._output[:-MAX_OUTPUT]
        return bool(chunk)

    def output(self) -> str:
        """What the worker printed: the last 64 KiB, what does not print written as escapes."""
        with contextlib.suppress(OSError):
            self.drain()
        return visible(self._output.decode("utf-8", "replace"), limit=8 * MAX_OUTPUT, keep="\n\t")

    def how_it_ended(self, timeout_s: float = END_TIMEOUT_S) -> str:
        """`was killed by SIGSEGV`, `ended with exit status 1`, ...; waits for it at most `timeout_s`."""
        if self._ended is None:
            self._leash.settimeout(timeout_s)
            try:
                status = self._leash.recv(4)
            except TimeoutError:
                return self._overrun or "closed its connection"
            except OSError:
                status = b""
            code = int.from_bytes(status, "little", signed=True)
            self._ended = _ending(code) if status else "died with its zygote"
        return self._overrun or self._ended

    def end(self, why: str) -> None:
        """Kill it for `why`, which completes the sentence 'the worker ...'; for the watchdog's thread."""
        self._overrun = f"{why} and was killed"
        # The host may be closing it at this moment, and the descriptor's number be given away.
        with self._closing, contextlib.suppress(OSError):
            if self._pidfd >= 0:
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def kill(self) -> None:
        """End the worker and every process that it started; returns when they are gone."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        self.how_it_ended()

    def close(self) -> None:
        """Kill the worker, close what leads to it and remove its scratch folder."""
        if self._pidfd < 0:
            return
        if self.watchdog is not None:
            self.watchdog.forget(self)
        self.kill()
        with contextlib.suppress(OSError):
            self.drain()
        self.sock.close()
        self._leash.close()
        os.close(self.output_fd)
        with self._closing:
            os.close(self._pidfd)
            self._pidfd = -1
        remove(self.scratch)


class Zygote:
    """Starts a zygote and asks it for workers; safe to share between threads.

    :param sys_path: all that a worker may import from (`readable.worker_path`).
    :param root: where scratch folders are made; None: the system's folder for temporary files.

    As a context manager; on leaving it, the zygote and all its workers end. It also ends when this process
    does, however that happens.
    """

    def __init__(self, sys_path: Sequence[str], *, root: Path | None = None) -> None:
        self._sys_path, self._root = list(sys_path), root
        self._base = readable.base()
        self._guard = threading.Lock()
        self._process: _Process | None = None
        self._scratch: Scratch | None = None
        self._watchdog = Watchdog()

    def __enter__(self) -> Zygote:
        sweep(self._root)
        self._watchdog = Watchdog()
        self._watchdog.start()
        self._scratch = Scratch(self._root)
        # Its imports take some tenths of a second; they run while the host does something else.
        self._process = _Process(self._sys_path, self._base)
        return self

    def __exit__(self, *_: object) -> None:
        self._watchdog.stop()
        if self._process is not None:
            self._process.close()
            self._process = None
        if self._scratch is not None:
            self._scratch.close()
            self._scratch = None

    @property
    def pid(self) -> int:
        """Process id of the zygote."""
        return self._running().pid

    def spawn(self, order: Order | None = None) -> Worker:
        """A new worker, locked down as `order` says (its scratch folder is filled in), that waits for work.

        A zygote that has died is started again, once per call. Raises `WorkerError` where none can be had,
        `IsolationError` where `order` requires more than this machine gives.
        """
        with self._guard:
            process = self._running()
            if not process.is_alive():
                process.close()
                process = self._process = _Process(self._sys_path, self._base)
            process.wait_ready()
        assert self._scratch is not None
        worker = _spawn(process, msgspec.structs.replace(order or Order(), scratch=str(self._scratch.new())))
        worker.read_report()
        if worker.order.mode == "require" and worker.report.level == "L0":
            worker.close()
            raise IsolationError(refusal(worker.report))
        worker.watchdog = self._watchdog
        worker.watchdog.watch(worker)
        return worker

    def _running(self) -> _Process:
        if self._process is None:
            raise WorkerError("the zygote is not running: use it as a context manager")
        return self._process


class _Process:
    """The zygote's process and the control socket to it."""

    def __init__(self, sys_path: list[str], base: Folders) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        # The death signal is tied to the thread that starts the child, not to the process.
        tied = threading.current_thread() is threading.main_thread()
        told = sealed(base)
        arguments = [json.dumps(sys_path), str(theirs.fileno()), str(int(tied)), str(told)]
        with theirs, os.fdopen(told, "rb"):
            self._popen = subprocess.Popen(
                [sys.executable, "-P", "-s", "-S", "-B", "-c", _BOOT, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                # -I would ignore the seed, and a method that walks a set of strings would differ from run to
                # run; -P, -s and this environment, which is all there is, stand in for -I.
                env={**ENVIRONMENT, "PYTHONHASHSEED": "0"},
                cwd="/",
                pass_fds=[theirs.fileno(), told],
                start_new_session=True,
            )
        self.pid = self._popen.pid
        self._is_ready = False

    def is_alive(self) -> bool:
        return self._popen.poll() is None

    def wait_ready(self) -> None:
        """Wait for its imports. Raises `WorkerError` with its last words where they fail."""
        if self._is_ready:
            return
        self.control.settimeout(START_TIMEOUT_S)
        with contextlib.suppress(OSError):
            self._is_ready = bool(self.control.recv(16))
        if not self._is_ready:
            self._errors.seek(0)
            lines = self._errors.read(MAX_OUTPUT).decode("utf-8", "replace").strip().splitlines()
            words = visible(lines[-1]) if lines else "it said nothing"
            raise WorkerError(f"the worker's parent process did not start: {words}")

    def close(self) -> None:
        self.control.close()
        try:
            self._popen.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        self._errors.close()


def _spawn(process: _Process, order: Order) -> Worker:
    with os.fdopen(sealed(order), "rb") as told:
        return _asked(process, order, told.fileno())


def _asked(process: _Process, order: Order, told: int) -> Worker:
    sock, their_sock = socket.socketpair()
    leash, their_leash = socket.socketpair()
    output, their_output = os.pipe()
    os.set_blocking(output, False)
    try:
        try:
            with their_sock, their_leash:
                fds = [their_sock.fileno(), their_leash.fileno(), their_output, told]
                socket.send_fds(process.control, [PACKET], fds)
        finally:
            os.close(their_output)
        leash.settimeout(SPAWN_TIMEOUT_S)
        answer, pidfds, _, _ = socket.recv_fds(leash, 4, 1)
        if len(answer) != 4 or len(pidfds) != 1:
            raise ConnectionResetError("the zygote closed the connection")
    except OSError as bad:
        sock.close()
        leash.close()
        os.close(output)
        remove(Path(order.scratch))
        raise WorkerError(f"no worker could be started: {bad}") from bad
    os.set_inheritable(pidfds[0], False)
    return Worker(int.from_bytes(answer, "little", signed=True), pidfds[0], sock, leash, output, order)


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


# -- folders that workers may write in, made by the host and removed by the host ----------------------------

PREFIX = "w2s-scratch-"
_LOCK = "lock"


class Scratch:
    """One folder per zygote, with a folder per worker inside.

    The host holds a lock on it as long as it lives, so that the next host can tell what a dead one left.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = Path(tempfile.gettempdir()) if root is None else root
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._root))
        # Locked before it has its name: a sweep never finds it free.
        unnamed = self.path / f"{_LOCK}.new"
        self._lock = os.open(unnamed, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        unnamed.rename(self.path / _LOCK)

    def new(self) -> Path:
        """An empty folder for one worker."""
        return Path(tempfile.mkdtemp(prefix="cell-", dir=self.path))

    def close(self) -> None:
        """Remove everything."""
        remove(self.path)
        os.close(self._lock)


def sweep(root: Path | None = None) -> None:
    """Remove the folders of hosts that have died."""
    for path in (Path(tempfile.gettempdir()) if root is None else root).glob(f"{PREFIX}*"):
        is_ours = not path.is_symlink() and path.is_dir() and path.stat().st_uid == os.getuid()
        if is_ours and _is_free(path / _LOCK):
            remove(path)


def remove(path: Path) -> None:
    """Remove a folder and what is in it, whatever permissions the worker gave it; follows no link.

    Folders inside folders are moved to the top first, so their depth does not matter.
    """
    token, count, todo = secrets.token_hex(8), 0, [path]
    while todo:
        folder = todo.pop()
        for name in _emptied(folder):
            inner = folder / name
            if folder != path:
                count += 1
                moved = path / f"{token}-{count}"
                with contextlib.suppress(OSError):
                    # Moving a folder writes into it.
                    inner.chmod(0o700)
                    inner.rename(moved)
                inner = moved
            todo.append(inner)
        if folder != path:
            with contextlib.suppress(OSError):
                folder.rmdir()
    with contextlib.suppress(OSError):
        path.rmdir()


def _emptied(folder: Path) -> list[str]:
    """Remove the files of a folder; return the names of its folders."""
    try:
        folder.chmod(0o700)
        with os.scandir(folder) as entries:
            found = list(entries)
    except OSError:
        return []
    for entry in found:
        if not entry.is_dir(follow_symlinks=False):
            with contextlib.suppress(OSError):
                os.unlink(entry.path)  # noqa: PTH108 (a Path each is slow)
    return [entry.name for entry in found if entry.is_dir(follow_symlinks=False)]


def _is_free(lock: Path) -> bool:
    """Whether no living host holds the lock."""
    with contextlib.suppress(OSError):
        fd = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        finally:
            os.close(fd)
    return False
