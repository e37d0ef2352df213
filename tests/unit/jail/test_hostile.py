"""Workers that break the protocol, die, hang or flood: the cell fails with one line, the host goes on."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

import pytest
from worker_cells import Service, method, start

from w2s_harness.contract.errors import WorkerError
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.jail.host.channel import Cancelled
from w2s_harness.jail.policy import Order
from w2s_harness.run.cell.worker.conversation import Finished, converse

FIT = "return student.fit(problem.rows, problem.weak)"
OPEN = Order(mode="off")
"""What the host does for a worker that is not jailed."""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("os.write(3, b'\\x05\\0\\0\\0hello'); time.sleep(9)", "a malformed message"),
        (
            "os.write(3, b'\\xff' * 100); time.sleep(9)",
            "a message of 4294967295 bytes, over the 67108864 allowed",
        ),
        ("os.write(3, b'\\x64\\0\\0\\0abc'); os._exit(0)", "ended with exit status 0 before it was done"),
        ("os._exit(0)", "ended with exit status 0 before it was done"),
        ("os._exit(3)", "ended with exit status 3"),
        ("sys.exit(0)", "SystemExit: 0"),
        ("print('last words'); os.abort()", "was killed by SIGABRT before it was done; .* last words"),
        ("import ctypes; ctypes.string_at(0)", "was killed by SIGSEGV"),
        ("os.close(3); time.sleep(9)", "closed its connection before it was done"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise type('E', (Exception,), {'__str__': lambda s: 1 / 0})", "its message cannot be shown"),
        ("def f(): f()\nf()", "RecursionError"),
        (
            "x = [[]]\nx = [[1], []]\nreturn student.fit(problem.rows, x)",
            "StudentError: targets are not",
        ),
    ],
)
def test_a_worker_that_misbehaves_fails_its_cell_only(cell, body, message):
    began = time.monotonic()
    with pytest.raises(WorkerError, match=message):
        cell(method(body))
    assert time.monotonic() - began < 8
    assert isinstance(cell(method(FIT)), Finished)


FRAME = """
def frame(message):
    import msgspec
    body = msgspec.msgpack.encode(message)
    os.write(3, len(body).to_bytes(4, "little") + body)
