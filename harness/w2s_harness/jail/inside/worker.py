"""The worker's main function: load one method, let it train, answer, end.

This process is forked from the zygote. It never imports the parts of the harness that hold labels, models
or scores.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import socket
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.contract.access import columns_of, for_test_rows
from w2s_harness.contract.errors import Skip, WorkerError
from w2s_harness.contract.types import Method, Problem
from w2s_harness.contract.worker.handles import Rows, Shown
from w2s_harness.contract.worker.student import Handle, Student
from w2s_harness.contract.worker.wire import frames
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.jail.inside import lockdown, method_classes
from w2s_harness.jail.inside.method_classes import ContractError
from w2s_harness.jail.inside.noticing import AuditListener
from w2s_harness.jail.kernel.kernel import prctl
from w2s_harness.jail.policy import ENVIRONMENT, Folders, Order
from w2s_harness.jail.showing import visible

SOCKET = 3
"""The descriptor of the worker's end of the socket to the host."""
_PR_SET_PDEATHSIG = 1
_MAX_FRAMES = 6
_PLAIN = re.compile(r"\w[\w.-]*")


def main(sock_fd: int, output_fd: int, order: Order, base: Folders, zygote: int) -> None:
    """Become a worker; never returns.

    :param sock_fd: socket to the host. :param output_fd: where standard output and error go.
    :param order: what it may do. :param base: what every worker may read.
    :param zygote: its parent, with which it dies.

    The first frame on the socket says what the worker gave up. Where that is less than `order` asks for,
    the process ends there: no byte of a method has reached it.
    """
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != zygote:
        os._exit(1)
    os.setsid()
    _descriptors(sock_fd, output_fd)
    os.umask(0o077)
    os.chdir(order.scratch)
    os.environ.clear()
    os.environ.update(ENVIRONMENT, HOME=order.scratch, TMPDIR=order.scratch)
    report = lockdown.lock_down(order, base)
    # Only now: the zygote, and whatever it imports, never looks into a method's folders.
    sys.path += [folder for folder in order.folders.names if folder not in sys.path]
    lockdown.guard_imports(base.read)
    sock = socket.socket(fileno=SOCKET)
    frames.send(sock, report)
    if order.mode == "require" and report.level == "L0":
        os._exit(1)
    try:
        _serve(sock)
    except frames.PeerGone:
        os._exit(1)
    finally:
        for stream in (sys.stdout, sys.stderr):
            # A method may have put anything in their place.
            with contextlib.suppress(Exception):
                stream.flush()
    os._exit(0)


