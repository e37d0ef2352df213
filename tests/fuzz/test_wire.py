"""What the host does with a worker's bytes: frames, messages, a whole conversation, the service's answers."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import mutants
import numpy as np
import pytest
from bounds import fuzz
from hypothesis import given
from hypothesis import strategies as st

from w2s_harness.contract.types import Model
from w2s_harness.contract.worker.wire import frames
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.jail.host import channel
from w2s_harness.jail.host.channel import Channel
from w2s_harness.jail.levels import MAX_REPORT, Report, report
from w2s_harness.run.cell.worker.conversation import converse
from w2s_harness.students import control
from w2s_harness.students.session.serving import CellSession
from w2s_harness.students.shelf import Shelf

FROM_WORKER = (
    wire.Request
    | wire.FitDone
    | wire.OwnPredictions
    | wire.Raised
    | wire.Skipped
    | wire.Described
    | wire.Noticed
)
N, D = 12, 4
ACCESS = ("embeddings", "inference", "transductive")
INDEX = wire.pack(np.arange(N), "i8")
ROWS = wire.RowsRef("train", INDEX)
TEST = wire.RowsRef("test", wire.pack([0, 1], "i8"), wire.pack([0, 1], "u1"))
HALVES = wire.pack(np.full(N, 0.5))
INFO = wire.MethodInfo(
    "mine",
    "a method",
    (wire.Parameter("a", "float", 0.5),),
    ("embeddings",),
    "w2s",
    ("me",),
    "agent",
    authored_hours=2.0,
    authored_usd=10.0,
    reference="arXiv",
)
REQUESTS: tuple[wire.Request, ...] = (
    wire.Fit(ROWS, wire.pack(np.arange(N) % 2)),
    wire.Fit(ROWS, HALVES, HALVES, "logconf", {"a": 0.5}, 2.0, 0.1, None, 3, True),
    wire.Predict(0, ROWS),
    wire.Predict(0, TEST),
    wire.Losses(0, ROWS, HALVES),
    wire.ZeroShotMargins(ROWS, None, ((0, 1.0),)),
    wire.Prior("{candidate}", 0.1),
    wire.Embed(ROWS, "features"),
    wire.Embed(ROWS, 1, 1, "{choice}"),
    wire.EnsembleOf((0, 0), "mean", 0.1, False),
    wire.Head(wire.pack(np.ones(D)), 0.5),
    wire.Budget(),
)
LAST = (
    wire.FitDone(0),
    wire.FitDone(None),
    wire.OwnPredictions(wire.pack([0.1, 0.9])),
    wire.Raised("ValueError", "bad", ("a.py:1 in fit: x",)),
    wire.Described((INFO,)),
)
START = wire.Start(
    wire.Source("m", "m.py", b""), "mine", {}, "verify", HALVES, ACCESS, 0, 3, D, ("sum",), wire.Released(N)
)
encode = msgspec.msgpack.encode
BODIES = [encode(m) for m in (*REQUESTS, *LAST)]
VALUES = [msgspec.msgpack.decode(body) for body in BODIES]
TOKENS = (
    b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff",
    b"\xdc\xff\xff", b"\xcf" + b"\xff" * 8, b"\xd3\x80" + b"\0" * 7, b"\xcb\x7f\xf8" + b"\0" * 6,
    b"\xcb\x7f\xf0" + b"\0" * 6, b"\xca\xff\x80\0\0", b"\xc0", b"\xc1", b"\xc2", b"\xc3", b"\x90", b"\x91",
    b"\x92", b"\x80", b"\x81", b"\x81\xa1a", b"\xa0", b"\xc4\0", b"\xd6\xff\0\0\0\0",
    b"\xc7\x0c\xff" + b"\xff" * 12, b"\xd4\x05\0", b"\xc9\xff\xff\xff\xff\x01",
    *(b"\xa2is" + encode(name) for name in ("fit", "predict", "done", "raised", "embed")), b"\xa5shape",
    b"\xa5dtype",
)  # fmt: skip


class TalkingWorker:
    """A worker that says what it is given and hangs up."""

    def __init__(self, said: bytes) -> None:
        self.sock, self._theirs = socket.socketpair()
        self.output_fd, printing = os.pipe()
        os.close(printing)
        # the socket's own buffer takes in whatever is said here
        self._theirs.settimeout(5.0)
        self._theirs.sendall(said)
        self._theirs.shutdown(socket.SHUT_WR)

    def __enter__(self) -> TalkingWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()
        self._theirs.close()
        os.close(self.output_fd)

    def drain(self) -> bool:
        return bool(os.read(self.output_fd, 2**16))

    def output(self) -> str:
        return ""

    def how_it_ended(self, timeout_s: float) -> str:
        return "ended"


class TalkingZygote:
    """Gives workers that say what it is given."""

    def __init__(self, said: bytes) -> None:
        self.spawn = lambda order: TalkingWorker(said)


@pytest.fixture
def opening(tmp_path):
    x = np.random.default_rng(0).normal(size=(N, D)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "l.npy", x[:, :3].astype(np.float64))
    ref = control.SplitRef(
        features=str(tmp_path / "x.npy"),
        likelihoods=str(tmp_path / "l.npy"),
        tokens=wire.pack(np.full(N, 7), "i8"),
    )
    model = Model(source="./nowhere", templates={"sum": {"kind": "likelihood", "statistic": "sum"}})
    return control.OpenCell(
        model, "probe", "verify", ref, INDEX, ref, INDEX, access=ACCESS, shape=control.Shape(1000, 3, D),
        limits=control.CellBudget(fits=4, epochs=3.0, handles=4),
    )  # fmt: skip


@contextmanager
def cell(opening: control.OpenCell) -> Iterator[CellSession]:
    """A cell with two handles, so that mutated requests have something to ask for."""
    session = CellSession(opening, Shelf())
    for weight in (0.0, 1.0):
        assert isinstance(session.serve(wire.Head(wire.pack(np.full(D, weight)))), wire.Handled)
    yield session


def test_the_requests_that_are_mutated_are_served(opening):
    refused = []
    for request in REQUESTS:
        with cell(opening) as session:
            refused += [request] * isinstance(session.serve(request), wire.Refused)
    # no model stands behind these
    assert refused == [REQUESTS[3], REQUESTS[5], REQUESTS[8]]


@pytest.mark.parametrize("kind", [FROM_WORKER, wire.Described | wire.Raised, wire.ToWorker, Report])
def test_mutated_messages(count, kind):
    bodies = [*BODIES, encode(START), encode(report([]))]
    fuzz(mutants.of_bytes("messages", count, bodies, TOKENS), lambda body: frames.decode(body, kind))


def served(opening: control.OpenCell, body: bytes) -> None:
    message = frames.decode(body, FROM_WORKER)
    if isinstance(message, wire.Request):
        with cell(opening) as session:
            encode(session.serve(message))


def test_what_the_service_does_with_mutated_requests(count, opening):
    extra = (
        "f4",
        "i8",
        "test",
        "logconf",
        "product",
        b"",
        b"\0" * 8,
        b"\xff" * 8,
        [0],
        [0, 2**40],
        [1] * 65,
        [3] * 5000,
    )
    inputs = mutants.of_values("requests", count, VALUES, encode, extra)
    assert fuzz(inputs, lambda body: served(opening, body)) > count / 20


def test_mutated_arrays(count):
    values = [msgspec.msgpack.decode(encode(wire.pack(a))) for a in ([], [[0.5]], np.ones((2, 3)))]
    shapes = ([0, 2**40], [0, 2**63], [0] * 70, [1] * 65, [3] * 5000, [2**62, 4, 0], [0], [-1], [])
    extra = (*shapes, b"", b"\0" * 8, b"\0" * 7, "u1", "i8")

    def read(body: bytes) -> None:
        wire.unpack(frames.decode(body, wire.Array))

    assert fuzz(mutants.of_values("arrays", count, values, encode, extra), read) > 0


@pytest.mark.parametrize("kind", [FROM_WORKER, Report])
def test_a_stream_of_mutated_frames(count, kind):
    corpus = [frames.HEADER.pack(len(body)) + body for body in [*BODIES, encode(report([]))]]
    lengths = [
        struct.pack("<I", n)
        for n in (0, 1, MAX_REPORT + 1, frames.MAX_FRAME, frames.MAX_FRAME + 1, 2**32 - 1)
    ]

    def read(body: bytes) -> None:
        with TalkingWorker(body) as worker:
            if kind is Report:
                frames.receive(worker.sock, kind, limit=MAX_REPORT)
                return
            channel = Channel(worker, 10.0, threading.Event())
            while True:
                channel.receive(kind)

    fuzz(mutants.of_bytes("frames", count, corpus, (*TOKENS, *lengths)), read)


def test_mutated_conversations(count, opening):
    talks = [
        b"".join(map(frames.encode, talk))
        for talk in (
            (*REQUESTS[::2], LAST[0]),
            (*REQUESTS[1::2], LAST[1], LAST[2]),
            (LAST[3],),
            (LAST[1], LAST[4]),
        )
    ]

    def talk(body: bytes) -> None:
        with TalkingWorker(body) as worker, cell(opening) as session:
            converse(
                worker, START, session.serve, clock_s=10.0, cancelled=threading.Event(), test=wire.Released(2)
            )

    fuzz(mutants.of_bytes("conversations", count, talks, TOKENS), talk)


def test_mutated_descriptions(count):
    def read(body: bytes) -> None:
        said = frames.HEADER.pack(len(body)) + body
        infos = channel.describe(TalkingZygote(said), wire.Source("m"), 10.0)
        assert all(text.isprintable() for info in infos for text in (info.name, info.summary, info.reference))

    values = [msgspec.msgpack.decode(encode(m)) for m in LAST[3:]]
    assert fuzz(mutants.of_values("described", count, values, encode), read) > count / 40


PACKED = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=10,
)


def test_any_message(drawn, opening):
    tags = st.sampled_from(sorted({value["is"] for value in VALUES}))
    fields = st.dictionaries(
        st.sampled_from(sorted({k for value in VALUES for k in value})), PACKED, max_size=5
    )
    seen = []

    @drawn
    @given(tags, fields)
    def one(tag, value):
        seen.append(tag)
        fuzz([encode({**value, "is": tag})], lambda body: served(opening, body))

    one()
    assert set(seen) >= {"fit", "done"}
