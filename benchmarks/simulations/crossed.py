"""Simulated experiments: outcomes of weak, transfer and ceiling over crossed seeds and questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from w2s_harness.scoring.spread.blocks import Block, block
from w2s_harness.scoring.spread.interval import WeakAndCeiling, baselines

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Regime:
    """What a simulated setting is like; effects are standard deviations on a probit scale, noise being 1."""

    name: str
    seeds: int = 5
    questions: int = 400
    rows: tuple[int, ...] = (1,)
    """Rows a question, taken in turn."""
    margins: tuple[float, float, float] = (0.1, 0.8, 1.5)
    """Of weak, transfer and ceiling; an accuracy is the normal distribution function of its margin."""
    question: float = 1.0
    seed: float = 0.1
    both: float = 0.3
    """Of a seed on a question."""
    shared: float = 0.7
    """Share of each effect's variance that weak, transfer and ceiling have in common."""
    baseline_seeds: int = 0
    """WeakAndCeiling with seeds of their own, so many; 0 where they share the method's."""
    skewed: bool = False
    """Seed effects are exponential to the low side, less their mean: now and then a seed goes wrong."""
    pool: float = 0.0
    """Of the training pool, drawn anew for an experiment; seeds that draw .8 of it have half of that."""

    @property
    def truth(self) -> float:
        """The PGR over all seeds and questions."""
        w, t, c = self.accuracies
        return float((t - w) / (c - w))

    @property
    def accuracies(self) -> Floats:
        """(3,) of weak, transfer and ceiling over all seeds and questions."""
        if not self.skewed:
            return np.array(ndtr(self.margins), np.float64)
        # by quadrature over the two exponentials of a seed's effect
        at = -np.log1p(-(np.arange(500) + 0.5) / 500)
        shift = np.sqrt(self.shared) * (1 - at)[:, None] + np.sqrt(1 - self.shared) * (1 - at)
        normal = np.sqrt(self.question**2 + self.both**2 + 1)
        scale = np.hypot(normal, self.seed)
        return np.array([ndtr((scale * m + self.seed * shift) / normal).mean() for m in self.margins])

    @property
    def clusters(self) -> npt.NDArray[np.int64]:
        """(N,) the question of each row."""
        return np.repeat(np.arange(self.questions), np.resize(self.rows, self.questions))

    def experiment(self, rng: np.random.Generator) -> tuple[WeakAndCeiling, Block]:
        """WeakAndCeiling and transfer of one experiment."""
        (w, t, c), clusters = self.outcomes(rng), self.clusters
        first, last = self.baseline_seeds or self.seeds, self.baseline_seeds
        own = range(last, last + self.seeds)
        return baselines(range(first), w[:first], c[:first], clusters), block(own, t[last:], clusters)

    def outcomes(self, rng: np.random.Generator) -> Floats:
        """(3, seeds, N) of weak, transfer and ceiling: the baselines' seeds and then the method's own."""
        return crossed(rng, self, self.baseline_seeds + self.seeds, self.margins)


def crossed(rng: np.random.Generator, regime: Regime, seeds: int, margins: Sequence[float]) -> Floats:
    """(K, seeds, N) outcomes of K things with these margins and a regime's effects, mean over rows exact."""
    k, at = len(margins), regime.clusters

    def effect(size: float, *shape: int, drawn: Callable[..., Floats] = rng.normal) -> Floats:
        common, own = drawn(size=(1, *shape)), drawn(size=(k, *shape))
        return size * (np.sqrt(regime.shared) * common + np.sqrt(1 - regime.shared) * own)

    def failing(size: tuple[int, ...]) -> Floats:
        found: Floats = 1.0 - rng.exponential(size=size)
        return found

    of_seeds = effect(regime.seed, seeds, 1, drawn=failing if regime.skewed else rng.normal)
    level = effect(regime.question, 1, regime.questions) + of_seeds + effect(regime.pool, 1, 1)
    level = (level + effect(regime.both, seeds, regime.questions))[:, :, at]
    scale = np.sqrt(regime.question**2 + regime.seed**2 + regime.both**2 + regime.pool**2 + 1)
    latent = level + rng.normal(size=level.shape) + scale * np.asarray(margins)[:, None, None]
    return (latent > 0).astype(np.float64)


