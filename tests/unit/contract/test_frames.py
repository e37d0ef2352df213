from __future__ import annotations

import socket
import struct
import threading

import msgspec
import pytest

from w2s_harness.contract.errors import WorkerError
from w2s_harness.contract.worker.wire import frames
from w2s_harness.contract.worker.wire import messages as wire

FROM_WORKER = (
    wire.Request
    | wire.FitDone
    | wire.OwnPredictions
    | wire.Raised
    | wire.Skipped
    | wire.Described
    | wire.Noticed
)


@pytest.fixture
def ends():
    pair = socket.socketpair()
    for end in pair:
        end.settimeout(5)
    yield pair
    for end in pair:
        end.close()


def test_messages_come_through_in_order(ends):
    here, there = ends
    sent = [wire.Budget(), wire.FitDone(3), wire.EnsembleOf((1, 2), trim=0.1)]
    for message in sent:
        frames.send(here, message)
    assert [frames.receive(there, FROM_WORKER) for _ in sent] == sent


def test_a_message_that_arrives_in_pieces(ends):
    here, there = ends
    data = frames.encode(wire.Raised("ValueError", "x" * 100_000))

    def drip() -> None:
        for i in range(0, len(data), 7_001):
            here.sendall(data[i : i + 7_001])

    thread = threading.Thread(target=drip)
    thread.start()
    assert frames.receive(there, FROM_WORKER).message == "x" * 100_000
    thread.join()


def test_the_end_of_the_stream_is_said(ends):
    here, there = ends
    here.sendall(struct.pack("<I", 10) + b"abc")
    here.close()
    with pytest.raises(frames.PeerGone):
        frames.receive(there, FROM_WORKER)


def test_a_length_over_the_limit_is_refused_before_it_is_read(ends):
    here, there = ends
    here.sendall(struct.pack("<I", frames.MAX_FRAME + 1))
    with pytest.raises(WorkerError, match="over the"):
        frames.receive(there, FROM_WORKER)


def test_a_message_over_the_limit_is_not_sent(monkeypatch):
    monkeypatch.setattr(frames, "MAX_FRAME", 10)
    with pytest.raises(WorkerError, match="over the 10 allowed"):
        frames.encode(wire.Raised("E", "long enough"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        msgspec.msgpack.encode({"is": "exec", "code": "1"}),
        msgspec.msgpack.encode({"is": "done", "handle": "one"}),
        msgspec.msgpack.encode({"is": "done", "handle": 1, "more": 2}),
        msgspec.msgpack.encode({"is": "fit", "rows": {}}),
        msgspec.msgpack.encode([1, 2]),
        b"\x91" * 5000 + b"\xc0",
    ],
)
def test_what_is_malformed_is_a_worker_error(body):
    with pytest.raises(WorkerError, match="malformed"):
        frames.decode(body, FROM_WORKER)


def test_a_closed_reader_is_said(ends):
    here, there = ends
    there.close()
    with pytest.raises(frames.PeerGone):
        for _ in range(100):
            frames.send(here, wire.Budget())


def test_a_silent_peer_times_out(ends):
    _, there = ends
    there.settimeout(0.05)
    with pytest.raises(TimeoutError):
        frames.receive(there, FROM_WORKER)
