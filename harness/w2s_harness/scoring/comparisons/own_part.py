"""What of a method's accuracy is the teacher's own: weak labels without that part, and how large it is.

Z (n, T) are the untrained student's readouts of n training rows, w (n,) the weak labels. What a teacher
shares with the readouts is p, a cross-fitted ridge of w on a basis of tanh Z. `echo` keeps p and permutes w
among rows alike in it. `decoy` keeps p too, and puts in the place of the rest another concept of the same
strength and the same smoothness over the student's features, which points nowhere.

own = accuracy in the real cells minus the mean over a world's draws, on the same seeds and questions. Its
variance has two parts: seeds and questions, crossed (`twoway`), and the teacher's noise, which is one draw
that all seeds share. The world's draws show how much such a draw is worth: `DRAWS` times their standard
deviation is added in quadrature (the two-way interval alone covers .80, with .7 it covers .96 to .98).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from w2s_harness.scoring.spread.blocks import Clusters, block
from w2s_harness.scoring.spread.twoway import Spread, combined, degrees, quantile, spread

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
OwnVerdict = Literal["weak supervision", "own, under elicitation", "elicitation", "unclear"]

KNOTS = (-0.7, 0.0, 0.7)
FOLDS = 5
LAMBDAS = tuple(10.0**k for k in range(-4, 5))
BLOCKS = 10
"""Rows alike in p are those of one block, a tenth of all: smaller ones keep too much of the teacher (a
twentieth: bias -.03 of accuracy, 5 rows: -.12), all rows at once too little (+.105)."""
COMPONENTS = 8
"""Leading principal components of the student's features that the strict variant takes for known."""
CLUSTERS = 24
"""Clusters of rows likewise, at most one for `IN_A_CLUSTER` rows."""
IN_A_CLUSTER = 20
ALIGNED = 0.1
"""How much of its own part a decoy may keep or turn round: |sum s c^2| over sum c^2."""
_TRIES = 1000
_RANK = 1e-6
LEAST = 0.02
"""Accuracy: a smaller own part counts as none."""
DRAWS = 0.7
NORMAL = 1.96
MOST_LUCK = 2.0
"""How many times vanilla's luck is taken off a row at most."""
MOST_SEEDS = 300
"""Seeds beyond which it is no use to say how many it would take."""


def basis(z: npt.ArrayLike) -> Floats:
    """(n, k) of readouts (n, T) in units of their spread: tanh, squares and products, hinges at `KNOTS`."""
    t = np.tanh(np.asarray(z, np.float64))
    columns = [t[:, i] for i in range(t.shape[1])]
    columns += [t[:, i] * t[:, j] for i in range(t.shape[1]) for j in range(i + 1)]
    columns += [np.maximum(t[:, i] - knot, 0.0) for i in range(t.shape[1]) for knot in KNOTS]
    return np.stack(columns, axis=1) if columns else np.empty((len(t), 0))


def shared(b: Floats, w: Floats, groups: Codes, rng: np.random.Generator) -> Floats:
    """P (n,): w (n,) as a ridge on the basis (n, k) predicts it, by `FOLDS` folds of whole questions.

    The strength is chosen in each fold by generalised cross-validation (Golub, Heath and Wahba 1979).
    """
    _, codes = np.unique(groups, return_inverse=True)
    fold = (np.argsort(np.argsort(rng.random(codes.max() + 1))) % FOLDS)[codes]
    p = np.full(len(w), float(w.mean()))
    for k in range(FOLDS):
        out = fold == k
        if out.any() and (~out).sum() > 1 and b.shape[1]:
            p[out] = _ridge(b[~out], w[~out], b[out])
    return p


def _ridge(x: Floats, y: Floats, rows: Floats) -> Floats:
    centre, scale = x.mean(0), x.std(0)
    scale = np.where(scale > _RANK, scale, 1.0)
    u, s, vt = np.linalg.svd((x - centre) / scale, full_matrices=False)
    n, mean = len(y), float(y.mean())
    along = u.T @ (y - mean)
    rest = float(np.sum((y - mean) ** 2) - np.sum(along**2))
    best, chosen = np.inf, LAMBDAS[-1]
    for lam in LAMBDAS:
        kept = s**2 / (s**2 + lam * n)
        error = rest + float(np.sum(((1 - kept) * along) ** 2))
        gcv = error / max(1.0, n - 1 - float(kept.sum())) ** 2
        if gcv < best:
            best, chosen = gcv, lam
    weights = vt.T @ (s / (s**2 + chosen * n) * along)
    return np.asarray(mean + (rows - centre) / scale @ weights, np.float64)


