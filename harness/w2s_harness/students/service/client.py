"""The host's end of a student service: start it, ask it, bound it in seconds and memory, end it."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec
import numpy as np

from w2s_harness.contract.errors import BudgetError, DataError, HarnessError, ModelError, WorkerError
from w2s_harness.contract.types import Model
from w2s_harness.contract.worker.wire.frames import PeerGone, receive, send
from w2s_harness.contract.worker.wire.messages import Array, Message, Reply, Request, pack, unpack
from w2s_harness.students import control

TICK_S = 0.1
"""How often a waiting host looks at the service."""
_MIB = 2**20
_SHARE = 0.8
_LEAST_BYTES = 2 * 2**30


class OverrunError(WorkerError):
    """The service used more than a cell may have it use, and is to be ended."""


class Bounds:
    """The bounds of one service; without any nothing is looked at.

    :param memory_bytes: what it may hold of its own, beside files that it maps.
    """

    def __init__(self, pid: int, memory_bytes: int | None = None) -> None:
        self._pid, self._memory_bytes = pid, memory_bytes
        self._whole_s: float | None = None
        self._left_s: float | None = None
        self._looked = 0.0

    def begin(self, clock_s: float | None) -> None:
        """A cell begins for which the service may work `clock_s` seconds in all."""
        self._whole_s = self._left_s = clock_s

    def end(self) -> None:
        """The cell is over; what follows has no clock."""
        self._whole_s = self._left_s = None

    def used(self, seconds: float) -> None:
        """Take off what a request took."""
        if self._left_s is not None:
            self._left_s -= seconds

    @property
    def timeout_s(self) -> float | None:
        """What is left of the clock, for a socket; None without one."""
        return None if self._left_s is None else max(self._left_s, 0.001)

    def wait(self, sock: socket.socket) -> None:
        """Wait until there is something to read. Raises `OverrunError`."""
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        until = None if self._left_s is None else time.monotonic() + self._left_s
        is_ready = False
        while not is_ready:
            is_ready = bool(poll.poll(1000 * TICK_S))
            if until is not None and time.monotonic() >= until:
                raise self.too_long()
            self._look()

    def too_long(self) -> OverrunError:
        """That the clock has run down."""
        return OverrunError(
            f"the student service worked more than {self._whole_s:g} s for this cell. "
            "Ask it for less, or raise --cell-timeout, of which this is a multiple."
        )

    def _look(self) -> None:
        now = time.monotonic()
        if self._memory_bytes is None or now - self._looked < TICK_S:
            return
        self._looked = now
        held = held_bytes(self._pid)
        if held > self._memory_bytes:
            raise OverrunError(
                f"the student service held {held // _MIB} MiB of memory for this cell, over the "
                f"{self._memory_bytes // _MIB} MiB that each job slot may. "
                "Ask it for less at once, or take fewer slots (-n)."
            )


def memory_share(slots: int) -> int:
    """Bytes that each of `slots` services may hold: four fifths of the memory of the machine together.

    The memory is that of the control group where this is less. At least 2 GiB.
    """
    return max(_LEAST_BYTES, int(_SHARE * _memory_bytes() / slots))


def held_bytes(pid: int) -> int:
    """Memory of a process that belongs to no file, in bytes; 0 where that cannot be known."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:")))


def _memory_bytes() -> int:
    found = [2**63]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found += [1024 * int(line.split()[1]) for line in lines if line.startswith("MemTotal:")]
    except OSError:
        pass
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(name).read_text(encoding="ascii").strip()
        except OSError:
            continue
        found += [int(text)] if text.isdigit() else []
    return min(found)


