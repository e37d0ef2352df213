"""What full isolation costs a whole cell of a probe-mode method: the same cells jailed and not, in turn.

    python benchmarks/jailed_cells.py [--rounds 5] [--most 1.2]

Each round runs 3 methods x 8 seeds on `math` in copies of one warm store, first without a jail, then at the
best level there is, one slot, no guards. Prints the median seconds of a cell by method and their ratio; ends
with 1 where the ratio over all cells is above `--most`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

METHODS = "vanilla,logconf,self-training"
RUN = ["w2s-harness", "run", "--tasks", "math", "--guards", "none", "-n", "1", "-q", "--seeds", "8"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--most", type=float, default=1.2)
    chosen = parser.parse_args()
    taken: dict[str, dict[str, list[float]]] = {"off": {}, "best": {}}
    with tempfile.TemporaryDirectory() as folder:
        warm = Path(folder) / "warm"
        _run(warm, "off", "zero-shot")
        for _ in range(chosen.rounds):
            for level, by_method in taken.items():
                place = Path(folder) / level
                shutil.copytree(warm, place)
                for method, seconds in _run(place, level, METHODS):
                    by_method.setdefault(method, []).append(seconds)
                shutil.rmtree(place)
    for method in METHODS.split(","):
        off, jailed = (statistics.median(taken[level][method]) for level in taken)
        print(f"{method:<14} off {1000 * off:6.1f} ms  jailed {1000 * jailed:6.1f} ms  x {jailed / off:.2f}")
    off, jailed = (statistics.median(s for v in taken[level].values() for s in v) for level in taken)
    print(f"{'all':<14} off {1000 * off:6.1f} ms  jailed {1000 * jailed:6.1f} ms  x {jailed / off:.2f}")
    sys.exit(jailed / off > chosen.most)


def _run(store: Path, level: str, methods: str) -> list[tuple[str, float]]:
    """(method, seconds) of every cell that was run."""
    subprocess.run([*RUN, "--methods", methods, "--isolation", level, "--store", str(store)],
                   check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    last = max((store / "runs").iterdir())
    events = [json.loads(line) for line in (last / "events.jsonl").read_text().splitlines()]
    return [(e["cell"].split("/")[2], e["seconds"]) for e in events if "cell" in e and not e["cached"]]


if __name__ == "__main__":
    main()
