"""How often the two-way interval covers, by integration instead of simulation.

    python benchmarks/simulations/coverage_exact.py

For normal effects and many questions V_Q and V_SQ are known, V_S is a multiple of chi-square on S - 1 degrees
of freedom, and the mean is independent of it. In units of V_SQ, a is the seeds' own variance and b that of
the questions; the table has the least and the largest coverage over a grid of both, and the mean width over
that of an interval with V known.
"""

from __future__ import annotations

import numpy as np
from scipy.special import chdtri, ndtr, stdtrit

from w2s_harness.scoring.spread.twoway import combined, degrees

SEEDS = (3, 4, 5, 8, 16)
A = (0, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 100, 1000)
B = (0, 0.1, 0.25, 0.5, 1, 2, 4, 10, 30, 100)
QUESTIONS = 10**6
Z = float(stdtrit(QUESTIONS, 0.975))


def main() -> None:
    """Print a line per number of seeds."""
    print("| S | lowest | highest | mean width against known V |\n|---|---|---|---|")
    for seeds in SEEDS:
        found = np.array([covered(seeds, a, b) for a in A for b in B])
        print(f"| {seeds} | {found[:, 0].min():.3f} | {found[:, 0].max():.3f} | {found[:, 1].mean():.2f} |")


def covered(seeds: int, a: float, b: float, points: int = 400) -> tuple[float, float]:
    """(coverage, mean width over that with V known)."""
    shares = (np.arange(points) + 0.5) / points
    v_seeds = (1 + a) * chdtri(seeds - 1, 1 - shares) / (seeds - 1)
    halves = []
    for v_s in v_seeds:
        total = combined(v_s, 1 + b, 1.0)
        halves.append(stdtrit(degrees(v_s / total, seeds - 1, QUESTIONS), 0.975) * np.sqrt(total))
    relative = np.array(halves) / np.sqrt(1 + a + b)
    return float(np.mean(2 * ndtr(relative) - 1)), float(np.mean(relative)) / Z


if __name__ == "__main__":
    main()
