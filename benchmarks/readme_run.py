"""Measure the main job: cold, cached, the cost of one more method, start-up, memory, share of model compute.

    python benchmarks/readme_run.py [--runs 3]

Prints a table; asserts nothing. Peak memory is the largest sum of resident sizes of the run's processes,
sampled every 0.1 s.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from processes import family

MAIN = ["w2s-harness", "run", "--tasks", "math,code,chat,kinds", "-q"]
METHOD = '''
from dataclasses import dataclass
from w2s_harness import Method, hookimpl

@dataclass(frozen=True)
class Added(Method):
    """Vanilla on the surest half."""
    name = "added"

    def fit(self, problem, student, rng):
        keep = abs(problem.weak - 0.5) >= sorted(abs(problem.weak - 0.5))[len(problem.weak) // 2]
        return student.fit(problem.rows[keep], problem.weak[keep])

@hookimpl
def w2s_methods():
    return [Added]
'''


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    for name, values in measure(runs).items():
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"{name:<44} min {low:8.2f}  median {middle:8.2f}  max {high:8.2f}")


def measure(runs: int) -> dict[str, list[float]]:
    out: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        out.setdefault(name, []).append(value)

    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            _one(Path(folder), note)
    click = [_start([sys.executable, "-c", "import click"]) for _ in range(5)]
    for name, command in (("--help", ["w2s-harness", "--help"]), ("list", ["w2s-harness", "list"])):
        for _ in range(5):
            note(f"{name} / import click", _start(command) / statistics.median(click))
    return out


def _one(folder: Path, note) -> None:
    seconds, mib = _watched(MAIN, folder)
    note("cold (s)", seconds)
    note("cold, peak memory of all processes (MiB)", mib)
    board = json.loads(next((folder / ".w2s/runs").glob("*/leaderboard.json")).read_text())
    timing = board["timing"]
    busy = sum(timing["service_seconds"].values())
    slots = board["machine"]["slots"]
    note("cold, FLOPs of features and baselines (1e9)", timing["flops"]["computed_for_baselines"] / 1e9)
    note("cold, share of slot time in services", busy / (slots * seconds))
    note("cold, cells (s)", timing["seconds"]["cells"])
    note("again, all kept (s)", _watched(MAIN, folder)[0])
    (folder / "added.py").write_text(METHOD)
    more = [*MAIN, "--methods", "vanilla,./added.py"]
    seconds, _ = _watched(more, folder)
    note("one more method, per cell (s)", seconds / 15)


def _start(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _watched(command: list[str], folder: Path) -> tuple[float, float]:
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    peak, stop = [0.0], threading.Event()
    thread = threading.Thread(target=_sample, args=(process.pid, peak, stop))
    thread.start()
    code = process.wait()
    stop.set()
    thread.join()
    if code:
        raise SystemExit(f"{' '.join(command)} ended with {code}")
    return time.perf_counter() - began, peak[0]


def _sample(root: int, peak: list[float], stop: threading.Event) -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    while not stop.wait(0.1):
        total = 0
        for pid in family(root):
            try:
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page
            except (OSError, IndexError):
                continue
        peak[0] = max(peak[0], total / 2**20)


if __name__ == "__main__":
    main()
