"""The student service: `python -m w2s_harness.students.service.service FD ROLE HOST_PID`.

Trusted, one per job slot, speaks `students/control.py` over an inherited socket. A `baseline` service may see
gold labels and never serves a worker; a `worker-facing` one refuses whatever carries labels of the host.
torch is imported only when a request needs a model. The process ends with its socket and with its host.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import sys
import threading
import traceback
from typing import get_args

from w2s_harness.contract.errors import BudgetError, DataError, HarnessError, ModelError, WorkerError
from w2s_harness.contract.kinds import kind_of
from w2s_harness.contract.types import Model
from w2s_harness.contract.worker.wire.frames import PeerGone, receive, send
from w2s_harness.contract.worker.wire.messages import pack
from w2s_harness.students import control
from w2s_harness.students.service.baseline import fit_predict, follow, read_out, tune
from w2s_harness.students.session.serving import CellSession
from w2s_harness.students.shelf import Shelf

_PR_SET_PDEATHSIG = 1
_MAX_TEXT, _MAX_TRACE = 400, 8000
_BASELINE_ONLY = (control.TuneProbe, control.FitPredict, control.Follow)
_CELL_ONLY = (control.OpenCell, control.Serve, control.BeginTest, control.PredictTest, control.CloseCell)


class Service:
    """Answers control messages in one role, from the first to the last."""

    def __init__(self, role: control.Role) -> None:
        self._role = role
        self._shelf = Shelf()
        self._session: CellSession | None = None

    def answer(self, message: control.ToService) -> control.FromService:
        """The answer to one message; what the user can mend is answered with `Failed`."""
        try:
            if isinstance(message, _BASELINE_ONLY if self._role == "worker-facing" else _CELL_ONLY):
                raise WorkerError(f"a {self._role} service does not take {type(message).__name__}")
            return self._cell(message) if isinstance(message, _CELL_ONLY) else self._work(message)
        except HarnessError as bad:
            return control.Unserved(_name(bad), str(bad))
        except Exception as bad:  # noqa: BLE001 (boundary: whatever a model's own code does is told, not died of)
            return unforeseen(bad, self._role, self._model_of(message))

    def _model_of(self, message: control.ToService) -> Model | None:
        """The model that a message is about."""
        own: Model | None = getattr(message, "model", None)
        return own or (None if self._session is None else self._session.model)

    def _work(self, message: control.ToService) -> control.FromService:
        match message:
            case control.Look():
                return self._look(message)
            case control.Extract():
                return self._extract(message)
            case control.TuneProbe():
                return tune(message, self._shelf)
            case control.FitPredict():
                return fit_predict(message, self._shelf)
            case control.Follow():
                return follow(message, self._shelf)
            case control.ReadOut():
                return read_out(message, self._shelf)
        raise WorkerError(f"no answer to {type(message).__name__}")

    def _look(self, message: control.Look) -> control.Looked:
        loaded = self._shelf.model(message.model)
        return control.Looked(
            loaded.context, loaded.settings.readout, str(loaded.device), loaded.notes,
            self._shelf.shape(message.model), None if loaded.chat is None else loaded.chat.shown,
        )  # fmt: skip

    def _extract(self, message: control.Extract) -> control.Extracted:
        from w2s_harness.students.lm.readout import extract

        got = extract(self._shelf.model(message.model), message.rows, kind_of(message.kind))
        return control.Extracted(
            pack(got.features, "f4"), pack(got.likelihoods, "f8"), pack(got.tokens, "i8"), got.n_cut,
            self._shelf.shape(message.model),
        )  # fmt: skip

    def _cell(self, message: control.ToService) -> control.FromService:
        if isinstance(message, control.OpenCell):
            self._session = CellSession(message, self._shelf)
            return self._session.opened
        if self._session is None:
            raise WorkerError("no cell is open")
        match message:
            case control.Serve():
                return control.Served(self._session.serve(message.request))
            case control.BeginTest():
                self._session.begin_test()
                return control.Began()
            case control.PredictTest():
                return control.PredictedRows(
                    (pack(self._session.predict_test(message.handle)),), self._session.close()
                )
        meter, self._session = self._session.close(), None
        return meter


def main(arguments: list[str]) -> int:
    """Serve the socket `FD` in `ROLE` until it closes, a `Shutdown` comes, or the host dies."""
    fd, role, host = int(arguments[0]), arguments[1], int(arguments[2])
    if role not in get_args(control.Role):
        raise ModelError(f"unknown role '{role}'")
    end_with(host)
    sock = socket.socket(fileno=fd)
    threading.Thread(target=_watch, args=(fd,), daemon=True).start()
    service = Service("baseline" if role == "baseline" else "worker-facing")
    while True:
        try:
            message: control.ToService = receive(sock, control.ToService)
            if isinstance(message, control.Shutdown):
                # taking torch down in good order takes a second, and nothing is left to be done
                os._exit(0)
            send(sock, service.answer(message))
        except PeerGone:
            return 0


def end_with(host: int) -> None:
    """End this process when the process `host` dies (Linux; elsewhere the socket's end has to do).

    The kernel sends the signal when the *thread* that started us ends; only a new parent means that the host
    itself is gone.
    """

    def on_signal(*_: object) -> None:
        if os.getppid() != host:
            os._exit(1)

    signal.signal(signal.SIGUSR1, on_signal)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGUSR1, 0, 0, 0)
    on_signal()


def _watch(fd: int) -> None:
    """End the process as soon as the other side hangs up, also in the middle of a computation."""
    poll = select.poll()
    poll.register(fd, getattr(select, "POLLRDHUP", 0) | select.POLLHUP)
    while not poll.poll():
        pass
    os._exit(0)


def unforeseen(bad: Exception, role: control.Role, model: Model | None) -> control.Unserved:
    """An exception that is no `HarnessError`, as one line: its type and message, the model, the mend."""
    text = " ".join(str(bad).split())
    text = text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "..."
    source = "" if model is None else f"'{model.source}': "
    reason = f"{source}{type(bad).__name__}{': ' if text else ''}{text}. {_mend(bad)}"
    trace = "".join(traceback.format_exception(bad))[-_MAX_TRACE:]
    # A cell's own failure fails the cell; what all cells share ends the run.
    return control.Unserved("ModelError" if role == "baseline" else "WorkerError", reason, trace)


def _mend(bad: Exception) -> str:
    if isinstance(bad, MemoryError) or "out of memory" in str(bad).lower():
        return "Free memory, or take fewer slots (-n 1), --dtype bfloat16 or a smaller --context"
    if isinstance(bad, IndexError) or "index out of range" in str(bad):
        return "A text may be longer than the model's positions: try a smaller --context"
    return "--debug shows where; another --dtype, --device or --context may do"


def _name(bad: HarnessError) -> control.ErrorName:
    if isinstance(bad, BudgetError):
        return "BudgetError"
    if isinstance(bad, WorkerError):
        return "WorkerError"
    return "DataError" if isinstance(bad, DataError) else "ModelError"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
