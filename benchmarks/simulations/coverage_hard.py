"""How often intervals hold the truth where that is hardest.

Near-perfect students, few or dominated questions, skewed seeds, and new training pools.

    python benchmarks/simulations/coverage_hard.py [--experiments 500] [--only NAME]

A line a regime: of experiments that print an interval, the share in which it covers: `pgr_ci` and `ci` of the
difference from the ceiling, then `pgr_ci_pool` and `ci_pool`. In the first table seeds draw from one pool, so
that those of new pools must cover at least as often; in the second the pool is drawn anew, and those of one
pool must not be expected to. `barred` and `warned` are the shares of experiments whose rows say that no claim
can rest on them, or that the interval is not exact. Exit code 1 where less than .93 cover without a bar.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from crossed import HARD, POOLS, Regime

from w2s_harness.scoring.comparisons.compare import all_between
from w2s_harness.scoring.spread.interval import pgr_intervals, unreliable
from w2s_harness.scoring.spread.pool import difference_pools, pgr_pools

NAMES = ("pgr_ci", "ci", "pgr_ci_pool", "ci_pool")
HEAD = f"| regime | S | Q | printed | {' | '.join(NAMES)} | barred | warned |"
LEAST = 0.93


@dataclass
class Found:
    """What a regime's experiments gave."""

    held: dict[str, list[bool]] = field(default_factory=lambda: {name: [] for name in NAMES})
    barred: int = 0
    warned: int = 0

    def add(self, name: str, bounds: tuple[float, float] | None, truth: float) -> None:
        """One interval; without bounds it counts nowhere."""
        if bounds is not None:
            self.held[name].append(bounds[0] <= truth <= bounds[1])

    def share(self, name: str) -> float:
        """Covered, of those printed."""
        return float(np.mean(self.held[name])) if self.held[name] else float("nan")


def covered(regime: Regime, experiments: int) -> Found:
    """Experiments of a regime."""
    rng, found = np.random.default_rng(list(regime.name.encode())), Found()
    w, t, c = regime.accuracies
    truth = float((t - w) / (c - w))
    for _ in range(experiments):
        base, transfer = regime.experiment(rng)
        (here,), (new,) = pgr_intervals(base, [transfer]), difference_pools([transfer], base.ceiling)
        found.add("pgr_ci", here.bounds, truth)
        found.add("pgr_ci_pool", pgr_pools(base, [transfer])[0].interval.bounds, truth)
        found.add("ci", all_between([transfer], base.ceiling)[0].ci, float(t - c))
        found.add("ci_pool", None if new is None else new.bounds, float(t - c))
        found.barred += unreliable([base.weak, transfer]) is not None
        found.warned += here.warning is not None
    return found


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=500)
    parser.add_argument("--only", action="append", help="a regime; may come several times")
    args = parser.parse_args()
    bad: list[str] = []
    for group, counts in ((HARD, NAMES), (POOLS, NAMES[2:])):
        print(f"{HEAD}\n{'|---' * (HEAD.count('|') - 1)}|", flush=True)
        for regime in group:
            if not args.only or regime.name in args.only:
                bad += _line(regime, args.experiments, counts, lambda text: print(text, flush=True))
        print()
    print(*bad, sep="\n")
    if bad:
        raise SystemExit(1)


def _line(regime: Regime, n: int, counts: tuple[str, ...], say: Callable[[str], None]) -> list[str]:
    """Print a regime's line; what covers too little."""
    found = covered(regime, n)
    shares = " | ".join(f"{found.share(name):.3f}" for name in NAMES)
    printed = len(found.held["pgr_ci"]) / n
    say(
        f"| {regime.name} | {regime.seeds} | {regime.questions} | {printed:.2f} | {shares} "
        f"| {found.barred / n:.2f} | {found.warned / n:.2f} |"
    )
    if found.barred == n:
        return []
    return [f"{regime.name}: {name} {found.share(name):.3f}" for name in counts if found.share(name) < LEAST]


if __name__ == "__main__":
    main()
