"""How often the intervals of PGR hold the truth, in simulated settings.

    python benchmarks/simulations/coverage.py [--experiments 2000] [--checked 400] [--draws 300] [--only NAME]

A line a regime, in Markdown: the share of experiments in which each interval covers, and its mean width.
`gap/SE` is the median of the gap over its standard error. `printed` is the share of experiments with an
interval, of which `pgr_ci` counts those alone; an unbounded set counts as covering for Fieller. The bootstrap
and Fieller's width are taken of the first `--checked` experiments, the bootstrap with `--draws` draws each.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field

import numpy as np
from crossed import CLEAR, FEW, UNCLEAR, Regime

from w2s_harness.scoring.spread.blocks import Block, estimate
from w2s_harness.scoring.spread.bootstrap import crossed_intervals
from w2s_harness.scoring.spread.interval import (
    Interval,
    WeakAndCeiling,
    fieller_interval,
    pgr_intervals,
)
from w2s_harness.scoring.spread.twoway import moments, quantile

HEAD = "| regime | S | Q | gap/SE | printed | pgr_ci | width | Fieller | width | bootstrap | width |"


@dataclass
class Count:
    """How one kind of interval fares."""

    covered: int = 0
    widths: list[float] = field(default_factory=list)

    def add(self, found: Interval, truth: float) -> None:
        """One experiment's interval; without bounds it counts nowhere."""
        if found.bounds is not None:
            self.covered += found.bounds[0] <= truth <= found.bounds[1]
            self.widths.append(found.bounds[1] - found.bounds[0])

    @property
    def shown(self) -> str:
        """Coverage of those printed, and their mean width."""
        if not self.widths:
            return "- | -"
        return f"{self.covered / len(self.widths):.3f} | {np.mean(self.widths):.3f}"


def main() -> None:
    """Print the table; exit 1 where a coverage lies outside its bounds by more than chance."""
    args = _arguments()
    print(f"{args.experiments} experiments a regime; Fieller's width and the bootstrap: {args.checked},")
    print(f"with {args.draws} draws\n\n{HEAD}\n{'|---' * (HEAD.count('|') - 1)}|", flush=True)
    start = time.perf_counter()
    bad = []
    for group, low, high in ((CLEAR, 0.93, 0.97), (FEW, 0.93, 1.0), (UNCLEAR, 0.93, 1.0)):
        for regime in group:
            if args.only and regime.name not in args.only:
                continue
            share = line(regime, args, fieller_counts=group is UNCLEAR)
            if not low <= share <= high:
                bad.append(f"{regime.name}: {share:.4f} outside {low} to {high}")
    print(f"\n{time.perf_counter() - start:.0f} s", *bad, sep="\n")
    if bad:
        raise SystemExit(1)


def line(regime: Regime, args: argparse.Namespace, *, fieller_counts: bool) -> float:
    """Print a regime's line; the coverage that the specification bounds."""
    rng = np.random.default_rng(list(regime.name.encode()))
    two, fieller, resampled = Count(), Count(), Count()
    ratios, held = [], 0
    for i in range(args.experiments):
        base, transfer = regime.experiment(rng)
        ratio, inside = in_fieller(base, transfer, regime.truth)
        ratios.append(ratio)
        held += inside
        two.add(pgr_intervals(base, [transfer])[0], regime.truth)
        if i < args.checked:
            fieller.add(fieller_interval(base, transfer), regime.truth)
            resampled.add(crossed_intervals(base, [transfer], draws=args.draws)[0], regime.truth)
    print(
        f"| {regime.name} | {regime.seeds} | {regime.questions} | {np.median(ratios):.1f} "
        f"| {len(two.widths) / args.experiments:.3f} | {two.shown} "
        f"| {held / args.experiments:.3f} | {fieller.shown.split(' | ')[1]} | {resampled.shown} |",
        flush=True,
    )
    return held / args.experiments if fieller_counts else two.covered / max(1, len(two.widths))


def in_fieller(base: WeakAndCeiling, transfer: Block, truth: float) -> tuple[float, bool]:
    """(gap over its standard error, does Fieller's set hold the truth or reach without end?)."""
    numerator, gap = [transfer, base.weak.scaled(-1.0)], [base.ceiling, base.weak.scaled(-1.0)]
    found = moments([numerator, gap])
    end, at = found.spread([0.0, 1.0]), found.spread([1.0, -truth])
    residual = abs(estimate(numerator) - truth * base.gap)
    bounded = base.gap > quantile(end.df) * end.se
    return base.gap / end.se, not bounded or residual <= quantile(at.df) * at.se


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=2000)
    parser.add_argument(
        "--checked", type=int, default=400, help="experiments with Fieller's width, bootstrap"
    )
    parser.add_argument("--draws", type=int, default=300, help="crossed bootstrap draws an experiment")
    parser.add_argument("--only", action="append", help="a regime; may come several times")
    return parser.parse_args()


if __name__ == "__main__":
    main()
