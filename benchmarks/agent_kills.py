"""Kill an agent run again and again among its evaluations; it must end as one that nobody disturbed.

    python benchmarks/agent_kills.py [--kills 10] [--queries 24]

The host's process group is sent SIGKILL when a given number of evaluations stand in the run's folder, and a
moment drawn from a named seed later, so that kills fall anywhere within the evaluation that follows. Then
`agent resume` goes on. Prints every kill, and whether evaluations, calls, ledger and board are those of the
run that nobody killed. Asserts nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CLI = [sys.executable, "-c", "from w2s_harness.cli import main; main()"]
FLAGS = ["--limit", "240", "--seeds", "2", "--held-out-tasks", "math", "--agents", "2", "--hours", "1",
         "--guards", "provenance", "-n", "1", "-q"]  # fmt: skip


def started(place: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*CLI, *arguments], cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def lines(file: Path) -> list[dict[str, Any]]:
    """The whole lines of a book."""
    data = file.read_bytes() if file.exists() else b""
    return [json.loads(line) for line in data.split(b"\n")[:-1]]


def killed(place: Path, run: list[str], kills: int, queries: int) -> None:
    """Work a run off, killed after evaluations spread over all of them."""
    rng, command = random.Random("agent kills"), run
    for number in range(kills):
        at, wait = 1 + number * (queries - 1) // kills, rng.uniform(0, 3)
        process = started(place, *command)
        while process.poll() is None and len(lines(place / "killed" / "evaluations.jsonl")) < at:
            time.sleep(0.05)
        try:
            process.wait(wait)
            print(f"ended by itself before kill {number + 1}")
            return
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        done = len(lines(place / "killed" / "evaluations.jsonl"))
        print(f"kill {number + 1:2d}  {wait:.1f} s after evaluation {at}, {done} done", flush=True)
        command = ["agent", "resume", "killed", "-n", "1", "-q"]
    print("last exit code", started(place, *command).wait())


def evaluations(folder: Path) -> list[tuple[Any, ...]]:
    return [(e["who"], e["label"], e["pgr"], e["told"]) for e in lines(folder / "evaluations.jsonl")]


def differing(a: Path, b: Path) -> list[str]:
    """Fields in which the rows of two boards differ, apart from folders and what a clock decides."""
    boards = []
    for folder, store in ((a, "s1"), (b, "s2")):
        text = (folder / "leaderboard.json").read_text("utf-8")
        rows = json.loads(text.replace(folder.name, "run").replace(f"/{store}/", "/s/"))["rows"]
        boards.append([row | {"author": row.get("author", {}) | {"hours": None}} for row in rows])
    if len(boards[0]) != len(boards[1]):
        return ["rows"]
    fields = {k for x, y in zip(*boards, strict=True) for k in x.keys() | y.keys() if x.get(k) != y.get(k)}
    return sorted(fields - {"cost"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--queries", type=int, default=24)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        run = ["agent", "run", *FLAGS, "--queries", str(args.queries)]
        killed(place, [*run, "--dir", "killed", "--store", "s1"], args.kills, args.queries)
        print("undisturbed exit code", started(place, *run, "--dir", "whole", "--store", "s2").wait())
        paid = [line for line in lines(place / "killed" / "ledger.jsonl") if line.get("cost")]
        calls = {(line["who"], line["call"]) for line in paid}
        print(f"queries paid {len(paid)}, calls {len(calls)}")
        print("same evaluations", evaluations(place / "killed") == evaluations(place / "whole"))
        print("fields of the board that differ:", differing(place / "killed", place / "whole") or "none")
        print("verify", started(place, "verify", "killed").wait())


if __name__ == "__main__":
    main()