def strict_basis(b: Floats, x: npt.ArrayLike, rng: np.random.Generator) -> Floats:
    """(n, k') the basis (n, k), the features' (n, d) leading components, and the clusters of rows in these.

    Clusters by k-means. What a teacher has in common with the broad outlines of the student's features counts
    as known then, though no readout says it: too much for a verdict (it took a true teacher's direction away
    in trials: bias -.135 of accuracy), so what is left is a lower bound.
    """
    from scipy.cluster.vq import kmeans2

    features = np.asarray(x, np.float64)
    u, s, _ = np.linalg.svd(features - features.mean(0), full_matrices=False)
    parts = u[:, : min(COMPONENTS, int((s > _RANK * max(float(s[0]), np.finfo(np.float64).tiny)).sum()))]
    if not parts.shape[1]:
        return b
    parts = parts * np.sqrt(len(parts))
    with warnings.catch_warnings():
        # rows that are all alike leave clusters empty
        warnings.simplefilter("ignore", UserWarning)
        _, cluster = kmeans2(parts, max(1, min(CLUSTERS, len(parts) // IN_A_CLUSTER)), minit="++", rng=rng)
    return np.column_stack([b, parts, cluster[:, None] == np.arange(cluster.max() + 1)])


def directions(x: npt.ArrayLike, b: Floats) -> Floats:
    """(n, r) left singular vectors of features (n, d), the basis and the constant projected out."""
    known = np.column_stack([np.ones(len(b)), b])
    u, s, _ = np.linalg.svd(known, full_matrices=False)
    q = u[:, s > _RANK * s[0]]
    features = np.asarray(x, np.float64)
    rest = features - q @ (q.T @ features)
    values, vectors = np.linalg.eigh(rest.T @ rest if rest.shape[0] >= rest.shape[1] else rest @ rest.T)
    kept = values > max(_RANK * max(float(values[-1]), 0.0), np.finfo(np.float64).tiny)
    if rest.shape[0] < rest.shape[1]:
        return np.asarray(vectors[:, kept], np.float64)
    return np.asarray(rest @ vectors[:, kept] / np.sqrt(values[kept]), np.float64)


def echo(w: Floats, p: Floats, rng: np.random.Generator) -> Floats:
    """(n,) w permuted among rows alike in p: blocks of n / `BLOCKS` rows, from a random offset."""
    order = np.lexsort((rng.random(len(p)), p))
    size = max(2, round(len(p) / BLOCKS))
    block = (np.arange(len(p)) + int(rng.random() * size)) // size
    out = np.empty(len(w))
    # within a block in a random order, so that the labels of its rows are dealt out anew
    out[order] = w[order[np.lexsort((rng.random(len(p)), block))]]
    return out


def decoy_pair(w: Floats, p: Floats, u: Floats, rng: np.random.Generator) -> Iterator[Floats]:
    """Two label vectors (n,), of opposite signs, with another concept in the place of the teacher's own.

    r = w - p has the coordinates c in the directions u (n, r); random signs turn them so that the concept is
    as strong in each of them and of no use; what r has outside of u is dealt out anew within blocks. The sum
    is mapped by rank onto the sorted w: the multiset of weak labels stays.
    """
    r = w - p - float(np.mean(w - p))
    c = u.T @ r
    signs = _signs(c, rng)
    rest = echo(r - u @ c, p, rng)
    rest -= u @ (u.T @ rest)
    place = rng.random(len(w))
    for g in (1.0, -1.0):
        target = p + g * (u @ (signs * c)) + rest
        out = np.empty(len(w))
        out[np.lexsort((place, target))] = np.sort(w)
        yield out


def _signs(c: Floats, rng: np.random.Generator) -> Floats:
    """(r,) random signs with |sum s c^2| < `ALIGNED` sum c^2; of many tries the best, where none has it."""
    best, least = np.ones(len(c)), np.inf
    total = float(np.sum(c * c))
    for _ in range(_TRIES):
        signs = np.where(rng.random(len(c)) < 0.5, -1.0, 1.0)
        off = abs(float(np.sum(signs * c * c)))
        if off < least:
            best, least = signs, off
        if off <= ALIGNED * total:
            break
    return best


# -- how large it is --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Size:
    """A difference in accuracy with its interval."""

    accuracy: float
    found: Spread[float] | None
    """None with one seed or one question: there is no interval then."""
    seeds: int
    draws: float = 0.0
    """The standard deviation over the world's draws."""

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The 95 % interval."""
        if self.found is None:
            return None
        half = self.half(self.seeds)
        return self.accuracy - half, self.accuracy + half

    def half(self, seeds: int) -> float:
        """Half the interval's width with that many seeds, all else equal."""
        assert self.found is not None
        one, less = self.found, self.seeds / seeds
        v_s, v_sq = one.seeds * less, one.cells * less
        v_q = one.questions - one.cells + v_sq
        total = one.total if seeds == self.seeds else float(combined(v_s, v_q, v_sq))
        share = v_s / total if total > 0 else 1.0
        df = degrees(share, one.seed_df + seeds - self.seeds, one.question_df)
        return math.hypot(quantile(float(df)) * math.sqrt(total), NORMAL * DRAWS * self.draws)


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
    mean without a degree of freedom lost. Of one draw a seed without pairs (an echo) the variance between
    seeds stands in, which holds that of their training rows too. 0 where there is nothing to tell it from.
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
    owned = [one.accuracy >= LEAST and one.accuracy - one.half(seeds) > 0 for one in both]
    # An echo destroys the teacher's structured errors too, so a small own_echo beside a sure own_decoy does
    # not tell elicitation from errors that the method copies.
    if any(one.accuracy + one.half(seeds) < LEAST for one in both) and not any(owned):
        return "elicitation"
    if not all(owned):
        return "unclear"
    if above.accuracy <= 0:
        return "own, under elicitation"
    return "weak supervision" if above.accuracy - above.half(seeds) > 0 else "unclear"
