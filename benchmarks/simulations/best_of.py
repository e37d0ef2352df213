"""How much the best of k equal methods flatters, before and after its optimism is taken off.

    python benchmarks/simulations/best_of.py [--experiments 500] [--draws 300]

A line a regime and k: the mean of the largest accuracy minus the true one, the mean optimism that `best_of`
takes off, and its share of the former. Exit code 1 where less than four fifths are taken off, or more than
.01 accuracy is left.
"""

from __future__ import annotations

import argparse

import numpy as np
from crossed import Regime, crossed

from w2s_harness.scoring.comparisons.compare import best_of
from w2s_harness.scoring.spread.blocks import block, estimate

MARGIN = 0.8
LIMIT = 0.01
LEAST = 0.8
"""Of the flattery, taken off."""
REGIMES = (
    Regime("alike"),
    Regime("not alike", shared=0.3, seed=0.15),
    Regime("few questions", questions=150),
    Regime("several rows", questions=100, rows=(4,), shared=0.5),
    Regime("seeds rule", question=0.2, seed=0.15, both=0.0, shared=0.5),
    Regime("3 seeds, alike", seeds=3),
    Regime("3 seeds, not alike", seeds=3, shared=0.3, seed=0.15),
    Regime("3 seeds, several rows", seeds=3, questions=100, rows=(4,), shared=0.5),
    Regime("3 seeds rule", seeds=3, question=0.2, seed=0.15, both=0.0, shared=0.5),
    Regime("10 seeds", seeds=10, shared=0.5),
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=500)
    parser.add_argument("--draws", type=int, default=300, help="crossed bootstrap draws an experiment")
    args = parser.parse_args()
    print("| regime | k | flattery | optimism | taken off |\n|---|---|---|---|---|")
    bad = False
    for regime in REGIMES:
        for k in (2, 5, 20):
            flattery, optimism = left(regime, k, args.experiments, args.draws)
            share = optimism / flattery
            bad = bad or abs(flattery - optimism) > LIMIT or share < LEAST
            print(
                f"| {regime.name} | {k} | {flattery:.4f} | {optimism:.4f} | {share:.2f} |",
                flush=True,
            )
    if bad:
        raise SystemExit(1)


def left(regime: Regime, k: int, experiments: int, draws: int) -> tuple[float, float]:
    """(mean of the largest of k accuracies minus the true one, mean optimism).

    The mean of the k has the true one as its expectation, and stands for it, since it shares their error.
    """
    rng = np.random.default_rng([k, *regime.name.encode()])
    gains, optimisms = [], []
    for i in range(experiments):
        outcomes = crossed(rng, regime, regime.seeds, [MARGIN] * k)
        blocks = [block(range(regime.seeds), x, regime.clusters) for x in outcomes]
        found = best_of(blocks, name=f"simulation {i}", draws=draws)
        gains.append(estimate([blocks[found.winner]]) - np.mean([estimate([b]) for b in blocks]))
        optimisms.append(found.optimism)
    return float(np.mean(gains)), float(np.mean(optimisms))


if __name__ == "__main__":
    main()
