"""Is power what `scoring.power` foretells, given the true variances?

Right and wrong answers of two methods over crossed seeds and questions, from a latent normal model

    right_m(s, q)  where  mu_m + D_q + A_ms + B_mq + C_msq > 0

with independent normal D (how hard a question is, shared by both methods), A (a method's seed), B (a method's
question) and C. The true components of the difference follow from the model, not from the data.

    python benchmarks/simulations/power.py [--experiments 4000]
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from w2s_harness.scoring.comparisons.compare import all_between
from w2s_harness.scoring.comparisons.power import Components, power_of
from w2s_harness.scoring.spread.blocks import block

DRAWS = 1_000_000


@dataclass(frozen=True)
class World:
    """Standard deviations on the latent scale; C has 1."""

    hard: float = 1.0
    seed: float = 0.05
    question: float = 0.6
    reference: float = 0.7
    """Accuracy of the reference."""

    @property
    def scale(self) -> float:
        return float(np.sqrt(self.hard**2 + self.seed**2 + self.question**2 + 1))

    def mu(self, accuracy: float) -> float:
        """The mean on the latent scale that gives an accuracy."""
        return self.scale * float(ndtri(accuracy))

    def outcomes(self, accuracy, seeds, questions, hard, rng):
        """(S, Q) right or wrong of one method; `hard` (Q,) is D."""
        latent = self.mu(accuracy) + hard[None, :]
        latent = latent + rng.normal(0, self.seed, (seeds, 1)) + rng.normal(0, self.question, (1, questions))
        return (latent + rng.normal(size=(seeds, questions)) > 0).astype(float)

    def truth(self, difference: float, rng) -> Components:
        """The components of the difference of a method from the reference, by Monte Carlo over the model."""
        means = [self.mu(self.reference + difference), self.mu(self.reference)]
        no_seed = np.sqrt(self.scale**2 - self.seed**2)
        by_seed = [ndtr((m + rng.normal(0, self.seed, DRAWS)) / no_seed) for m in means]
        hard = rng.normal(0, self.hard, DRAWS)
        rest = np.sqrt(self.seed**2 + 1)
        by_question = [ndtr((m + hard + rng.normal(0, self.question, DRAWS)) / rest) for m in means]
        known_hard = np.sqrt(self.scale**2 - self.hard**2)
        first, second = (ndtr((m + hard) / known_hard) for m in means)
        total = float(np.mean(first * (1 - second) + second * (1 - first))) - difference**2
        seed = float(np.var(by_seed[0] - by_seed[1]))
        question = float(np.var(by_question[0] - by_question[1]))
        return Components(seed, question, total - seed - question)


def simulated(world, difference, seeds, questions, level, experiments, rng) -> float:
    """The share of experiments whose test is significant."""
    names, codes = tuple(range(seeds)), np.arange(questions)
    hits = 0
    for _ in range(experiments):
        hard = rng.normal(0, world.hard, questions)
        a = world.outcomes(world.reference + difference, seeds, questions, hard, rng)
        b = world.outcomes(world.reference, seeds, questions, hard, rng)
        p = all_between([block(names, a, codes)], block(names, b, codes))[0].p
        hits += p is not None and p <= level
    return hits / experiments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=4000)
    n = parser.parse_args().experiments
    worlds = {
        "weak seeds": World(),
        "strong seeds": World(seed=0.15),
        "strong questions": World(question=1.2),
    }
    sizes = [(2, 500), (3, 200), (5, 500), (8, 1000)]
    print("| world | seeds | questions | alpha | difference | foretold | simulated |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    worst = 0.0
    for i, ((name, world), (seeds, questions)) in enumerate(itertools.product(worlds.items(), sizes)):
        for level, difference in ((0.05, 0.03), (0.05, 0.06), (0.05 / 20, 0.06)):
            rng = np.random.default_rng([i, int(1000 * difference), int(1e6 * level)])
            foretold = power_of(world.truth(difference, rng), difference, seeds, questions, level)
            found = simulated(world, difference, seeds, questions, level, n, rng)
            worst = max(worst, abs(found - foretold))
            shown = f"| {name} | {seeds} | {questions} | {level:g} | {difference:g} "
            print(f"{shown}| {foretold:.3f} | {found:.3f} |", flush=True)
    print(f"\nlargest error {100 * worst:.1f} points, {n} experiments each")


if __name__ == "__main__":
    main()
