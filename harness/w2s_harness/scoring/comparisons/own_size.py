"""How large the teacher's own part is, how sure that is, and what follows.

own = accuracy in the real cells minus the mean over a world's draws, on the same seeds and questions. Its
variance has two parts: seeds and questions, crossed (`twoway`), and the teacher's noise, which is one draw
that all seeds share. The world's draws show how much such a draw is worth: `DRAWS` times their standard
deviation is added in quadrature (the two-way interval alone covers .80, with .7 it covers .96 to .98).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from w2s_harness.scoring.points.blocks import Clusters, block
from w2s_harness.scoring.spread.twoway import Spread, combined, degrees, quantiles, spread

Floats = npt.NDArray[np.float64]
OwnVerdict = Literal["weak supervision", "own, under elicitation", "elicitation", "unclear"]

LEAST = 0.02
"""Accuracy: a smaller own part counts as none."""
DRAWS = 0.7
LEVEL, NORMAL = 0.95, 1.96
MOST_LUCK = 2.0
"""How many times vanilla's luck is taken off a row at most."""
MOST_SEEDS = 300
"""Seeds beyond which it is no use to say how many it would take."""


@dataclass(frozen=True, slots=True)
class Size:
    """A difference in accuracy with its interval."""

    accuracy: float
    found: Spread | None
    """None with one seed or one question: there is no interval then."""
    seeds: int
    draws: float = 0.0
    """The standard deviation over the world's draws."""

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The 95 % interval."""
        return None if self.found is None else self._around(self.half(self.seeds))

    def half(self, seeds: int) -> float:
        """Half the interval's width with that many seeds, all else equal."""
        assert self.found is not None
        one, less = self.found, self.seeds / seeds
        v_s, v_sq = one.seeds * less, one.cells * less
        v_q = one.questions - one.cells + v_sq
        total = one.total if seeds == self.seeds else float(combined(v_s, v_q, v_sq))
        share = v_s / total if total > 0 else 1.0
        df = degrees(share, one.seed_df + seeds - self.seeds, one.question_df)
        t = float(quantiles(df, LEVEL))
        return math.hypot(t * math.sqrt(total), NORMAL * DRAWS * self.draws)

    def _around(self, half: float) -> tuple[float, float]:
        return self.accuracy - half, self.accuracy + half

    def is_own(self, seeds: int) -> bool:
        """Whether it is at least `LEAST`, and surely above 0."""
        return self.accuracy >= LEAST and self.accuracy - self.half(seeds) > 0

    def is_none(self, seeds: int) -> bool:
        """Whether it is surely below `LEAST`."""
        return self.accuracy + self.half(seeds) < LEAST


def size(
    seeds: Sequence[int], difference: Floats, clusters: npt.ArrayLike | Clusters, draws: float = 0.0
) -> Size:
    """Of (S, n_test) differences of outcomes, each seed's against the mean over its draws."""
    known = clusters if isinstance(clusters, Clusters) else Clusters.of(clusters)
    mean = float(difference.mean())
    if len(seeds) < 2 or known.counts.size < 2:
        return Size(mean, None, len(seeds), draws)
    return Size(mean, spread([block(seeds, difference, known)]), len(seeds), draws)


@dataclass(frozen=True, slots=True, eq=False)
class WorldCells:
    """A row's cells in one world, echo or decoy, beside its real ones."""

    seeds: tuple[int, ...]
    real: Floats
    """(S, n_test) what each holdout row counts in the real cells of these seeds."""
    fake: Floats
    """(S, n_test) likewise, mean over the draws."""
    accuracies: Floats
    """(S, J, K) by seed, draw and member of the draw: K is 2 for pairs of decoys."""
    luck: Floats | None
    """(S, n_test) what vanilla has in these draws beyond its mean over many; None where it was not asked."""

    def difference(self) -> tuple[Floats, float]:
        """(S, n_test) real minus fake, less the draws' luck; and how far the row moves with vanilla.

        The factor is the regression of fake minus real on the luck over the questions of each seed, within 0
        and `MOST_LUCK`: 0 of a row that answers every world alike, 1 of vanilla itself.
        """
        moved = self.fake - self.real
        if self.luck is None:
            return -moved, 1.0
        about = self.luck - self.luck.mean(axis=1, keepdims=True)
        total = float(np.sum(about * about))
        factor = float(np.sum(moved * about)) / total if total > 0 else 0.0
        factor = min(MOST_LUCK, max(0.0, factor))
        return factor * self.luck - moved, factor

    def size(self, clusters: npt.ArrayLike | Clusters, draws: float) -> Size:
        """What is the teacher's own; `draws` is the standard deviation over the world's draws."""
        difference, factor = self.difference()
        # a row that answers every draw as it answers the teacher has no variance of draws to be blurred by
        is_moved = bool((self.real != self.fake).any())
        return size(self.seeds, difference, clusters, draws * max(1.0, factor) if is_moved else 0.0)


def draws_variance(accuracies: Floats) -> float:
    """The variance over draws of one row, of accuracies (S, J, K) by seed, draw and member of the draw.

    The members of a draw (K = 2: a pair of decoys) are one another's opposite, so they are spread about their
    mean without a degree of freedom lost; their means are spread over the draws of a seed. Of one draw a seed
    without pairs (an echo) the variance between seeds stands in, which holds that of the seeds' training rows
    too and so is on the cautious side. 0 where there is nothing to tell it from.
    """
    s, j, k = accuracies.shape
    within = float(np.mean(np.var(accuracies, axis=2)))
    means = accuracies.mean(2)
    if j > 1:
        return within + float(np.mean(np.var(means, axis=1, ddof=1)))
    if k > 1:
        return within
    return float(np.var(means[:, 0], ddof=1)) if s > 1 else 0.0


def pooled(variances: Sequence[float]) -> float:
    """The standard deviation over draws of a setting: of the median variance of its rows.

    The rows share their draws. The median, since one method that scatters wildly must not blur the others.
    """
    return math.sqrt(float(np.median(variances))) if variances else 0.0


def verdict(echo: Size, decoy: Size, above: Size) -> tuple[OwnVerdict | None, int | None]:
    """What follows, and where it is unclear the seeds that it would take beyond those there are.

    `above`: the difference from `zero-shot*`. None without intervals; (unclear, None) where no number of
    seeds up to `MOST_SEEDS` would do.
    """
    if None in (echo.found, decoy.found, above.found):
        return None, None
    n = echo.seeds
    now = _decided(echo, decoy, above, n)
    if now != "unclear":
        return now, None
    for seeds in range(n + 1, MOST_SEEDS + 1):
        if _decided(echo, decoy, above, seeds) != "unclear":
            return now, seeds - n
    return now, None


def _decided(echo: Size, decoy: Size, above: Size, seeds: int) -> OwnVerdict:
    both = (echo, decoy)
    owned = [one.is_own(seeds) for one in both]
    # An echo destroys the teacher's structured errors too, so a small own_echo beside a sure own_decoy does
    # not tell elicitation from errors that the method copies.
    if any(one.is_none(seeds) for one in both) and not any(owned):
        return "elicitation"
    if not all(owned):
        return "unclear"
    if above.accuracy <= 0:
        return "own, under elicitation"
    return "weak supervision" if above.accuracy - above.half(seeds) > 0 else "unclear"
