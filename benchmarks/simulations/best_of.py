"""How much the best of k equal methods flatters, before and after its optimism is taken off.

    python benchmarks/simulations/best_of.py [--experiments 500] [--draws 300]

A line a regime and k: the mean of the largest accuracy minus the true one, the mean optimism that `best_of`
takes off, and what is left. Exit code 1 where more than .01 accuracy is left.
"""

from __future__ import annotations

import argparse

import numpy as np
from crossed import Regime, crossed
from scipy.special import ndtr

from w2s_harness.scoring.best_of import best_of
from w2s_harness.scoring.twoway import block, estimate

MARGIN = 0.8
LIMIT = 0.01
REGIMES = (
    Regime("alike"),
    Regime("not alike", shared=0.3, seed=0.15),
    Regime("few questions", questions=150),
    Regime("several rows", questions=100, rows=(4,), shared=0.5),
    Regime("seeds rule", question=0.2, seed=0.15, both=0.0, shared=0.5),
    Regime("10 seeds", seeds=10, shared=0.5),
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=500)
    parser.add_argument("--draws", type=int, default=300, help="crossed bootstrap draws an experiment")
    args = parser.parse_args()
    print("| regime | k | flattery | optimism | left |\n|---|---|---|---|---|")
    worst = 0.0
    for regime in REGIMES:
        for k in (2, 5, 20):
            flattery, optimism = left(regime, k, args.experiments, args.draws)
            worst = max(worst, abs(flattery - optimism))
            print(
                f"| {regime.name} | {k} | {flattery:.4f} | {optimism:.4f} | {flattery - optimism:.4f} |",
                flush=True,
            )
    if worst > LIMIT:
        raise SystemExit(1)


def left(regime: Regime, k: int, experiments: int, draws: int) -> tuple[float, float]:
    """(mean of the largest of k accuracies minus the true one, mean optimism)."""
    rng = np.random.default_rng([k, *regime.name.encode()])
    truth, gains, optimisms = float(ndtr(MARGIN)), [], []
    for i in range(experiments):
        outcomes = crossed(rng, regime, regime.seeds, [MARGIN] * k)
        blocks = [block(range(regime.seeds), x, regime.clusters) for x in outcomes]
        found = best_of(blocks, name=f"simulation {i}", draws=draws)
        gains.append(estimate([blocks[found.winner]]) - truth)
        optimisms.append(found.optimism)
    return float(np.mean(gains)), float(np.mean(optimisms))


if __name__ == "__main__":
    main()
