"""The worker's main function: load one method, let it train, answer, end.

This process is forked from the zygote. It never imports the parts of the harness that hold labels, models
or scores.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from w2s_harness.isolation import importing, loading, lockdown
from w2s_harness.isolation.kernel import prctl
from w2s_harness.isolation.loading import ContractError
from w2s_harness.isolation.policy import Folders, Order
from w2s_harness.isolation.showing import visible
from w2s_harness.student import Handle, Rows, Student
from w2s_harness.types import Method, Problem
from w2s_harness.wire import frames
from w2s_harness.wire import messages as wire

SOCKET = 3
"""The descriptor of the worker's end of the socket to the host."""
ENVIRONMENT = {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_PR_SET_PDEATHSIG = 1
_MAX_FRAMES = 6


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
    _surroundings(order.scratch)
    report = lockdown.lock_down(order, base)
    # Only now: the zygote, and whatever it imports, never looks into a method's folders.
    sys.path += [folder for folder in order.folders.names if folder not in sys.path]
    importing.look_past_closed_modules()
    sock = socket.socket(fileno=SOCKET)
    frames.send(sock, report)
    if order.mode == "require" and report.level == "L0":
        os._exit(1)
    try:
        _serve(sock)
    except frames.PeerGone:
        os._exit(1)
    finally:
        _flush()
    os._exit(0)


class SocketConnection:
    """Requests over the worker's socket, one at a time even where a method uses threads."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = threading.Lock()

    def call(self, request: wire.Request) -> wire.Reply:
        """Send `request` and wait for its reply. Raises `PeerGone` where the host has ended the cell."""
        with self._lock:
            frames.send(self._sock, request)
            reply: wire.Reply = frames.receive(self._sock, wire.Reply)
            return reply


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


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        # A method may have put anything in their place.
        with contextlib.suppress(Exception):
            stream.flush()


def _surroundings(scratch: str) -> None:
    os.umask(0o077)
    os.chdir(scratch)
    os.environ.clear()
    os.environ.update(ENVIRONMENT, HOME=scratch, TMPDIR=scratch)


def _serve(sock: socket.socket) -> None:
    order: wire.Describe | wire.Start = frames.receive(sock, wire.Describe | wire.Start)
    own: tuple[str, ...] = ()
    try:
        own = loading.own_files(order.source)
        if isinstance(order, wire.Describe):
            answer: wire.Message = _describe(order.source)
        else:
            answer = _run(order, sock)
        frames.send(sock, answer)
    except frames.PeerGone:
        raise
    except BaseException as bad:  # noqa: BLE001 (boundary: the method's code, sys.exit included)
        frames.send(sock, _raised(bad, own))


def _describe(source: wire.Source) -> wire.Described:
    classes = loading.offered(loading.load(source))
    described = wire.Described(tuple(loading.described(name, cls) for name, cls in classes.items()))
    # What a class says of itself is only now checked against the types that may travel.
    return msgspec.convert(msgspec.to_builtins(described), wire.Described)


def _run(start: wire.Start, sock: socket.socket) -> wire.Done | wire.Predictions:
    # A method that ignores `rng` still gives the same answer twice.
    random.seed(start.seed)
    np.random.seed(start.seed % 2**32)
    method = loading.build(loading.offered(loading.load(start.source)), start.method, start.parameters)
    weak = wire.unpack(start.weak, ndim=1).astype(np.float64)
    test = None if start.n_test is None else Rows.first(start.n_test, start.kind, "test")
    problem = Problem(start.kind, Rows.first(len(weak), start.kind, "train"), weak, test)
    student = Student(
        SocketConnection(sock),
        kind=start.kind,
        layers=start.layers,
        features=start.features,
        templates=start.templates,
    )
    result = method.fit(problem, student, np.random.default_rng(start.seed))
    if isinstance(result, Handle):
        return wire.Done(result._id)
    predict = _predictor(start, method, result)
    frames.send(sock, wire.Done(None))
    phase: wire.TestPhase = frames.receive(sock, wire.TestPhase)
    return _predictions(start.method, predict(Rows.first(phase.n_test, start.kind, "test")))


def _predictor(start: wire.Start, method: Method, result: Any) -> Callable[[Rows], Any]:
    what = "None" if result is None else f"an object of type {type(result).__name__}"
    predict = getattr(result, "predict", None)
    if not callable(predict):
        raise ContractError(
            f"{start.method}: fit() returned {what}, expected a student. "
            "Return the result of student.fit(...)."
        )
    if "inference" not in start.access:
        raise ContractError(
            f"{start.method}: fit() returned {what} with its own predict(), which needs the access "
            'inference: put access = ("inference",) into the class and grant it, or return the result of '
            "student.fit(...)."
        )
    return predict  # type: ignore[no-any-return]


def _predictions(name: str, values: npt.ArrayLike) -> wire.Predictions:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as bad:
        raise ContractError(f"{name}: predict() did not return numbers: {bad}") from bad
    if array.ndim == 0:
        raise ContractError(f"{name}: predict() returned {values!r}, expected an array of one P per row")
    return wire.Predictions(wire.pack(array))


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