class SocketConnection:
    """Everything that a worker says, whole frames whichever of its threads says it.

    Requests go one at a time. A notice never waits: it may arise while this very thread holds a lock.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._asking = threading.Lock()
        self._sending = threading.Lock()
        self._notices: deque[wire.Noticed] = deque()
        self._is_over = False

    def call(self, request: wire.Request) -> wire.Reply:
        """Send `request` and wait for its reply. Raises `PeerGone` where the host has ended the cell."""
        with self._asking:
            self.say(request)
            reply: wire.Reply = frames.receive(self._sock, wire.Reply)
            return reply

    def say(self, message: wire.Message, *, last: bool = False) -> None:
        """Send a message; after the `last` one nothing more is sent. Raises `PeerGone`."""
        with self._sending:
            self._drain()
            frames.send(self._sock, message)
            self._is_over = last
        self._flush()

    def notice(self, message: wire.Noticed) -> None:
        """Send a notice now, or with what is being sent. Raises `PeerGone`."""
        self._notices.append(message)
        self._flush()

    def _flush(self) -> None:
        # Asked again after the lock is given back: a notice that came meanwhile found it taken.
        while self._notices and not self._is_over and self._sending.acquire(blocking=False):
            try:
                self._drain()
            finally:
                self._sending.release()

    def _drain(self) -> None:
        while self._notices and not self._is_over:
            frames.send(self._sock, self._notices.popleft())


def _descriptors(sock_fd: int, output_fd: int) -> None:
    # Both are moved out of the way first: either may already have a number that is about to be taken.
    sock_fd, output_fd = os.dup(sock_fd), os.dup(output_fd)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output_fd, 1)
    os.dup2(output_fd, 2)
    os.dup2(sock_fd, SOCKET, inheritable=False)
    os.closerange(SOCKET + 1, os.sysconf("SC_OPEN_MAX"))
    for name, fd in (("stdout", 1), ("stderr", 2)):
        stream = open(fd, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _serve(sock: socket.socket) -> None:
    order: wire.Describe | wire.Start = frames.receive(sock, wire.Describe | wire.Start)
    connection = SocketConnection(sock)
    own: tuple[str, ...] = ()
    try:
        own = method_classes.own_files(order.source)
        if isinstance(order, wire.Describe):
            answer: wire.Message = _describe(order.source)
        else:
            answer = _run(order, connection, sock)
        connection.say(answer, last=True)
    except frames.PeerGone:
        raise
    except BaseException as bad:  # noqa: BLE001 (boundary: the method's code, sys.exit included)
        connection.say(_raised(bad, own), last=True)


def _describe(source: wire.Source) -> wire.Described:
    classes = method_classes.offered(method_classes.load(source))
    described = wire.Described(tuple(method_classes.described(name, cls) for name, cls in classes.items()))
    # What a class says of itself is only now checked against the types that may travel.
    return msgspec.convert(msgspec.to_builtins(described), wire.Described)


def _run(
    start: wire.Start, connection: SocketConnection, sock: socket.socket
) -> wire.FitDone | wire.OwnPredictions | wire.Skipped:
    _lay(start.bait)
    listener = _listener(start, connection)
    # A method that ignores `rng` still gives the same answer twice.
    random.seed(start.seed)
    np.random.seed(start.seed % 2**32)
    method = method_classes.build(
        method_classes.offered(method_classes.load(start.source)), start.method, start.parameters
    )
    weak = wire.unpack(start.weak, ndim=1).astype(np.float64)
    test = None if start.test is None else _rows(start, "test", start.test)
    student = Student(
        connection,
        kind=start.kind,
        layers=start.layers,
        features=start.features,
        templates=start.templates,
        abilities=start.abilities,
        chain=start.chain,
        epochs=start.epochs,
        lr=start.lr,
    )
    problem = Problem(start.kind, _rows(start, "train", start.train), weak, test, start.share_true)
    try:
        result = method.fit(problem, student, np.random.default_rng(start.seed))
    except Skip as why:
        return wire.Skipped(visible(str(why), limit=wire.MAX_REASON))
    if isinstance(result, Handle):
        return wire.FitDone(result._id)
    predict = _predictor(start, method, result)
    connection.say(wire.FitDone(None))
    phase: wire.TestPhase = frames.receive(sock, wire.TestPhase)
    if listener is not None:
        listener.know(phase.test.texts or ())
    return _predictions(start.method, predict(_rows(start, "test", phase.test)))


def _lay(files: Mapping[str, bytes]) -> None:
    """Write `files` into the scratch folder, which is the working directory."""
    for name, body in files.items():
        folder, _, file = name.rpartition("/")
        if not all(_PLAIN.fullmatch(part) for part in (folder or "x", file)):
            raise WorkerError(f"'{name}' is no name for a file in the scratch folder")
        if folder:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103
        with open(name, "wb") as out:  # noqa: PTH123
            out.write(body)


def _listener(start: wire.Start, connection: SocketConnection) -> AuditListener | None:
    """An audit hook that knows what was released, where any text was."""
    if not columns_of(start.access) & set(TextRow.__struct_fields__):
        return None
    listener = AuditListener(connection.notice, start.source.code, os.getcwd())  # noqa: PTH109
    for released in (start.train, start.test):
        listener.know((released.texts if released else None) or ())
    sys.addaudithook(listener.hook)
    return listener


def _rows(start: wire.Start, phase: Literal["train", "test"], released: wire.Released) -> Rows:
    return Rows.first(released.n, start.kind, phase, Shown.of(released, start.access))


def _predictor(start: wire.Start, method: Method, result: Any) -> Callable[[Rows], Any]:
    what = "None" if result is None else f"an object of type {type(result).__name__}"
    predict = getattr(result, "predict", None)
    if not callable(predict):
        raise ContractError(
            f"{start.method}: fit() returned {what}, expected a student. "
            "Return the result of student.fit(...)."
        )
    needed = for_test_rows("after fit")
    if needed not in start.access:
        raise ContractError(
            f"{start.method}: fit() returned {what} with its own predict(), which needs the access "
            f'{needed}: put access = ("{needed}",) into the class and grant it, or return the result of '
            "student.fit(...)."
        )
    return predict  # type: ignore[no-any-return]


def _predictions(name: str, values: npt.ArrayLike) -> wire.OwnPredictions:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as bad:
        raise ContractError(f"{name}: predict() did not return numbers: {bad}") from bad
    if array.ndim == 0:
        raise ContractError(f"{name}: predict() returned {values!r}, expected an array of one P per row")
    return wire.OwnPredictions(wire.pack(array))


def _raised(bad: BaseException, own: tuple[str, ...]) -> wire.Raised:
    """The exception with the frames of the method's own files, innermost last."""
    try:
        message = bad.msg if isinstance(bad, SyntaxError) else str(bad)
    except Exception:  # noqa: BLE001 (boundary: an exception class of the method's)
        message = "(its message cannot be shown)"
    if isinstance(bad, ContractError):
        return wire.Raised("", visible(message))
    shown = [f for f in traceback.extract_tb(bad.__traceback__) if own and f.filename.startswith(own)]
    lines = [f"{os.path.basename(f.filename)}:{f.lineno} in {f.name}: {f.line}" for f in shown[-_MAX_FRAMES:]]  # noqa: PTH119
    if isinstance(bad, SyntaxError) and bad.filename:
        lines.append(f"{os.path.basename(bad.filename)}:{bad.lineno}: {(bad.text or '').strip()}")  # noqa: PTH119
    return wire.Raised(
        type(bad).__name__, visible(message), tuple(visible(line, limit=300) for line in lines)
    )
