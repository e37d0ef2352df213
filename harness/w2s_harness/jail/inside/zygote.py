"""A pre-imported parent that forks workers, so that a cell starts in milliseconds.

The host starts it by exec with a clean environment, so it has never held a label. It imports and computes
nothing; it runs one thread, since a fork copies only the thread that calls it. Its control socket brings
orders; when that closes, it ends, and its workers with it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import struct
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

import msgspec

from w2s_harness.contract.worker.wire import messages
from w2s_harness.jail.inside import worker
from w2s_harness.jail.inside.lockdown import count_threads
from w2s_harness.jail.kernel.kernel import prctl
from w2s_harness.jail.levels import Report
from w2s_harness.jail.policy import PACKET, Folders, Order, opened

PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
READY = b"ready"
NUMBER = struct.Struct("<i")
"""A pid, an exit status."""
_DESCRIPTORS = 4
_CREDENTIALS = struct.Struct("=3i")


def main(control_fd: int, dies_with_host: bool, base_fd: int) -> None:
    """Serve orders until the control socket closes.

    :param control_fd: this end of a SOCK_SEQPACKET pair. An order is a packet with four descriptors: the
        worker's socket, its leash (below), where its output goes, and a `policy.Order` as JSON.
    :param base_fd: what every worker may read, a `policy.Folders` as JSON.
    :param dies_with_host: ask the kernel for a SIGKILL at the host's death as well; only where the thread
        that started this lives as long as the host, since the signal is tied to that thread.

    The leash of a worker is a stream socket to the host: it brings the host the worker's pid (with a pidfd)
    and at last its exit status; when the host writes to it or closes it, the worker is killed.
    """
    if dies_with_host:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    control = socket.socket(fileno=control_fd)
    if os.getppid() != _host(control):
        os._exit(1)
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    # Built once here, what the decoder knows of the message types is there in every worker.
    msgspec.msgpack.Decoder(messages.ToWorker)
    msgspec.msgpack.encode(Report("L0", ()))
    loop = _Loop(control, opened(base_fd, Folders))
    os.close(base_fd)
    gc.freeze()
    control.send(READY)
    loop.run()


def _host(control: socket.socket) -> int:
    """The process at the other end. It stands in no argument: every worker is a copy of this process."""
    found = control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid: int = _CREDENTIALS.unpack(found)[0]
    return pid


@dataclass(frozen=True, slots=True, eq=False)
class _Child:
    pid: int
    pidfd: int
    leash: socket.socket


class _Loop:
    """Waits for orders, leashes and the end of children."""

    def __init__(self, control: socket.socket, base: Folders) -> None:
        self.control, self.base = control, base
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)
        self.by_leash: dict[int, _Child] = {}
        self.by_pidfd: dict[int, _Child] = {}

    def run(self) -> None:
        while True:
            events = {fd for fd, _ in self.poll.poll()}
            for fd in events & self.by_leash.keys():
                self._tug(self.by_leash[fd])
            for fd in events & self.by_pidfd.keys():
                self._reap(self.by_pidfd[fd])
            # Last, since a new worker's descriptors may take numbers that were given free above.
            if self.control.fileno() in events and not self._order():
                return self._end()

    def _order(self) -> bool:
        try:
            body, fds, _, _ = socket.recv_fds(self.control, len(PACKET), _DESCRIPTORS)
        except ConnectionResetError:
            return False
        if not body or len(fds) != _DESCRIPTORS:
            return False
        *ends, told = fds
        try:
            order: Order = opened(told, Order)
        except (ValueError, msgspec.DecodeError, OSError, MemoryError):
            # The host finds its worker's leash closed; the next order may be better.
            for fd in ends:
                os.close(fd)
        else:
            self._fork(order, *ends)
        finally:
            os.close(told)
        return True

    def _fork(self, order: Order, sock_fd: int, leash_fd: int, output_fd: int) -> None:
        threads = count_threads()
        if threads != 1:
            sys.exit(f"the zygote has {threads} threads; a fork would lose all but one")
        zygote = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                worker.main(sock_fd, output_fd, order, self.base, zygote)
            except BaseException:  # noqa: BLE001 (boundary: a worker must never run on as a second zygote)
                traceback.print_exc()
            finally:
                os._exit(1)
        leash = socket.socket(fileno=leash_fd)
        child = _Child(pid, os.pidfd_open(pid), leash)
        os.close(sock_fd)
        os.close(output_fd)
        self.by_leash[leash.fileno()] = child
        self.by_pidfd[child.pidfd] = child
        self.poll.register(leash, select.POLLIN)
        self.poll.register(child.pidfd, select.POLLIN)
        # A host that has gone away shows on the leash and on the control socket.
        with contextlib.suppress(OSError):
            socket.send_fds(leash, [NUMBER.pack(pid)], [child.pidfd])

    def _tug(self, child: _Child) -> None:
        """The host wants the worker gone, or is gone itself."""
        self.poll.unregister(child.leash)
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)

    def _reap(self, child: _Child) -> None:
        """Kill what the worker left behind, then tell the host how it ended."""
        # Until it is waited for, the dead worker keeps its process group's number from being given away.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        _, status = os.waitpid(child.pid, 0)
        del self.by_leash[child.leash.fileno()], self.by_pidfd[child.pidfd]
        with contextlib.suppress(KeyError):
            self.poll.unregister(child.leash)
        self.poll.unregister(child.pidfd)
        os.close(child.pidfd)
        _kill_orphans({c.pid for c in self.by_pidfd.values()})
        with contextlib.suppress(OSError):
            child.leash.send(NUMBER.pack(os.waitstatus_to_exitcode(status)))
        child.leash.close()

    def _end(self) -> None:
        for child in list(self.by_pidfd.values()):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)
            self._reap(child)


def _kill_orphans(workers: set[int]) -> None:
    """Kill and reap children that are no workers: a worker's forks that left its session.

    They fall to the zygote when their parent dies, and their own children after them.
    """
    if not workers and not _has_children():
        return
    while orphans := [pid for pid in _children() if pid not in workers]:
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _children() -> list[int]:
    """Process ids of this process's children."""
    me = os.getpid()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            if parent == me:
                found.append(int(folder.name))
    return found
