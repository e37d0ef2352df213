"""Calls of the command line, and its student services, as forks of processes that have imported already.

Most of what a test of the command line costs is imports: half a dozen processes, and torch in most of them.
A fork has all that a process has (environment, folder, signals, caches, descriptors, an end of its own), and
nothing ran before it but imports. `python warm.py calls FD` answers `Warm`; the calls fork their services
from `python warm.py services FD`.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CLI = Path(sys.executable).with_name("w2s-harness")
SERVICE = "w2s_harness.students.service.service"
FREE = ("W2S_", "ANTHROPIC_", "PYTEST_", "HOME", "COLUMNS")
"""What a call reads of its environment itself; whatever else differs may matter to what was imported."""
MOST = 2**17


class Forked:
    """A fork of a warm process, with what of `subprocess.Popen` is needed of it."""

    def __init__(self, control: socket.socket, told: dict[str, Any], fds: list[int]) -> None:
        self._reply, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(control, [json.dumps(told).encode()], [theirs.fileno(), *fds])
        self.pid = int.from_bytes(self._told(), "little")
        self.returncode: int | None = None
        self._waiting = threading.Lock()

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            # ValueError: another thread has read it meanwhile
            with contextlib.suppress(ValueError):
                if not select.select([self._reply], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired("a fork", timeout or 0)
            with self._waiting:
                self._read_end()
        return self.returncode or 0

    def _read_end(self) -> None:
        if self.returncode is None:
            told = self._told()
            self._reply.close()
            self.returncode = int.from_bytes(told, "little", signed=True)

    def _told(self) -> bytes:
        told = self._reply.recv(4)
        assert told, "the warm process is gone"
        return told

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class Warm:
    """The warm command line of an interpreter, as one process of the tests sees it."""

    def __init__(self, environment: dict[str, str], python: str = sys.executable) -> None:
        self._fixed = fixed(environment)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [python, "-P", __file__, "calls", str(theirs.fileno())],
                env=self._fixed, pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            )  # fmt: skip

    def takes(self, environment: dict[str, str]) -> bool:
        """Whether a call in `environment` is the same as in a new process."""
        return fixed(environment) == self._fixed

    def call(
        self, arguments: list[str], folder: Path, environment: dict[str, str], timeout: float
    ) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of the command."""
        told = {"arguments": arguments, "folder": str(folder), "environment": environment}
        with (
            Path(os.devnull).open() as nothing,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            call = Forked(self._control, told, [nothing.fileno(), out.fileno(), err.fileno()])
            try:
                code = call.wait(timeout)
            finally:
                call.send_signal(signal.SIGKILL)
            out.seek(0)
            err.seek(0)
            return code, out.read().decode(), err.read().decode()

    def close(self) -> None:
        self._control.close()
        self._process.wait()


def fixed(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(FREE)}


def next_fork(control: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Fork for whoever asks. In a fork: what it is to do, and with which descriptors; None at the end."""
    woken, waking = socket.socketpair()
    waking.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waking.fileno())
    replies: dict[int, socket.socket] = {}
    gc.collect()
    gc.freeze()
    while True:
        ready, _, _ = select.select([control, woken], [], [])
        if woken in ready:
            woken.recv(4096)
            _reap(replies)
        if control not in ready:
            continue
        told, fds, _, _ = socket.recv_fds(control, MOST, 4)
        if not told:
            signal.set_wakeup_fd(-1)
            return None
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for end in (control, woken, waking, *replies.values()):
                end.close()
            os.close(fds[0])
            return json.loads(told), fds[1:]
        for fd in fds[1:]:
            os.close(fd)
        replies[pid] = socket.socket(fileno=fds[0])
        replies[pid].send(pid.to_bytes(4, "little"))


def _reap(replies: dict[int, socket.socket]) -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            with replies.pop(ended[0], socket.socket()) as reply, contextlib.suppress(OSError):
                reply.send(os.waitstatus_to_exitcode(ended[1]).to_bytes(4, "little", signed=True))


def take_over(told: dict[str, Any], fds: list[int]) -> None:
    """Have an environment, a folder and standard streams of one's own."""
    os.environ.clear()
    os.environ.update(told["environment"])
    os.chdir(told["folder"])
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)


def calls(control: socket.socket) -> None:
    """Answer `Warm`; in a fork, be the command line."""
    sys.path.insert(0, str(CLI.parent))
    package = importlib.import_module("w2s_harness")
    for module in pkgutil.walk_packages(package.__path__, "w2s_harness."):
        # what is for workers alone, and the module that is a program
        if not module.name.startswith(("w2s_harness.jail.inside", "w2s_harness.__main__")):
            importlib.import_module(module.name)
    # what guards and figures of spread import lazily
    importlib.import_module("scipy.stats")
    with forked_services():
        asked = next_fork(control)
        if asked is None:
            return
        told, fds = asked
        take_over(told, fds)
        sys.argv = [str(CLI), *told["arguments"]]
        importlib.import_module("w2s_harness.cli").main()


@contextlib.contextmanager
def forked_services() -> Iterator[None]:
    """A service that this process or a fork of it starts is itself a fork."""
    from w2s_harness.students.service.client import ServiceClient

    cold, usual = subprocess.Popen, {}
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def start(command: list[str], **how: Any) -> Any:
        if SERVICE not in command:
            return cold(command, **how)
        if not usual:
            usual.update(how["env"])
            told = [sys.executable, "-P", __file__, "services", str(theirs.fileno())]
            with theirs:
                return cold(told, **how | {"pass_fds": [theirs.fileno()]})
        if fixed(how["env"]) != fixed(usual):
            return cold(command, **how)
        role = command[command.index(SERVICE) + 2]
        told = {"role": role, "environment": how["env"], "folder": str(Path.cwd())}
        return Forked(control, told, [how["pass_fds"][0], how["stderr"].fileno()])

    subprocess.Popen = start  # type: ignore[misc, assignment]
    # what the client starts first is the process that its services are forked from
    first = ServiceClient("baseline")
    try:
        yield
    finally:
        subprocess.Popen = cold  # type: ignore[misc]
        control.close()
        # does nothing in a fork, whose child it is not
        first.kill()


def services(control: socket.socket) -> None:
    """In a fork, be a student service. Nothing is imported before the first is asked for."""
    if not control.recv(1, socket.MSG_PEEK):
        return
    for name in ("torch", "scipy.optimize"):
        importlib.import_module(name)
    # of transformers nothing is there before it is asked for
    models = ("AutoConfig", "AutoModel", "AutoModelForCausalLM", "AutoTokenizer", "LlamaForCausalLM")
    for name in (*models, "PreTrainedTokenizerFast"):
        getattr(importlib.import_module("transformers"), name)
    # compiles a thousand patterns, once in a process
    importlib.import_module("transformers.conversion_mapping").get_checkpoint_conversion_mapping("llama")
    students = importlib.import_module("w2s_harness.students")
    for module in pkgutil.walk_packages(students.__path__, "w2s_harness.students."):
        importlib.import_module(module.name)
    host = str(os.getpid())
    asked = next_fork(control)
    if asked is None:
        return
    told, (fd, said) = asked
    os.setsid()
    take_over(told, [os.open(os.devnull, os.O_RDONLY), os.dup(said), said])
    raise SystemExit(importlib.import_module(SERVICE).main([str(fd), told["role"], host]))


if __name__ == "__main__":
    {"calls": calls, "services": services}[sys.argv[1]](socket.socket(fileno=int(sys.argv[2])))