SMALL_GAP = (0.30, 0.36, 0.42)
CLEAR = (
    Regime("mixed"),
    Regime("questions rule", seed=0.03, both=0.5),
    Regime("seeds rule", question=0.2, seed=0.4, both=0.0),
    Regime("seeds and questions alike", question=1.0, seed=0.25, both=0.0, questions=200),
    Regime("no seed effects", question=0.7, seed=0.0, both=0.5),
    Regime("row noise alone", question=0.0, seed=0.0, both=0.0),
    Regime("4 rows a question", questions=120, rows=(4,)),
    Regime("1 to 6 rows a question", seeds=8, questions=150, rows=(1, 2, 6), question=0.8, seed=0.15),
    Regime("rows alike in a question", questions=150, rows=(3,), question=2.0, both=1.0),
    Regime("effects not shared", shared=0.0, seed=0.15),
    Regime("8 seeds", seeds=8),
    Regime("8 seeds without effects", seeds=8, question=0.0, seed=0.0, both=0.0),
    Regime("16 seeds", seeds=16, questions=300),
    Regime("16 seeds without effects", seeds=16, questions=300, question=0.0, seed=0.0, both=0.0),
    Regime("16 baseline seeds of their own", baseline_seeds=16, questions=300, seed=0.2),
)
FEW = (
    Regime("4 seeds", seeds=4),
    Regime("4 seeds, they rule", seeds=4, question=0.2, seed=0.4, both=0.0),
    Regime("3 seeds", seeds=3),
    Regime("3 seeds, they rule", seeds=3, question=0.2, seed=0.4, both=0.0),
    Regime("3 seeds and questions alike", seeds=3, questions=200, seed=0.25, both=0.0),
    Regime("3 seeds without effects", seeds=3, question=0.0, seed=0.0, both=0.0),
)
UNCLEAR = (
    Regime("small gap", margins=SMALL_GAP),
    Regime("small gap, seeds rule", margins=SMALL_GAP, question=0.2, seed=0.1, both=0.0),
    Regime("small gap, no effects", margins=SMALL_GAP, question=0.0, seed=0.0, both=0.0),
    Regime("small gap, 3 seeds", margins=SMALL_GAP, seeds=3),
    Regime("small gap, 4 rows a question", margins=SMALL_GAP, questions=120, rows=(4,)),
    Regime("gap about 3 SE", margins=(0.2, 0.36, 0.44), questions=150),
)
PERFECT = (0.8, 3.09, 3.29)
"""Student .999, ceiling .9995."""
NEAR = (0.5, 2.326, 1.96)
"""Student .99, above its ceiling, .975."""
HARD = (
    *(
        Regime(f"perfect student, {s} seeds, {q} questions", seeds=s, questions=q, margins=PERFECT)
        for s, q in ((3, 50), (5, 50), (5, 400), (8, 2000), (16, 200))
    ),
    *(
        Regime(f"near-perfect student, {s} seeds, {q} questions", seeds=s, questions=q, margins=NEAR)
        for s, q in ((3, 50), (5, 400), (16, 50), (8, 2000))
    ),
    *(
        Regime(f"skewed seeds, {s}", seeds=s, seed=0.4, question=0.2, both=0.0, skewed=True)
        for s in (3, 5, 8, 16)
    ),
    Regime("skewed seeds, questions count too", seed=0.2, skewed=True),
    Regime("skewed seeds, not shared", seed=0.4, question=0.2, both=0.0, skewed=True, shared=0.0),
    *(
        Regime(f"{q // 16} of {q} questions have 60 rows", questions=q, rows=(60, *(1,) * 15))
        for q in (96, 400, 2000)
    ),
    Regime("the same, rows alike by chance", questions=96, rows=(60, *(1,) * 15), question=0.0),
    Regime("1 to 60 rows a question", questions=150, rows=(1, 3, 10, 60, 2, 1)),
    Regime("50 questions", questions=50),
    Regime("50 questions, 3 seeds", questions=50, seeds=3),
    Regime("2000 questions", questions=2000),
)
"""What broke the criterion before floors, corrections for dominant questions and the interval for pools."""
POOLS = (
    *(Regime(f"pool rules, {s} seeds", seeds=s, seed=0.15, pool=0.3, question=0.3) for s in (3, 5, 8, 16)),
    Regime("pool and questions", seed=0.1, pool=0.2),
    Regime("pool and questions, not shared", seed=0.1, pool=0.2, shared=0.2),
    Regime("pool and questions, 3 seeds", seeds=3, seed=0.1, pool=0.2),
    Regime("pool and 2000 questions", seed=0.05, pool=0.1, questions=2000),
    Regime("pool, 50 questions", seed=0.1, pool=0.2, questions=50),
    Regime("pool, near-perfect student", seed=0.1, pool=0.2, margins=NEAR),
    Regime("pool, 60 rows", seed=0.1, pool=0.2, questions=400, rows=(60, *(1,) * 15)),
    Regime("hardly a pool", seed=0.02, pool=0.04),
)
"""New training pools: for `pgr_ci_pool` and `ci_pool`."""
