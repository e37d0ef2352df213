"""How long the statistics of one row take: its interval, the warning beside it, the crossed bootstrap.

    python benchmarks/statistics_speed.py [--seeds 16] [--rows 5000] [--per-question 1]

Figures are the least of several runs, in one thread where OMP_NUM_THREADS=1 says so.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from w2s_harness.scoring.spread import bootstrap, interval
from w2s_harness.scoring.spread.blocks import block

LIMITS = {"two-way interval": 0.020, "10,000 crossed draws": 2.0}


def main() -> None:
    """Print a line per figure; exit 1 where one is over its limit."""
    args = _arguments()
    rng, shape = np.random.default_rng(0), (args.seeds, args.rows)
    easy = rng.normal(size=args.rows)
    w, t, c = ((easy + rng.normal(size=shape) + margin > 0).astype(float) for margin in (0.2, 0.8, 1.5))
    clusters = np.arange(args.rows) // args.per_question
    base = interval.baselines(range(args.seeds), w, c, clusters)
    transfer = block(range(args.seeds), t, clusters)
    own = [interval.pgr_intervals(base, [transfer])[0].bounds]
    figures = {
        "two-way interval": _least(lambda: interval.pgr_intervals(base, [transfer]), 20),
        "Fieller's set": _least(lambda: interval.fieller_interval(base, transfer), 10),
        "disagreement": _least(lambda: bootstrap.disagreements(base, [transfer], own), 5),
        "10,000 crossed draws": _least(lambda: bootstrap.crossed_intervals(base, [transfer]), 3),
    }
    print(f"{args.seeds} seeds x {args.rows} rows, {args.per_question} a question")
    for what, seconds in figures.items():
        limit = f"   (limit {1000 * LIMITS[what]:.0f} ms)" if what in LIMITS else ""
        print(f"{what:22s} {1000 * seconds:8.1f} ms{limit}")
    if any(figures[what] > limit for what, limit in LIMITS.items()):
        raise SystemExit(1)


def _least(work: Callable[[], object], times: int) -> float:
    """Seconds of the fastest of some runs, after one that is not counted."""
    work()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--per-question", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
