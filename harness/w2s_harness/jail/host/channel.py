"""Frames to and from a worker, under a clock that runs only while the host waits for it.

Over one the host asks what the methods of a module say of themselves: it never imports them.
"""

from __future__ import annotations

import contextlib
import re
import select
import threading
import time
from typing import Any, TypeVar

import msgspec

from w2s_harness.contract.errors import ExitCode, HarnessError, PluginError, WorkerError
from w2s_harness.contract.worker.wire import frames, parameters
from w2s_harness.contract.worker.wire.messages import (
    Describe,
    Described,
    MethodInfo,
    Raised,
    Source,
)
from w2s_harness.jail.host.launcher import Worker, Zygote
from w2s_harness.jail.policy import Order
from w2s_harness.jail.showing import raised, visible

TICK_S = 0.1
"""How often a waiting host looks whether it was cancelled."""
_PATIENCE_S = 1.0
"""How long a worker that has hung up may take to end."""
T = TypeVar("T")


class Cancelled(HarnessError):
    """The run was interrupted while a worker was at work; says nothing about the worker."""

    exit_code = ExitCode.INTERRUPTED


class Channel:
    """The host's end of a worker's socket. Never blocks on a worker that reads or writes too slowly.

    :param clock_s: seconds that the worker may take in all; they pass only inside `send` and `receive`.
    :param cancelled: set by whoever interrupts the run.
    :param late: what is said of a worker that takes longer.
    """

    def __init__(self, worker: Worker, clock_s: float, cancelled: threading.Event, *, late: str = "") -> None:
        self._late = late or (
            f"the method took more than {clock_s:g} s of its own time. "
            "Make it faster, or raise --cell-timeout."
        )
        self._worker, self._sock = worker, worker.sock
        self._sock.setblocking(False)
        self._left_s = clock_s
        self._last = time.monotonic()
        self._cancelled = cancelled
        self._buffer = bytearray()
        self._prints = True

    def send(self, message: msgspec.Struct) -> None:
        """Send one message. Raises `WorkerError` (gone, out of time) or `Cancelled`."""
        rest = memoryview(frames.encode(message))
        self._last = time.monotonic()
        while rest:
            try:
                rest = rest[self._sock.send(rest) :]
            except BlockingIOError:
                self._wait(select.POLLOUT)
            except (BrokenPipeError, ConnectionResetError) as gone:
                raise self._gone() from gone

    def receive(self, kind: type[T] | Any) -> T:
        """The next message, of the type (or union) `kind`.

        Raises `WorkerError` where the worker is gone, out of time, or says what is malformed or too long;
        `Cancelled` at an interrupt.
        """
        self._last = time.monotonic()
        self._tick()
        while True:
            body = self._take()
            if body is not None:
                try:
                    message: T = frames.decode(body, kind)
                except WorkerError as bad:
                    # The decoder quotes what it was sent.
                    raise WorkerError(f"the worker sent {visible(str(bad), limit=300)}") from None
                return message
            if not self._read():
                raise self._gone()

    def expect_end(self, patience_s: float) -> None:
        """Wait until the worker hangs up, at most `patience_s`. Raises `WorkerError` if it speaks instead."""
        self._left_s = min(self._left_s, patience_s)
        self._last = time.monotonic()
        with contextlib.suppress(_OutOfTime):
            if self._buffer or self._read():
                raise WorkerError("the worker sent more after its last message")

    def _take(self) -> bytes | None:
        """The first whole frame of what has arrived."""
        if len(self._buffer) < frames.HEADER.size:
            return None
        (length,) = frames.HEADER.unpack_from(self._buffer)
        if length > frames.MAX_FRAME:
            raise WorkerError(
                f"the worker sent a message of {length} bytes, over the {frames.MAX_FRAME} allowed"
            )
        end = frames.HEADER.size + length
        if len(self._buffer) < end:
            return None
        body = bytes(memoryview(self._buffer)[frames.HEADER.size : end])
        del self._buffer[:end]
        return body

    def _read(self) -> bool:
        """Take in more bytes, waiting for them; False at the end of the stream."""
        while True:
            try:
                chunk = self._sock.recv(2**20)
            except BlockingIOError:
                self._wait(select.POLLIN)
                continue
            except ConnectionResetError:
                return False
            self._buffer += chunk
            return bool(chunk)

    def _wait(self, event: int) -> None:
        """Wait until the socket is ready; take in what the worker prints, or it would stand still."""
        poll = select.poll()
        poll.register(self._sock, event)
        if self._prints:
            poll.register(self._worker.output_fd, select.POLLIN)
        while True:
            self._tick()
            ready = {fd for fd, _ in poll.poll(1000 * min(TICK_S, self._left_s))}
            if self._worker.output_fd in ready and not self._worker.drain():
                self._prints = False
                poll.unregister(self._worker.output_fd)
            if self._sock.fileno() in ready:
                return

    def _tick(self) -> None:
        """Let the clock run on to now."""
        now = time.monotonic()
        self._left_s -= now - self._last
        self._last = now
        if self._cancelled.is_set():
            raise Cancelled("interrupted")
        if self._left_s <= 0:
            raise _OutOfTime(self._late)

    def _gone(self) -> WorkerError:
        lines = self._worker.output().strip().splitlines()
        last = f"; its last line of output: {visible(lines[-1], limit=200)}" if lines else ""
        return WorkerError(f"the worker {self._worker.how_it_ended(_PATIENCE_S)} before it was done{last}")


