"""Kill a run at a random moment, again and again, then finish it: its leaderboard must equal a quiet run's.

    python benchmarks/kill_and_resume.py [--times 20] [--host-alone] [-- RUN ARGUMENTS]

`--host-alone` kills only the host and counts the processes that are left after 2 s. Prints a line a kill and
ends with 1 where anything differs or is left.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from processes import family

DEFAULT = ["--tasks", "math,chat", "--limit", "200", "--seeds", "3"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--host-alone", action="store_true")
    parser.add_argument("arguments", nargs="*", default=DEFAULT)
    options = parser.parse_args()
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        command = ["w2s-harness", "run", "-q", *(options.arguments or DEFAULT)]
        began = time.monotonic()
        undisturbed = _stable(_finish(command, Path(folder) / "undisturbed"))
        whole = time.monotonic() - began
        print(f"undisturbed: {whole:.1f} s, {len(undisturbed)} bytes without timing and machine")
        left = 0
        store = Path(folder) / "killed"
        for i in range(options.times):
            after = rng.uniform(0.1, whole)
            remaining = _kill(command, store, after, host_alone=options.host_alone)
            left += remaining
            print(f"kill {i + 1:>2} after {after:5.1f} s: {remaining} processes left after 2 s", flush=True)
            if _has_leaderboard(store):
                store = Path(folder) / f"killed-{i}"
        same = _stable(_finish(command, store)) == undisturbed
        print(
            f"finished after {options.times} kills: {'the same bytes' if same else 'DIFFERENT'}; {left} left"
        )
        raise SystemExit(0 if same and not left else 1)


def _finish(command: list[str], store: Path) -> Path:
    subprocess.run([*command, "--store", str(store)], check=True, stdout=subprocess.DEVNULL)
    return max((store / "runs").glob("*/leaderboard.json"))


def _has_leaderboard(store: Path) -> bool:
    return any((store / "runs").glob("*/leaderboard.json"))


def _stable(path: Path) -> bytes:
    board = json.loads(path.read_text())
    return json.dumps(
        {k: v for k, v in board.items() if k not in ("timing", "machine")}, sort_keys=True
    ).encode()


def _kill(command: list[str], store: Path, after: float, *, host_alone: bool) -> int:
    """How many of the run's processes are left 2 s after the kill."""
    process = subprocess.Popen([*command, "--store", str(store)], stdout=subprocess.DEVNULL)
    try:
        process.wait(after)
        return 0
    except subprocess.TimeoutExpired:
        pass
    whole = family(process.pid)
    for pid in [process.pid] if host_alone else whole:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()
    time.sleep(2)
    return sum(_is_running(pid) for pid in whole)


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    main()
