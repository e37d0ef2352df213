"""What resampling seeds and questions says of a PGR, beside the two-way interval.

The crossed ("pigeonhole") bootstrap of Owen (2007, Annals of Applied Statistics 1): one draw of seeds and one
of questions a replicate, the same for weak, ceiling, transfer and every method. Its variance is about
V_S + V_Q + V_SQ, with (S - 1) / S of the seeds' part: a check, and with few seeds no interval to rest on.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from w2s_harness.scoring.points import MIN_GAP
from w2s_harness.scoring.spread import together
from w2s_harness.scoring.spread.blocks import Block, countable, merge
from w2s_harness.scoring.spread.interval import (
    Interval,
    WeakAndCeiling,
    fieller_interval,
    left_out,
    no_gap,
    uncounted,
)
from w2s_harness.scoring.spread.twoway import LEVEL

Floats = npt.NDArray[np.float64]
DRAWS = 10_000
"""Replicates of an interval."""
CHECK_DRAWS = (500, 2_000)
"""Fewest and most replicates of a check, which only asks for half a width."""
_CELLS = 2**21
"""Question counts drawn at once: 16 MiB."""
_NO_GAP = 1e-9
"""Accuracy; less is rounding."""
_CLOSE = 0.65
"""Of the limit: so far off, by the fewest draws, no bound has to be drawn again. Their error is some .08."""
_ROUNDING = 1e-5
"""PGR; bounds that differ by less are equal."""


def crossed_intervals(
    base: WeakAndCeiling,
    transfers: Sequence[Block],
    *,
    name: str = "pgr",
    draws: int = DRAWS,
    min_gap: float = MIN_GAP,
) -> list[Interval]:
    """The percentile interval of each PGR of a setting over crossed draws; `df` is None.

    `name` names the random numbers: with the same name, seeds and number of questions every method meets the
    same draws. Has a reason just where `pgr_intervals` has one, and where a bound falls among draws without a
    gap. Raises `ValueError` for fewer than one draw.
    """
    if draws < 1:
        raise ValueError(f"{draws} draws are too few")
    why = no_gap(base, min_gap=min_gap)
    if why is not None:
        return [Interval(None, None, None, why)] * len(transfers)
    found: dict[int, Interval] = {}
    stacked, left = together.stacks(transfers, [base.weak, base.ceiling])
    if stacked:
        lines = np.stack([base.weak.values, base.ceiling.values])
        weak, ceiling = _means(lines, base.weak.seeds, name, draws).T
    for places, x in stacked:
        top = _means(x, base.weak.seeds, name, draws) - weak[:, None]
        found |= zip(places, _percentiles(top, ceiling - weak), strict=True)
    less = base.weak.scaled(-1.0)
    for i in left:
        if countable([transfers[i], base.weak, base.ceiling]) is None:
            drawn = replicates([[transfers[i], less], [base.ceiling, less]], name=name, draws=draws)
            found[i] = _percentiles(drawn[:, :1], drawn[:, 1])[0]
    return [found.get(i) or uncounted([t, base.weak, base.ceiling]) for i, t in enumerate(transfers)]


def _percentiles(top: Floats, gap: Floats) -> list[Interval]:
    """The percentile intervals of M ratios over r draws, from numerators (r, M) and gaps (r,)."""
    there = gap > _NO_GAP
    # a draw without a gap lies beyond every bound on the side of its numerator
    ratios = np.where(there[:, None], top / np.where(there, gap, 1.0)[:, None], np.copysign(np.inf, top))
    tail = (1 - LEVEL) / 2
    lows, highs = np.quantile(ratios, [tail, 1 - tail], axis=0, method="inverted_cdf").tolist()
    none = Interval(None, None, None, f"over {100 * tail:g} % of the crossed draws have no gap")
    return [
        Interval(low, high, None) if math.isfinite(low) and math.isfinite(high) else none
        for low, high in zip(lows, highs, strict=True)
    ]


def _means(x: Floats, seeds: Sequence[int], name: str, draws: int) -> Floats:
    """(draws, M) means of blocks (M, S, Q) of the same seeds over crossed draws, as `replicates`'."""
    m, s, q = x.shape
    columns, order = x.reshape(m * s, q).T, np.argsort(np.argsort(seeds))
    parts = [
        np.einsum("rms,rs->rm", (of_questions @ columns).reshape(-1, m, s), of_seeds[:, order])
        for of_seeds, of_questions in _counts(name, s, q, draws)
    ]
    return np.asarray(np.concatenate(parts) / (s * q))