class _OutOfTime(WorkerError):
    """The worker's clock has run down."""


_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MOST = 64
"""Methods of a module, parameters of a method, characters of a name."""


def describe(
    zygote: Zygote,
    source: Source,
    timeout_s: float,
    *,
    order: Order | None = None,
    cancelled: threading.Event | None = None,
) -> tuple[MethodInfo, ...]:
    """The methods that `source` offers, with their parameters, in the module's order.

    Raises `PluginError` where the module does not load or breaks the contract, `WorkerError` where its
    worker dies or takes more than `timeout_s`,
    `IsolationError` where `order` requires more than this machine gives.
    """
    shown = source.filename or source.module
    with zygote.spawn(order) as worker:
        late = f"{shown} took more than {timeout_s:g} s to be imported and described. Make that faster."
        channel = Channel(worker, timeout_s, cancelled or threading.Event(), late=late)
        channel.send(Describe(source))
        answer: Described | Raised = channel.receive(Described | Raised)
    if isinstance(answer, Raised):
        raise PluginError(f"{shown}: {raised(answer)}")
    if len(answer.methods) > _MOST:
        raise PluginError(f"{shown} offers {len(answer.methods)} methods; at most {_MOST} are allowed")
    return tuple(_checked(shown, info) for info in answer.methods)


def _checked(shown: str, info: MethodInfo) -> MethodInfo:
    """`info` with its free text made safe to show."""
    if not _NAME.fullmatch(info.name):
        raise PluginError(
            f"{shown}: '{visible(info.name, limit=80)}' is no name for a method. "
            "Use small letters, digits, '-', '_' and '.', at most 64."
        )
    if len(info.parameters) > _MOST:
        raise PluginError(
            f"{shown}: {info.name} has {len(info.parameters)} parameters; at most {_MOST} are allowed"
        )
    where = f"{shown}: {info.name}"
    for parameter in info.parameters:
        # The worker has checked this too, but what says so may be the method.
        if not parameter.name.isidentifier() or len(parameter.name) > _MOST:
            raise PluginError(f"{where}: '{visible(parameter.name, limit=80)}' is no name for a parameter")
        why = parameters.problem(parameter.type, parameter.default)
        if why:
            raise PluginError(f"{where}: the default of '{parameter.name}' {why}")
    return msgspec.structs.replace(
        info,
        summary=visible(info.summary, limit=200),
        reference=visible(info.reference, limit=500),
        authors=tuple(visible(a, limit=100) for a in info.authors[:50]),
        access=tuple(visible(a, limit=40) for a in info.access[:20]),
    )
