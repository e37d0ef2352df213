"""What locking a worker down costs: from order to locked-down worker, jailed and not, in turn.

    python benchmarks/jail_setup.py [--times 100] [--most-ms 15]

Prints minimum, lower quartile and median in milliseconds, and the processor time of zygote and workers per
cell. Ends with 1 where the median set-up of the best level costs more than `--most-ms` over an unjailed fork.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

from w2s_harness.jail.host.launcher import Zygote
from w2s_harness.jail.host.readable import worker_path
from w2s_harness.jail.policy import Order

KINDS = {"off": Order(mode="off"), "L1": Order(namespaces=False), "best": Order(mode="best")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--most-ms", type=float, default=15.0)
    chosen = parser.parse_args()
    with Zygote(worker_path()) as zygote:
        with zygote.spawn() as first:
            print(f"best is {first.report.level}; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        medians = measure(zygote, chosen.times)
        for name, order in KINDS.items():
            print(f"{name:<5} processor ms per cell {processor_ms(zygote, order, chosen.times):.1f}")
    cost = medians["best"] - medians["off"]
    print(f"jail set-up {cost:.1f} ms over an unjailed fork (at most {chosen.most_ms:g})")
    sys.exit(cost > chosen.most_ms)


def measure(zygote: Zygote, times: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in KINDS}
    for _ in range(times):
        for name, order in KINDS.items():
            began = time.perf_counter()
            worker = zygote.spawn(order)
            taken[name].append(1000 * (time.perf_counter() - began))
            worker.close()
    for name, values in taken.items():
        quarter = statistics.quantiles(values, n=4)[0]
        print(
            f"{name:<5} min {min(values):.1f}  q25 {quarter:.1f}  median {statistics.median(values):.1f} ms"
        )
    return {name: statistics.median(values) for name, values in taken.items()}


def processor_ms(zygote: Zygote, order: Order, times: int) -> float:
    before = _used(zygote.pid)
    for _ in range(times):
        zygote.spawn(order).close()
    return 1000 * (_used(zygote.pid) - before) / times


def _used(pid: int) -> float:
    """Seconds of processor time of a process and its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
