"""One cell's talk with its worker: start it, serve what it asks, check what it answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.access import RIGHTS, for_test_rows, refusal
from w2s_harness.contract.errors import Skip, WorkerError
from w2s_harness.contract.worker.wire import frames
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.jail.host.channel import Channel
from w2s_harness.jail.host.launcher import Worker
from w2s_harness.jail.showing import raised, visible

END_PATIENCE_S = 1.0
"""How long a worker that is done may take to hang up."""
MAX_REQUESTS = 10_000
"""Of one cell: the worker's clock stands still while they are served, so cheap ones could go on for ever."""
MAX_NOTICES = 200
"""More of them are a flood: the worker's own audit hook sends fewer."""

Serve: TypeAlias = Callable[[wire.Request], wire.Reply]
Hear: TypeAlias = Callable[[wire.Noticed], object]
_Asks: TypeAlias = wire.Request | wire.Noticed | wire.FitDone | wire.Skipped | wire.Raised
_Answers: TypeAlias = wire.Request | wire.Noticed | wire.OwnPredictions | wire.Raised


@dataclass(frozen=True, slots=True)
class Finished:
    """`fit` returned a student: the service is to predict with this handle."""

    handle: int


@dataclass(frozen=True, slots=True)
class Predicted:
    """The method predicted by itself (access `inference`)."""

    values: npt.NDArray[np.float64]
    """(n_test,) P(label = 1) in the order of the test handles, finite, in [0, 1]."""


Outcome: TypeAlias = Finished | Predicted


def converse(
    worker: Worker,
    start: wire.Start,
    serve: Serve,
    *,
    clock_s: float,
    cancelled: threading.Event,
    test: wire.Released | None = None,
    begin_test: Callable[[], object] | None = None,
    noticed: Hear | None = None,
) -> Outcome:
    """Run one cell in `worker` to its end. The caller closes the worker, whatever happens here.

    :param start: what the worker is told; `start.access` is all that the plan granted.
    :param serve: answers a request (the student service); the worker's clock stands still meanwhile.
    :param clock_s: seconds of its own that the worker may take.
    :param cancelled: when set, `Cancelled` is raised within a tenth of a second.
    :param test: the test rows that an `inference` method predicts. The caller shuffles what they stand for.
    :param begin_test: called after `fit` is over and before a test handle is sent.
    :param noticed: told what the worker's audit hook saw, at most `MAX_NOTICES` times. It proves
        nothing that there is none: the method's code can silence the hook.

    Raises `Skip` where the method skips, in its own words, and `WorkerError` where it raised (with its own
    frames), broke the contract, died, ran out of time, said what is malformed, asked on after it was done or
    predicted nonsense, where the service refused for good, and where what is released is too long for a
    message. What `serve`, `noticed` and `begin_test` raise passes through.
    """
    channel = Channel(worker, clock_s, cancelled)
    _tell(channel, start)
    desk = _Desk(channel, serve, noticed)
    done = desk.work(partial(_refused_in_fit, start.access), _Asks)
    if isinstance(done, wire.Skipped):
        channel.expect_end(END_PATIENCE_S)
        raise Skip(visible(done.reason, limit=wire.MAX_REASON) or "the method gave no reason")
    if not isinstance(done, wire.FitDone):
        raise WorkerError("the worker sent predictions before fit was over")
    if done.handle is not None:
        channel.expect_end(END_PATIENCE_S)
        return Finished(done.handle)
    needed = for_test_rows("after fit")
    if needed not in start.access or test is None:
        raise WorkerError(f"the worker returned no student, and has no access {needed} to predict by itself")
    if begin_test is not None:
        begin_test()
    _tell(channel, wire.TestPhase(test))
    answer = desk.work(partial(_refused_after_fit, start.access), _Answers)
    if not isinstance(answer, wire.OwnPredictions):
        raise WorkerError("the worker sent no predictions")
    channel.expect_end(END_PATIENCE_S)
    return Predicted(_checked(start.method, answer, test.n))


def _refused_in_fit(access: tuple[str, ...], request: wire.Request) -> str | None:
    rows, needed = getattr(request, "rows", None), for_test_rows("while fitting")
    if rows is not None and rows.phase == "test" and needed not in access:
        return f"test rows while fitting need the access {needed}"
    return refusal(access, wire.call_of(request))


def _refused_after_fit(access: tuple[str, ...], request: wire.Request) -> str | None:
    """Nothing that could learn may be asked."""
    if not isinstance(request, wire.Embed | wire.Predict) or request.rows.phase != "test":
        return "after fit a method may only embed test rows and predict them with its students"
    return refusal(access, wire.call_of(request))


@dataclass(slots=True)
class _Desk:
    """Where a worker's messages come in."""

    channel: Channel
    serve: Serve
    noticed: Hear | None
    heard: int = 0
    asked: int = 0

    def work(self, refused: Callable[[wire.Request], str | None], kind: object) -> wire.Message:
        """Serve requests until the worker says something else, and return that."""
        while True:
            message: wire.Message = self.channel.receive(kind)
            if isinstance(message, wire.Raised):
                raise WorkerError(raised(message))
            if isinstance(message, wire.FitDone | wire.OwnPredictions | wire.Skipped):
                return message
            if isinstance(message, wire.Noticed):
                self._hear(message)
                continue
            self.asked += 1
            if self.asked > MAX_REQUESTS:
                raise WorkerError(f"the method made more than {MAX_REQUESTS} requests of the student service")
            why = refused(message)  # type: ignore[arg-type]  # the strict decoder let only requests by
            reply = wire.Refused(why) if why else self.serve(message)  # type: ignore[arg-type]
            if isinstance(reply, wire.Refused) and reply.fatal:
                raise WorkerError(visible(reply.reason))
            self.channel.send(reply)

    def _hear(self, message: wire.Noticed) -> None:
        self.heard += 1
        if self.heard > MAX_NOTICES:
            raise WorkerError(f"the worker sent more than {MAX_NOTICES} notices; its own hook sends fewer")
        if self.noticed is not None:
            self.noticed(wire.Noticed(visible(message.event, limit=40), visible(message.detail, limit=200)))


def _tell(channel: Channel, message: wire.Start | wire.TestPhase) -> None:
    try:
        channel.send(message)
    except frames.TooLong as bad:
        names = " and ".join(right.name for right in reversed(RIGHTS) if right.columns)
        what = f"what the accesses {names} release of this task"
        raise WorkerError(f"{what}: {bad}. Use --limit, or a method without them.") from None


def _checked(method: str, answer: wire.OwnPredictions, n_test: int) -> npt.NDArray[np.float64]:
    """The predictions, or a `WorkerError` that says what is wrong with them."""
    values = wire.unpack(answer.values).astype(np.float64)
    what = f"{method}: predict(rows) must return P(label = 1) for each row, in [0, 1]; it returned"
    if values.shape != (n_test,):
        raise WorkerError(f"{what} shape {values.shape} for {n_test} rows")
    if not np.isfinite(values).all():
        raise WorkerError(f"{what} {int((~np.isfinite(values)).sum())} values that are NaN or infinite")
    if values.size and (values.min() < 0 or values.max() > 1):
        raise WorkerError(f"{what} values from {values.min():g} to {values.max():g}")
    return values
