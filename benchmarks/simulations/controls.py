"""How often `shuffled` is a red line where nothing is wrong: classes of unequal size and unequal spread.

    python benchmarks/simulations/controls.py [--worlds 12]

Features of true rows are `spread` times as wide as those of false ones and say nothing else of the label;
weak labels are .39 plus noise, in no relation to gold. A row of the table is one (spread, noise).
"""

from __future__ import annotations

import argparse

import numpy as np

from w2s_harness.contract.guards.measures import balanced_accuracy
from w2s_harness.contract.kinds import VERIFY
from w2s_harness.run.board.control_verdicts import LIMIT
from w2s_harness.scoring.points import outcomes
from w2s_harness.students.probe.probe import fit_exact

TRUE, TRAIN, TEST, WIDTH, DRAWS, C = 0.39, 800, 1324, 40, 20, 0.03


def rows(rng, n, spread):
    """(n, WIDTH) features and (n,) gold."""
    gold = rng.random(n) < TRUE
    return rng.standard_normal((n, WIDTH)) * np.where(gold, spread, 1.0)[:, None], gold


def world(number, spread, noise):
    """(DRAWS,) balanced accuracies of one honest world."""
    rng = np.random.default_rng([number, int(10 * spread)])
    (x, _), (holdout, gold) = rows(rng, TRAIN, spread), rows(rng, TEST, spread)
    weak = np.clip(TRUE + noise * rng.standard_normal(TRAIN), 0, 1)
    found = []
    for _ in range(DRAWS):
        probe = fit_exact(x, weak[rng.permutation(TRAIN)], VERIFY, c=C)
        found.append(balanced_accuracy(outcomes((probe.logits(holdout) > 0).astype(float), gold), gold))
    return np.array(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=12)
    worlds = parser.parse_args().worlds
    print("spread  noise  red lines  mean   sd over draws  binomial sd")
    for spread in (1.0, 1.3, 1.6, 2.0):
        for noise in (0.1, 0.25):
            draws = [world(i, spread, noise) for i in range(worlds)]
            red = sum(abs(d.mean() - 0.5) > LIMIT * d.std(ddof=1) + 1e-9 for d in draws)
            mean, sd = np.mean([d.mean() for d in draws]), np.mean([d.std(ddof=1) for d in draws])
            print(f"{spread:<7} {noise:<6} {red:>3} of {worlds:<3} {mean:.3f}  {sd:.4f}         ", end="")
            print(f"{0.5 / TEST**0.5:.4f}", flush=True)


if __name__ == "__main__":
    main()