def replicates(terms: Sequence[Sequence[Block]], *, name: str, draws: int = DRAWS) -> Floats:
    """(at most `draws`, K) values of K terms over crossed draws.

    Seeds are drawn from all seeds of all blocks, S out of S; each block takes the mean over those of its own
    that were drawn, and a draw that leaves a block without one is left out. Raises `ValueError` for fewer
    than one draw, or where blocks have different numbers of questions.
    """
    merged = [merge(blocks) for blocks in terms]
    flat = [(k, b) for k, blocks in enumerate(merged) for b in blocks]
    sizes = {b.values.shape[1] for _, b in flat}
    if draws < 1 or len(sizes) != 1:
        raise ValueError(f"{draws} draws over blocks with {sorted(sizes)} questions")
    seeds = sorted({seed for _, b in flat for seed in b.seeds})
    at = {seed: i for i, seed in enumerate(seeds)}
    columns = np.concatenate([b.values for _, b in flat]).T
    out = []
    for of_seeds, of_questions in _counts(name, len(seeds), sizes.pop(), draws):
        means = of_questions @ columns / of_questions.shape[1]
        values, first = np.zeros((len(means), len(terms))), 0
        for k, b in flat:
            own = of_seeds[:, [at[seed] for seed in b.seeds]]
            part = means[:, first : first + len(b.seeds)]
            first += len(b.seeds)
            drawn = own.sum(axis=1)
            mean = np.divide(
                (own * part).sum(axis=1), drawn, out=np.full(len(drawn), np.nan), where=drawn > 0
            )
            values[:, k] += mean
        out.append(values[~np.isnan(values).any(axis=1)])
    return np.concatenate(out)


def disagreements(
    base: WeakAndCeiling,
    transfers: Sequence[Block],
    owns: Sequence[tuple[float, float] | None],
    *,
    name: str = "pgr",
    min_gap: float = MIN_GAP,
) -> list[str | None]:
    """For each PGR of a setting a sentence where Fieller's set or the crossed bootstrap differ, or None.

    They differ where a bound lies more than half a width from its own: `owns` are the bounds of
    `pgr_intervals`. None too where there is none.
    """
    there = [i for i, own in enumerate(owns) if own is not None]
    known = [transfers[i] for i in there]
    bounds = [own for own in owns if own is not None]
    crossed = _checks(base, known, bounds, name, min_gap)
    # Fieller's set holds the estimate: it ends within these points just where they lie outside
    within = left_out(base, known, [(own[0] - _half(own), own[1] + _half(own)) for own in bounds])
    out: list[str | None] = [None] * len(transfers)
    for k, i in enumerate(there):
        checks = {"the crossed bootstrap": crossed[k]}
        if not within[k]:
            checks = {"Fieller's set": fieller_interval(base, known[k], min_gap=min_gap), **checks}
        out[i] = _differing(bounds[k], checks)
    return out


def _checks(
    base: WeakAndCeiling,
    transfers: Sequence[Block],
    owns: Sequence[tuple[float, float]],
    name: str,
    min_gap: float,
) -> list[Interval]:
    """Crossed intervals by few draws and, only where these leave a doubt, by more."""
    if not transfers:
        return []

    def crossed(which: Sequence[Block], draws: int) -> list[Interval]:
        return crossed_intervals(base, which, name=name, draws=draws, min_gap=min_gap)

    fewest, most = CHECK_DRAWS
    most = max(fewest, min(most, _CELLS // transfers[0].values.shape[1]))
    gaps = replicates([[base.ceiling, base.weak.scaled(-1.0)]], name=name, draws=fewest)
    if np.any(gaps <= _NO_GAP):
        return crossed(transfers, most)
    out = crossed(transfers, fewest)
    doubtful = [i for i, own in enumerate(owns) if most > fewest and _far(own, out[i], _CLOSE)]
    if doubtful:
        for i, better in zip(doubtful, crossed([transfers[i] for i in doubtful], most), strict=True):
            out[i] = better
    return out


def _differing(own: tuple[float, float], checks: Mapping[str, Interval]) -> str | None:
    found = [
        f"{what} has no bounds ({check.reason})"
        if check.bounds is None
        else f"{what} is {_span(check.bounds)}"
        for what, check in checks.items()
        if _far(own, check)
    ]
    if not found:
        return None
    return f"{' and '.join(found)}, where pgr_ci is {_span(own)}: more than half a width apart"


def _half(own: tuple[float, float]) -> float:
    """How far from its own a check's bound may lie."""
    return (own[1] - own[0]) / 2 + _ROUNDING


def _far(own: tuple[float, float], check: Interval, share: float = 1.0) -> bool:
    """Whether a bound lies more than a share of the limit from its own."""
    if check.bounds is None:
        return True
    return any(abs(a - b) > share * _half(own) for a, b in zip(own, check.bounds, strict=True))


def _span(bounds: tuple[float, float]) -> str:
    return f"{bounds[0]:.2f} to {bounds[1]:.2f}"


def _counts(name: str, n_seeds: int, n_questions: int, draws: int) -> Iterator[tuple[Floats, Floats]]:
    """How often each seed (r, S) and each question (r, Q) comes in r replicates, chunk by chunk."""
    digest = hashlib.sha256(f"crossed bootstrap {name}".encode()).digest()
    rng = np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))
    step = max(1, _CELLS // n_questions)
    for start in range(0, draws, step):
        r = min(step, draws - start)
        yield _drawn(rng, r, n_seeds), _drawn(rng, r, n_questions)


def _drawn(rng: np.random.Generator, r: int, n: int) -> Floats:
    """(r, n) counts of n out of n with replacement."""
    picks = rng.integers(0, n, size=(r, n)) + n * np.arange(r)[:, None]
    return np.bincount(picks.ravel(), minlength=r * n).reshape(r, n).astype(np.float64)