EXTRACT_ROWS = 2048
"""Rows of one `Extract`, so that the answer fits a frame; a constant, for the batches depend on it."""
_PASSED = (
    "HOME", "PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "XDG_CACHE_HOME", "CUDA_VISIBLE_DEVICES",
    "HF_HOME", "HF_HUB_CACHE", "HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE",
)  # fmt: skip
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_ERRORS: dict[str, type[HarnessError]] = {
    "ModelError": ModelError,
    "WorkerError": WorkerError,
    "BudgetError": BudgetError,
    "DataError": DataError,
}
_REUSED_BYTES = str(2**26)
_LAST_LINES = 5
_MAX_TRACE = 8000
_TRACEBACK = "Traceback (most recent call last)"
_OUT_OF_MEMORY = (
    ". The system may have run out of memory: take fewer slots (-n 1), a smaller model, or --dtype bfloat16"
)
_END_S = 2.0
_Answer = TypeVar("_Answer", bound=Message)


class ServiceClient:
    """A student service of its own, in one role, as a context manager.

    Every method raises `ModelError` for what the user can mend of a model, `WorkerError` (`BudgetError`) for
    what fails a cell, and `WorkerError` with the last lines of its stderr when the service died.
    """

    def __init__(self, role: control.Role, threads: int = 1, memory_bytes: int | None = None) -> None:
        """Start the service.

        `threads` is all that it ever uses, whatever the machine has; over `memory_bytes` it is killed.
        """
        self.role = role
        self.busy_s = 0.0
        """Seconds spent waiting for answers."""
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close and kill)
        ours, theirs = socket.socketpair()
        self._socket = ours
        command = [
            sys.executable,
            "-P",
            "-m",
            "w2s_harness.students.service.service",
            str(theirs.fileno()),
            role,
        ]
        with theirs:
            self._process = subprocess.Popen(
                [*command, str(os.getpid())],
                pass_fds=(theirs.fileno(),),
                env=_environment(threads),
                stdin=subprocess.DEVNULL,
                stdout=self._stderr,
                stderr=self._stderr,
                start_new_session=True,
            )
        self._bounds = Bounds(self._process.pid, memory_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, bad: BaseException | None, tb: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.kill()

    @property
    def alive(self) -> bool:
        """Whether the service runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The service's process id."""
        return self._process.pid

    def look(self, model: Model) -> control.Looked:
        """Load a model and say what it is."""
        return self._ask(control.Look(model), control.Looked)

    def extract(self, order: control.Extract) -> control.Extracted:
        """Features, likelihoods and token counts of any number of texts."""
        parts = [
            self._ask(
                msgspec.structs.replace(order, rows=order.rows[i : i + EXTRACT_ROWS]), control.Extracted
            )
            for i in range(0, max(1, len(order.rows)), EXTRACT_ROWS)
        ]
        if len(parts) == 1:
            return parts[0]
        return control.Extracted(
            _stacked([part.features for part in parts]),
            _stacked([part.likelihoods for part in parts]),
            _stacked([part.tokens for part in parts]),
            sum(part.n_cut for part in parts),
            parts[0].shape,
        )

    def tune(self, order: control.TuneProbe) -> control.Tuned:
        """Choose a probe's settings (`baseline`)."""
        return self._ask(order, control.Tuned)

    def fit_predict(self, order: control.FitPredict) -> control.PredictedRows:
        """Train on labels and predict lists of rows: teacher and ceiling (`baseline`)."""
        return self._ask(order, control.PredictedRows)

    def follow(self, order: control.Follow) -> control.PredictedRows:
        """One array for each point of the vanilla path: (k,) P(label = 1) (`baseline`)."""
        return self._ask(order, control.PredictedRows)

    def read_out(self, order: control.ReadOut) -> control.ReadOuts:
        """What the untrained student says of all rows under each of its templates."""
        return self._ask(order, control.ReadOuts)

    def open_cell(self, order: control.OpenCell, clock_s: float | None = None) -> control.Opened:
        """Begin a cell (`worker-facing`); what the worker is told of the student.

        The service may work `clock_s` seconds for the cell after this; then it is killed, and the request at
        hand raises `WorkerError`.
        """
        self._bounds.end()
        opened = self._ask(order, control.Opened)
        self._bounds.begin(clock_s)
        return opened

    def serve(self, request: Request) -> Reply:
        """Pass on a worker's request."""
        return self._ask(control.Serve(request), control.Served).reply

    def begin_test(self) -> None:
        """Let an `inference` worker ask for test rows from now on."""
        self._ask(control.BeginTest(), control.Began)

    def predict_test(self, handle: int) -> control.PredictedRows:
        """One array: (n_test,) P(label = 1) of the holdout, in the cell's test order."""
        return self._ask(control.PredictTest(handle), control.PredictedRows)

    def close_cell(self) -> control.Meter:
        """End the cell and free its handles; what it was charged."""
        self._bounds.end()
        return self._ask(control.CloseCell(), control.Meter)

    def close(self) -> None:
        """End the service in good order; does nothing to one that is gone."""
        try:
            send(self._socket, control.Shutdown())
            self._process.wait(_END_S)
        except (WorkerError, OSError, subprocess.TimeoutExpired):
            pass
        self.kill()

    def kill(self) -> None:
        """End the service now, from any thread."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._socket.close()
        self._stderr.close()

    def _ask(self, message: control.ToService, kind: type[_Answer]) -> _Answer:
        start = time.perf_counter()
        try:
            answer = self._answer(message)
        except OverrunError:
            self.kill()
            raise
        except (PeerGone, OSError, ValueError) as gone:
            # ValueError: the socket was closed by whoever interrupts the run
            raise self._obituary() from gone
        finally:
            took = time.perf_counter() - start
            self.busy_s += took
            self._bounds.used(took)
        if isinstance(answer, control.Unserved):
            bad = _ERRORS[answer.error](answer.reason)
            if answer.trace:
                bad.add_note(f"in the student service:\n{answer.trace}")
            raise bad
        if not isinstance(answer, kind):
            raise WorkerError(f"the student service answered with {type(answer).__name__}")
        return answer

    def _answer(self, message: control.ToService) -> control.FromService:
        self._socket.settimeout(self._bounds.timeout_s)
        try:
            send(self._socket, message)
            self._bounds.wait(self._socket)
            answer: control.FromService = receive(self._socket, control.FromService)
        except TimeoutError:
            raise self._bounds.too_long() from None
        return answer

    def _obituary(self) -> WorkerError:
        """How the service ended: its last words, of a traceback the exception alone."""
        try:
            code = self._process.wait(_END_S)
            self._stderr.seek(0)
            said = self._stderr.read().decode(errors="backslashreplace").strip()
        except (subprocess.TimeoutExpired, ValueError):
            return WorkerError("the student service was ended")
        how = f"by signal {-code}" if code < 0 else f"with status {code}"
        lines = said.splitlines()
        shown = lines[-1:] if any(line.startswith(_TRACEBACK) for line in lines) else lines[-_LAST_LINES:]
        why = " | ".join(shown) or "it said nothing"
        mend = _OUT_OF_MEMORY if -code == signal.SIGKILL else ""
        bad = WorkerError(f"the student service ended {how}: {why}{mend}")
        if shown != lines:
            bad.add_note(f"in the student service:\n{said[-_MAX_TRACE:]}")
        return bad


def _environment(threads: int) -> dict[str, str]:
    passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
    # The service sees the host's packages, but never the working directory ('' in sys.path).
    paths = os.pathsep.join(path for path in sys.path if path)
    fixed = {
        "PYTHONPATH": paths,
        "PYTHONHASHSEED": "0",
        "TOKENIZERS_PARALLELISM": "false",
        "TQDM_DISABLE": "1",
        # What is read was brought into the cache by the host, under its commit.
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        # glibc: tensors of one batch are given the memory of the last one's, not fresh pages each time
        "MALLOC_MMAP_THRESHOLD_": _REUSED_BYTES,
        "MALLOC_TRIM_THRESHOLD_": _REUSED_BYTES,
    }
    return passed | fixed | dict.fromkeys(_THREADS, str(threads))


def _stacked(arrays: Sequence[Array]) -> Array:
    return pack(np.concatenate([unpack(array) for array in arrays]), arrays[0].dtype)
