"""How often does any of 20 methods without an effect come out as different from vanilla?

Twenty methods and vanilla that answer alike on the average over seeds and questions, but each with seed and
question effects of its own, mean 0. Every method is tested against vanilla, Holm over all.

    python benchmarks/simulations/family.py [--experiments 2000]
"""

from __future__ import annotations

import argparse

import numpy as np

from w2s_harness.scoring.comparisons.compare import all_between, holm
from w2s_harness.scoring.spread.blocks import block

METHODS = 20
ALPHA = 0.05
SEED, QUESTION = 0.15, 0.8
"""Standard deviations of a method's own effects, on a latent scale where the noise of a row has 1."""


def false_positive(seeds, questions, rows_per_question, rng, *, seed=SEED, question=QUESTION) -> bool:
    """One experiment: is any of the methods called different from vanilla?"""
    codes = np.repeat(np.arange(questions), rows_per_question)
    hard = rng.normal(0, 1, questions)
    names = tuple(range(seeds))

    def one():
        latent = (
            0.8 + hard[None, :] + rng.normal(0, seed, (seeds, 1)) + rng.normal(0, question, (1, questions))
        )
        rows = np.repeat(latent, rows_per_question, axis=1)
        return block(names, (rows + rng.normal(size=rows.shape) > 0).astype(float), codes)

    vanilla = one()
    ps = [all_between([one()], vanilla)[0].p for _ in range(METHODS)]
    return min(holm([1.0 if p is None else p for p in ps])) <= ALPHA


def share(seeds, questions, rows_per_question, experiments, rng, **effects) -> float:
    """The family-wise error over experiments."""
    return float(
        np.mean(
            [false_positive(seeds, questions, rows_per_question, rng, **effects) for _ in range(experiments)]
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=2000)
    n = parser.parse_args().experiments
    print(
        "| seeds | questions | rows each | sd of seeds | sd of questions | any of 20 significant | +- 2 se |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for i, (s, q, m, seed, question) in enumerate(
        [
            (3, 200, 1, 0.05, 0.8),
            (3, 200, 1, 0.15, 0.8),
            (5, 500, 1, 0.05, 0.8),
            (5, 500, 1, 0.15, 0.8),
            (5, 125, 4, 0.15, 0.8),
            (8, 500, 1, 0.15, 0.3),
            (8, 250, 2, 0.4, 0.8),
        ]
    ):
        found = share(s, q, m, n, np.random.default_rng([7, i]), seed=seed, question=question)
        two = 2 * (found * (1 - found) / n) ** 0.5
        print(f"| {s} | {q} | {m} | {seed} | {question} | {found:.3f} | {two:.3f} |", flush=True)


if __name__ == "__main__":
    main()