"""


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("{'is': 'done', 'handle': 'x'}", "a malformed message: Expected `int | null`"),
        ("{'is': 'done', 'handle': 1, 'more': 2}", "a malformed message: .*unknown field"),
        ("{'is': '\\x1b[2J'}", r"^the worker sent a malformed message: Invalid value '\\x1b\[2J'"),
        ("{'is': 'shutdown'}", "a malformed message: Invalid value 'shutdown'"),
        ("{'is': 'described', 'methods': []}", "a malformed message"),
        ("{'is': 'handle', 'handle': 1}", "a malformed message"),
        ("{'is': 'done', 'handle': None}", "returned no student, and has no access inference"),
        (
            "{'is': 'fit', 'rows': {'phase': 'gold', 'index': {'dtype': 'i8', 'shape': [0], 'data': b''}}}",
            "malformed",
        ),
        ("[[[]]]", "a malformed message"),
    ],
)
def test_messages_are_decoded_strictly(cell, service, message, expected):
    with pytest.raises(WorkerError, match=expected):
        cell(method(f"frame({message}); time.sleep(9)", after=FRAME))
    assert service.requests == []


def test_predictions_before_fit_is_over_are_refused(cell):
    array = "{'dtype': 'f8', 'shape': [1], 'data': b'0' * 8}"
    body = f"frame({{'is': 'predictions', 'values': {array}}}); time.sleep(9)"
    with pytest.raises(WorkerError, match="a malformed message: Invalid value 'predictions'"):
        cell(method(body, after=FRAME), access=("inference",), n_test=1)


def test_requests_after_done_are_a_breach(cell, service):
    body = "frame({'is': 'done', 'handle': 1}); frame({'is': 'budget'}); time.sleep(9)"
    with pytest.raises(WorkerError, match="sent more after its last message"):
        cell(method(body, after=FRAME))
    assert service.requests == []


def test_what_the_method_raised_is_made_safe_by_the_host_as_well(cell):
    forged = r"{'is': 'raised', 'kind': 'E', 'message': '\x1b[2J' * 2000, 'frames': ['\x07' * 5000] * 50}"
    with pytest.raises(WorkerError) as caught:
        cell(method(f"frame({forged}); time.sleep(9)", after=FRAME))
    assert len(str(caught.value)) <= 2000 and str(caught.value).isprintable()


@pytest.mark.parametrize(
    "body", ["time.sleep(60)", "while True: pass", "os.write(3, b'\\x64'); time.sleep(60)"]
)
def test_the_clock_ends_a_worker_that_takes_too_long(cell, body):
    began = time.monotonic()
    with pytest.raises(WorkerError, match=r"more than 0.4 s of its own time.*--cell-timeout"):
        cell(method(body), clock_s=0.4)
    assert time.monotonic() - began < 3


def test_the_clock_stands_still_while_a_request_is_served(zygote):
    def slow(request):
        time.sleep(0.6)
        return wire.Handled(1)

    with zygote.spawn() as worker:
        told = start(method(FIT))
        assert converse(worker, told, slow, clock_s=0.5, cancelled=threading.Event()) == Finished(1)


def test_a_slow_drip_of_bytes_does_not_stretch_the_clock(cell):
    body = """
        for _ in range(1000):
            os.write(3, b"\\x01\\0\\0\\0"[:1]); time.sleep(0.05)
    """
    with pytest.raises(WorkerError, match="of its own time"):
        cell(method(body), clock_s=0.5)


def test_a_worker_that_never_reads_its_answer_runs_out_of_time(zygote):
    body = "frame({'is': 'budget'}); time.sleep(60)"
    big = wire.Values(wire.pack([0.0] * 2**20))
    with zygote.spawn() as worker, pytest.raises(WorkerError, match="of its own time"):
        converse(
            worker, start(method(body, after=FRAME)), lambda r: big, clock_s=0.5, cancelled=threading.Event()
        )


def test_an_interrupt_ends_the_conversation_at_once(zygote):
    cancelled = threading.Event()
    threading.Timer(0.3, cancelled.set).start()
    began = time.monotonic()
    with zygote.spawn() as worker, pytest.raises(Cancelled):
        converse(worker, start(method("time.sleep(60)")), Service(), clock_s=50, cancelled=cancelled)
    assert time.monotonic() - began < 1.5


def test_a_flood_of_output_is_capped_and_shown_without_control_characters(cell, service):
    body = """
        for i in range(40_000):
            print("\\x1b[31m", i, "y" * 50, file=sys.stderr if i % 2 else sys.stdout)
        os.write(1, b"\\xff\\x00end")
        return student.fit(problem.rows, problem.weak)
    """
    assert cell(method(body)) == Finished(1)
    assert service.printed.endswith("\ufffd\\x00end")
    assert "39999" in service.printed and " 100 y" not in service.printed
    assert "\x1b" not in service.printed and len(service.printed) < 2 * 2**16


def test_an_endless_flood_runs_out_of_time(cell):
    began = time.monotonic()
    with pytest.raises(WorkerError, match="of its own time"):
        cell(method("while True: print('y' * 10_000)"), clock_s=0.5)
    assert time.monotonic() - began < 3


def living(marker: str) -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if marker.encode() in (folder / "cmdline").read_bytes() and b"Z" not in _state(folder):
                    found.append(folder.name)
            except OSError:
                continue
    return found


def _state(folder: Path) -> bytes:
    return (folder / "stat").read_bytes().rpartition(b")")[2].split()[0]


@pytest.mark.parametrize(
    "leave", ["return student.fit(problem.rows, problem.weak)", "os._exit(1)", "time.sleep(9)"]
)
def test_nothing_that_a_worker_started_outlives_it(cell, leave):
    # One child in the worker's group, one grandchild that has left its session and its parent.
    marker = f"sleep 98765.{os.getpid()}{len(leave)}"
    body = f"""
        command = ["/bin/sh", "-c", "exec {marker}"]
        import subprocess
        subprocess.Popen(command)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.execv(command[0], command)
            os._exit(0)
        os.wait()
        time.sleep(0.2)
        print("started")
        {leave}
    """
    with contextlib.suppress(WorkerError):
        cell(method(body), clock_s=2, order=OPEN)
    assert living(marker.replace(" ", "\0")) == []


def test_a_worker_that_fills_its_scratch_leaves_nothing(cell, service):
    body = """
        os.makedirs("a/b"); open("a/b/c", "w").write("x"); os.symlink("/etc", "a/link")
        os.chmod("a/b", 0); os.chmod("a", 0)
        return student.fit(problem.rows, problem.weak)
    """
    cell(method(body), order=OPEN)
    assert not service.worker.scratch.exists() and Path("/etc/passwd").exists()


def test_a_file_over_the_limit_cannot_be_written(cell):
    with pytest.raises(WorkerError, match="File too large"):
        cell(method("open('big', 'wb').truncate(65 * 2**20)"), order=OPEN)
