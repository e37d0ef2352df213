"""How often the interval over voters and questions covers, on panels of known make.

python benchmarks/simulations/voters.py --experiments 2000
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from w2s_harness.scoring.spread.votes import Panel

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Regime:
    """What a simulated panel is like; effects are standard deviations on a probit scale, noise being 1."""

    name: str
    voters: int = 5
    questions: int = 300
    rows: tuple[int, ...] = (1,)
    """Rows a question, taken in turn."""
    each: int | None = None
    """Voters who vote on a row, drawn anew for each; None for all of them."""
    question: float = 0.6
    voter: float = 0.2
    both: float = 0.3
    """Of a voter on a question."""
    margin: float = 0.8
    """Of the chance that a vote agrees with the student, whose normal distribution function it is."""
    named: bool = True

    @property
    def truth(self) -> float:
        """Agreement over all voters and questions."""
        return float(ndtr(self.margin))

    def experiment(self, rng: np.random.Generator) -> tuple[Panel, Floats]:
        """A panel, and (K,) whether each vote agrees with a student that says 1 to every row."""
        clusters = np.repeat(np.arange(self.questions), np.resize(self.rows, self.questions))
        level = rng.normal(size=(self.questions, 1)) * self.question
        level = level + rng.normal(size=(1, self.voters)) * self.voter
        level = (level + rng.normal(size=(self.questions, self.voters)) * self.both)[clusters]
        scale = np.sqrt(self.question**2 + self.voter**2 + self.both**2 + 1)
        latent = level + rng.normal(size=level.shape) + scale * self.margin
        votes = (latent > 0).astype(np.int8)
        if self.each is not None:
            order = np.argsort(rng.random(votes.shape), axis=1)
            np.put_along_axis(votes, order[:, self.each :], -1, axis=1)
        panel = Panel.of(votes, clusters, named=self.named)
        return panel, panel.agreement(np.ones(len(clusters)))


REGIMES = (
    Regime("5 voters, all vote"),
    Regime("3 voters, all vote", voters=3),
    Regime("20 voters, all vote", voters=20),
    Regime("voters alike", voter=0.0),
    Regime("voters differ much", voter=0.5),
    Regime("4 rows a question", questions=100, rows=(4,)),
    Regime("5 voters, 4 of them vote", each=4),
    Regime("20 voters, 3 of them vote", voters=20, each=3),
    Regime("20 voters, 1 of them votes", voters=20, each=1),
    Regime("1 to 4 rows, 3 of 10 voters vote", voters=10, questions=120, rows=(1, 2, 3, 4), each=3),
)
ANONYMOUS = (
    Regime("anonymous, 5 voters all vote", named=False),
    Regime("anonymous, voters alike", voter=0.0, named=False),
    Regime("anonymous, 1 of 300 votes", voters=300, each=1, named=False),
)


@dataclass(frozen=True)
class Coverage:
    """What came of a regime's experiments."""

    share: float
    """Of the intervals that hold the truth."""
    width: float
    """Mean width."""


def coverage(regime: Regime, experiments: int, seed: int = 0) -> Coverage:
    """How often the interval of the agreement covers."""
    rng = np.random.default_rng([seed, *regime.name.encode()])
    held, widths = 0, []
    for _ in range(experiments):
        panel, scores = regime.experiment(rng)
        low, high = panel.interval(scores).bounds or (0.0, 0.0)
        held += low <= regime.truth <= high
        widths.append(high - low)
    return Coverage(held / experiments, float(np.mean(widths)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=2000)
    wanted = parser.parse_args().experiments
    print("| panel | covers | mean width |\n|---|---|---|")
    for regime in (*REGIMES, *ANONYMOUS):
        found = coverage(regime, wanted)
        print(f"| {regime.name} | {found.share:.3f} | {found.width:.3f} |", flush=True)


if __name__ == "__main__":
    main()
