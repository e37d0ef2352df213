"""The process: roles, errors, and that it never outlives its host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from w2s_harness.contract.errors import ModelError, Skip, WorkerError
from w2s_harness.contract.kinds import VERIFY
from w2s_harness.contract.types import Model
from w2s_harness.contract.worker.handles import ask
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.students import control
from w2s_harness.students.probe.choosing import C_GRID
from w2s_harness.students.probe.probe import fit_exact, sigmoid
from w2s_harness.students.service.client import ServiceClient, held_bytes, memory_share
from w2s_harness.students.service.service import Service
from w2s_harness.students.session.serving import CellSession
from w2s_harness.students.shelf import Shelf

D = 5


@pytest.fixture
def features(tmp_path):
    x = np.random.default_rng(0).normal(size=(40, D)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    ref = control.SplitRef(features=str(tmp_path / "x.npy"), tokens=wire.pack(np.full(40, 7), "i8"))
    return x, ref


def ints(values):
    return wire.pack(np.array(list(values)), "i8")


def fit_predict(ref, y, **changes):
    predict = ((ref, ints(range(9))),)
    return control.FitPredict(
        Model(source="./nowhere"), "probe", "verify", ref, ints(range(40)), wire.pack(y), predict, **changes
    )


def opening(ref, **changes):
    return control.OpenCell(
        Model(source="./nowhere"), "probe", "verify", ref, ints(range(40)), ref, ints(range(40)),
        shape=control.Shape(1000, 3, D), **changes,
    )  # fmt: skip


def ended(pid: int, within_s: float) -> bool:
    limit = time.monotonic() + within_s
    while time.monotonic() < limit:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_a_baseline_service_fits_and_predicts(features):
    x, ref = features
    y = (x[:, 0] > 0).astype(float)
    with ServiceClient("baseline") as service:
        got = service.fit_predict(fit_predict(ref, y, probe=control.ProbeSettings(c=0.5)))
        tuned = service.tune(
            control.TuneProbe(
                Model(source="./nowhere"), "verify", ref, ints(range(40)), wire.pack(y), ints(range(40))
            )
        )
        path = service.tune(
            control.TuneProbe(
                Model(source="./nowhere"),
                "verify",
                ref,
                ints(range(40)),
                wire.pack(y),
                ints(range(40)),
                "path",
            )
        )
    expected = sigmoid(fit_exact(x, y, VERIFY, c=0.5).logits(x[:9]))
    assert wire.unpack(got.values[0]).tobytes() == expected.tobytes()
    assert set(tuned.settings) == {"c"} and len(tuned.grid) >= len(C_GRID)
    assert set(path.settings) == {"epochs", "lr"}


def test_a_worker_facing_service_serves_a_cell(features):
    x, ref = features
    y = np.linspace(0, 1, 40)
    with ServiceClient("worker-facing") as service:
        opened = service.open_cell(opening(ref))
        assert opened == control.Opened(3, D, ())
        reply = service.serve(wire.Fit(wire.RowsRef("train", ints(range(40))), wire.pack(y)))
        assert isinstance(reply, wire.Handled)
        (values,) = service.predict_test(reply.handle).values
        meter = service.close_cell()
        assert meter.fits == 1 and meter.tokens == 2 * 40 * 7
        with pytest.raises(WorkerError, match="no cell is open"):
            service.serve(wire.Budget())
    assert wire.unpack(values) == pytest.approx(sigmoid(fit_exact(x, y, VERIFY, c=0.1).logits(x)))


def test_neither_role_takes_the_others_messages(features):
    _, ref = features
    with ServiceClient("worker-facing") as service:
        for order in (service.fit_predict, service.tune):
            with pytest.raises(WorkerError, match="worker-facing service does not take"):
                order(
                    fit_predict(ref, np.zeros(40))
                    if order == service.fit_predict
                    else control.TuneProbe(
                        Model(source="x"), "verify", ref, ints([]), wire.pack([]), ints([])
                    )
                )
    with ServiceClient("baseline") as service:
        with pytest.raises(WorkerError, match="baseline service does not take OpenCell"):
            service.open_cell(opening(ref))
        with pytest.raises(WorkerError, match="does not take Serve"):
            service.serve(wire.Budget())


def test_a_model_that_is_none_is_one_line_and_the_service_lives(features):
    _, ref = features
    with ServiceClient("baseline") as service:
        with pytest.raises(ModelError, match="no such file") as bad:
            service.extract(control.Extract(Model(source="./nowhere"), "verify", ()))
        assert "\n" not in str(bad.value)
        assert service.alive
        service.fit_predict(fit_predict(ref, np.linspace(0, 1, 40)))


def test_extraction_over_the_wire_equals_extraction_at_home(llama, loaded, verify_rows):
    from w2s_harness.students.lm.readout import extract

    with ServiceClient("worker-facing") as service:
        got = service.extract(control.Extract(llama, "verify", verify_rows))
    here = extract(loaded, verify_rows, VERIFY)
    assert wire.unpack(got.features) == pytest.approx(here.features, abs=1e-4)
    assert wire.unpack(got.tokens).tolist() == here.tokens.tolist()
    assert got.shape == control.Shape(loaded.parameters, 3, 76)


def test_a_service_that_dies_is_a_worker_error():
    service = ServiceClient("worker-facing")
    os.kill(service.pid, signal.SIGKILL)
    with pytest.raises(WorkerError, match="ended by signal 9"):
        service.close_cell()
    assert not service.alive
    service.kill()


LONG = wire.Fit(
    wire.RowsRef("train", wire.pack(np.arange(40), "i8")), wire.pack(np.linspace(0, 1, 40)), epochs=50.0
)


def ask_on(service) -> None:
    """Ask for fit after fit until the service refuses or is gone."""
    for seed in range(10**6):
        reply = service.serve(msgspec.structs.replace(LONG, seed=seed))
        assert isinstance(reply, wire.Handled), reply


def unlimited(ref) -> control.OpenCell:
    limits = control.CellBudget(fits=10**6, handles=10**6, vanillas=1e9)
    return msgspec.structs.replace(opening(ref), limits=limits)


def test_a_service_works_no_longer_for_a_cell_than_its_clock(features):
    _, ref = features
    service, began = ServiceClient("worker-facing"), time.monotonic()
    service.open_cell(unlimited(ref), clock_s=1.0)
    with pytest.raises(WorkerError, match=r"worked more than 1 s for this cell.*raise --cell-timeout"):
        ask_on(service)
    assert not service.alive and time.monotonic() - began < 15


def test_one_request_cannot_outlast_the_clock(features):
    _, ref = features
    service = ServiceClient("worker-facing")
    service.open_cell(unlimited(ref), clock_s=0.5)
    os.kill(service.pid, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(WorkerError, match=r"worked more than 0.5 s"):
        service.serve(LONG)
    assert time.monotonic() - began < 2 and not service.alive


def test_the_clock_is_of_one_cell_and_stands_while_the_worker_works(features):
    _, ref = features
    with ServiceClient("worker-facing") as service:
        for _ in range(2):
            service.open_cell(opening(ref), clock_s=2.0)
            assert isinstance(service.serve(LONG), wire.Handled)
            time.sleep(1.5)
            assert isinstance(service.serve(LONG), wire.Handled)
            service.close_cell()


def test_a_service_that_holds_too_much_is_ended(features):
    _, ref = features
    service = ServiceClient("worker-facing", memory_bytes=2**20)
    with pytest.raises(WorkerError, match=r"held \d+ MiB of memory for this cell, over the 1 MiB"):
        service.open_cell(unlimited(ref))
        ask_on(service)
    assert not service.alive
    with pytest.raises(WorkerError, match="student service"):
        service.close_cell()


def test_each_slot_has_its_share_of_the_memory(monkeypatch):
    monkeypatch.setattr("w2s_harness.students.service.client._memory_bytes", lambda: 100 * 2**30)
    assert memory_share(4) == 20 * 2**30
    assert memory_share(1000) == 2 * 2**30
    assert held_bytes(os.getpid()) > 2**24 and held_bytes(2**22 + 1) == 0


def test_closing_and_killing_leave_nothing(features):
    for end in (ServiceClient.close, ServiceClient.kill):
        service = ServiceClient("baseline")
        end(service)
        assert not Path(f"/proc/{service.pid}").exists()


def test_the_service_gets_a_clean_environment(monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_HOST", "x")
    with ServiceClient("baseline", threads=3) as service:
        with pytest.raises(WorkerError):
            service.close_cell()  # an answer means that the process is up
        environment = Path(f"/proc/{service.pid}/environ").read_bytes().split(b"\0")
    assert b"OMP_NUM_THREADS=3" in environment and b"OPENBLAS_NUM_THREADS=3" in environment
    assert not any(b"SECRET" in item for item in environment)


HOST = """
import sys, threading, time
from w2s_harness.students.service.client import ServiceClient
from w2s_harness.students import control
kept = []
def start():
    kept.append(ServiceClient("worker-facing"))
