"""What survives a kill, and what does not outlive the host."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from commands import METHODS, Place, numbers

SLOW = '''"""A method that takes its time."""

import time

from w2s_harness import Method, hookimpl


class Slow(Method):
    name = "slow"

    def fit(self, problem, student, rng):
        time.sleep(30)
        return student.fit(problem.rows, problem.weak)


@hookimpl
def w2s_methods():
    return [Slow]
'''


def family(host: int) -> dict[int, str]:
    """Services, zygote and workers of a host: they name it in their command line or descend from it."""
    known, parents = {}, {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        parents[int(entry.name)] = int(parent)
        if b"w2s_harness" in b" ".join(words) and state != "Z":
            known[int(entry.name)] = words
    return {
        pid: "service" if b"w2s_harness.students.service.service" in words else "worker"
        for pid, words in known.items()
        if pid != host and (str(host).encode() in words or descends(pid, host, parents))
    }


def descends(pid: int, host: int, parents: dict[int, int]) -> bool:
    while pid in parents and pid != host:
        pid = parents[pid]
    return pid == host


def wait_for_workers(host: int, workers: int = 2) -> dict[int, str]:
    """Until services, the zygote and `workers` workers are there."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        found = family(host)
        if list(found.values()).count("worker") > workers and "service" in found.values():
            return found
        time.sleep(0.05)
    raise AssertionError("the workers did not come up")


def runs_of(place: Place) -> list[Path]:
    return [r for r in (place.folder / ".w2s" / "runs").iterdir() if not r.name.startswith(".")]


def alive(pids) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}/stat").exists() and _state(pid) != "Z"]


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


@pytest.fixture
def slow(warm) -> Place:
    (warm.folder / "slow.py").write_text(SLOW)
    return warm


def test_killed_again_and_again_it_ends_as_an_undisturbed_run(first, place):
    _, undisturbed = first
    draw = np.random.default_rng()
    kept = []
    for share in (0.3, 0.6, 0.9):
        process = place.start("run", "--methods", METHODS)
        moment = undisturbed.seconds * (share - 0.3 + 0.3 * draw.random())
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        for pid in (process.pid, *family(process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate()
        kept.append(moment)
    done = place("run", "--methods", METHODS)
    assert done.code == 0, (kept, done.err)
    assert numbers(place.board()) == numbers(first[0].board()), f"killed after {kept} s"
    left = [r for r in runs_of(place) if not (r / "leaderboard.json").is_file()]
    assert left == [], "an unfinished run is continued, not begun anew"


def test_nothing_outlives_a_host_that_is_killed(slow):
    process = slow.start("run", "--methods", "./slow.py")
    found = wait_for_workers(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    end = time.monotonic() + 2.0
    while alive(found) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(found), {pid: found[pid] for pid in alive(found)}
    assert not family(process.pid)


def test_a_killed_service_fails_its_cell_and_nothing_else(first, warm):
    (warm.folder / "slow.py").write_text(SLOW.replace("sleep(30)", "sleep(4)"))
    process = warm.start("run", "--methods", "./slow.py,./mine.py::halves")
    found = wait_for_workers(process.pid)
    time.sleep(0.5)
    os.kill(next(pid for pid, kind in found.items() if kind == "service"), signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1 and "Traceback" not in err, err
    rows = {row["method"]: row for row in warm.board()["rows"]}
    assert rows["slow"]["status"] == "failed"
    assert re.search(r"the student service ended by signal 9", rows["slow"]["reason"]), rows["slow"]
    (run,) = [r for r in runs_of(warm) if "slow" in (r / "leaderboard.json").read_text("utf-8")]
    events = [json.loads(line) for line in (run / "events.jsonl").read_text("utf-8").splitlines()]
    failed = [event["cell"] for event in events if "cell" in event and "error" in event]
    assert len(failed) == 1 and "/slow/" in failed[0], failed
    (undisturbed,) = [row for row in first[0].board()["rows"] if row["method"] == "halves"]
    for name in ("transfer", "pgr", "compute"):
        assert rows["halves"][name] == undisturbed[name]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_cleanly_and_says_how_to_go_on(slow, number):
    process = slow.start("run", "--methods", "vanilla,./slow.py")
    found = wait_for_workers(process.pid)
    began = time.monotonic()
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 2.0
    assert process.returncode == 2 and out == ""
    assert "interrupted: run the same command again to resume" in err and "Traceback" not in err
    assert not alive(found)


def test_two_runs_on_one_store_at_once_both_finish(first, warm):
    boards: dict[str, str] = {}

    def run(name: str) -> None:
        done = warm("run", "--methods", METHODS, "-o", f"{name}.json")
        assert done.code == 0, done.err
        boards[name] = done.out

    threads = [threading.Thread(target=run, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(boards) == {"one", "two"}
    found = [numbers(json.loads((warm.folder / f"{n}.json").read_text())) for n in boards]
    assert found[0] == found[1] == numbers(first[0].board())


def test_objects_whose_bytes_changed_are_computed_again_and_said(first, warm):
    objects = sorted((warm.folder / ".w2s" / "objects").rglob("*.*"))
    for path in objects:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(bytes(data))
    done = warm("run", "--methods", METHODS)
    assert done.code == 0, done.err
    assert "its bytes have changed since they were written; it will be computed again" in done.err
    assert numbers(warm.board()) == numbers(first[0].board())
    assert "bytes have changed" not in warm("run", "--methods", METHODS).err


def test_no_space_left_is_one_line_and_keeps_what_is_finished(first, warm):
    before = (warm.folder / ".w2s" / "log.jsonl").stat().st_size
    full = "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);" + (
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({before + 900}, resource.RLIM_INFINITY));"
        "from w2s_harness.cli import main; main()"
    )
    command = [sys.executable, "-c", full, *warm.command("run", "--methods", METHODS)[1:]]
    done = subprocess.run(command, cwd=warm.folder, env=warm.environment(), capture_output=True, text=True)
    assert done.returncode == 4, done.stderr
    (line,) = [text for text in done.stderr.splitlines() if text.startswith("error:")]
    assert "no space left" in line and "finished work is kept" in line
    again = warm("run", "--methods", METHODS)
    kept = int(re.search(r"cells 10/10 \((\d+) kept\)", again.err)[1])
    assert again.code == 0 and 4 <= kept < 10, again.err
    assert numbers(warm.board()) == numbers(first[0].board())