thread = threading.Thread(target=start)
thread.start(); thread.join()
time.sleep({after_thread})
try:
    kept[0].close_cell()
except Exception as bad:
    print(bad)
print(kept[0].pid, flush=True)
time.sleep(60)
"""


def test_a_service_outlives_the_thread_that_started_it_but_not_the_host():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-c", HOST.format(after_thread=0.5)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == "no cell is open\n"
        pid = int(host.stdout.readline())
        assert not ended(pid, 0.1)
        host.kill()
    assert ended(pid, 2.0)


def test_a_busy_service_ends_when_its_socket_closes(features):
    _, ref = features
    service = ServiceClient("worker-facing")
    service.open_cell(opening(ref))
    from w2s_harness.contract.worker.wire.frames import send

    many = np.zeros(200_000, np.int64)
    long = wire.Fit(wire.RowsRef("train", ints(many)), wire.pack(many.astype(float)), epochs=50.0)
    send(service._socket, control.Serve(long))
    time.sleep(0.3)
    assert service.alive
    service._socket.close()
    assert ended(service.pid, 2.0)
    service.kill()


@pytest.mark.parametrize(
    ("bad", "mend"),
    [
        (MemoryError(), "--context"),
        (RuntimeError("CUDA out of memory.\nTried to allocate 2 GiB"), "-n 1"),
        (IndexError("index 70 is out of bounds"), "--context"),
        (KeyError("attention"), "--debug"),
    ],
)
def test_an_exception_is_told_with_its_type_its_model_and_a_mend(monkeypatch, bad, mend):
    def broken(*_):
        raise bad

    service = Service("baseline")
    monkeypatch.setattr(service._shelf, "model", broken)
    answer = service.answer(control.Extract(Model(source="./mine"), "verify", ()))
    assert isinstance(answer, control.Unserved) and answer.error == "ModelError"
    assert type(bad).__name__ in answer.reason and "'./mine'" in answer.reason and mend in answer.reason
    assert "\n" not in answer.reason and "Traceback" in answer.trace


def test_in_a_cell_an_exception_fails_the_cell_and_the_service_lives(features, monkeypatch):
    service = Service("worker-facing")
    assert isinstance(service.answer(opening(features[1])), control.Opened)
    monkeypatch.setattr(CellSession, "serve", lambda *_: 1 / 0)
    answer = service.answer(control.Serve(wire.Budget()))
    assert isinstance(answer, control.Unserved) and answer.error == "WorkerError"
    assert "ZeroDivisionError" in answer.reason and "./nowhere" in answer.reason
    assert isinstance(service.answer(control.CloseCell()), control.Meter)


def test_an_encoder_is_trained_but_not_asked(features):
    _, ref = features
    encoder = control.Shape(1000, 3, D, predicts=False)
    order = msgspec.structs.replace(opening(ref, access=("generate",)), shape=encoder)
    session = CellSession(order, Shelf())
    assert session.opened.templates == ()
    rows = wire.RowsRef("train", ints(range(4)))
    for request in (
        wire.ZeroShotMargins(rows, "{question} {candidate}"),
        wire.Prior(None, 0.0),
        wire.Generate(rows, "{question}", 8),
    ):
        reply = session.serve(request)
        assert isinstance(reply, wire.Refused) and reply.unable and "is an encoder" in reply.reason
    assert isinstance(session.serve(wire.Fit(rows, wire.pack(np.arange(4) % 2.0))), wire.Handled)


def test_a_worker_whose_student_is_unable_is_skipped():
    class Connection:
        def call(self, request):
            return wire.Refused("is an encoder", unable=True)

    with pytest.raises(Skip, match="is an encoder"):
        ask(Connection(), wire.Budget(), wire.Left)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise OSError('no such library')", "with status 1: OSError: no such library"),
        ("import os; os.kill(os.getpid(), 9)", "by signal 9: it said nothing. The system may have run out"),
        ("import sys; sys.exit('it is over')", "with status 1: it is over"),
    ],
)
def test_how_a_service_died_is_one_line_without_its_traceback(code, said, monkeypatch, tmp_path):
    real = subprocess.Popen
    fake = lambda command, **options: real([sys.executable, "-c", code], **options)  # noqa: E731
    monkeypatch.setattr(subprocess, "Popen", fake)
    with ServiceClient("baseline") as service, pytest.raises(WorkerError) as bad:
        service.look(Model(source="./nowhere"))
    assert said in str(bad.value) and "Traceback" not in str(bad.value) and "\n" not in str(bad.value)
    notes = getattr(bad.value, "__notes__", [])
    assert bool(notes) == ("raise" in code) and all("Traceback" in note for note in notes)
