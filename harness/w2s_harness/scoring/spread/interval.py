"""Within which bounds a PGR and a gap lie, and where no formula can be trusted with that.

They speak of new questions and of new draws from *this* training pool (DESIGN 9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from w2s_harness.scoring.points import MIN_GAP, under
from w2s_harness.scoring.spread import together
from w2s_harness.scoring.spread.blocks import Block, Clusters, block, countable, estimate
from w2s_harness.scoring.spread.together import Estimates
from w2s_harness.scoring.spread.twoway import LEVEL, effective, moments, quantile, quantiles, spread

LEAST_SEEDS = 3
"""With two, a variance between seeds is one squared difference."""
LEAST_QUESTIONS = 20
"""Of one size. With fewer the simulated coverage falls to .90 (docs/statistics.md)."""
FLOOR_SHARE = 0.25
"""Of the variance; a larger floor means that a handful of questions decides."""
_FEW = "few questions decide, or nearly all came out alike: the interval is wide, not exact"
_WIDEST = 2.0**40
"""PGR; the search for a bound of Fieller's set stops here."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds with the degrees of freedom behind them, or the reason why there are none."""

    low: float | None
    high: float | None
    df: float | None
    reason: str | None = None
    warning: str | None = None
    """Why it is not exact."""

    @property
    def bounds(self) -> tuple[float, float] | None:
        """(low, high), or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True)
class WeakAndCeiling:
    """Weak and ceiling of a setting, over the same baseline seeds and questions.

    Build it once per setting with `baselines`; every method's interval uses it.
    """

    weak: Block
    ceiling: Block

    @cached_property
    def gap(self) -> float:
        """Ceiling minus weak, accuracy."""
        return estimate([self.ceiling, self.weak.scaled(-1.0)])


def baselines(
    seeds: Sequence[int], weak: npt.ArrayLike, ceiling: npt.ArrayLike, clusters: npt.ArrayLike | Clusters
) -> WeakAndCeiling:
    """Weak and ceiling outcomes (S, N) of the baseline seeds, clusters (N,) of question codes."""
    return WeakAndCeiling(block(seeds, weak, clusters), block(seeds, ceiling, clusters))


def gap_interval(base: WeakAndCeiling) -> Interval:
    """The interval of ceiling minus weak, in accuracy."""
    why = countable([base.ceiling, base.weak])
    if why is not None:
        return Interval(None, None, None, why)
    v = spread([base.ceiling, base.weak.scaled(-1.0)])
    half = quantile(v.df) * v.se
    return Interval(base.gap - half, base.gap + half, v.df)


def no_gap(base: WeakAndCeiling, *, min_gap: float = MIN_GAP) -> str | None:
    """Why the setting has no gap to recover, or None where it has one.

    Fieller's set {r : |T - r C| <= t(r) se(r)}, with T and C the means of t - w and c - w, is bounded just
    where the gap's own two-way interval does not hold 0; that depends on no method (docs/statistics.md).
    """
    return without_gap(base.gap, min_gap, lambda: gap_interval(base).bounds)


def without_gap(gap: float, min_gap: float, interval: Callable[[], tuple[float, float] | None]) -> str | None:
    """Why a gap with this interval is none, or None; the interval is asked for only where that decides."""
    small = under(gap, min_gap)
    if small is not None:
        return small
    bounds = interval()
    if bounds is None or bounds[0] > 0:
        return None
    span = f"{100 * LEVEL:g} % interval {bounds[0]:.4f} to {bounds[1]:.4f}"
    return f"Fieller's set is unbounded: the gap's {span} holds 0"


def pgr_intervals(
    base: WeakAndCeiling, transfers: Sequence[Block], *, min_gap: float = MIN_GAP
) -> list[Interval]:
    """The two-way interval of each PGR of a setting: PGR -+ t sqrt(V) (DESIGN 9).

    V is that of the influence L(s, q) = ((t - w) - PGR (c - w)) / gap. It has a reason instead of bounds
    where `no_gap` has one, and with fewer than two seeds or questions. Never NaN, never a wild ratio.
    """
    return difference_intervals(base, transfers, base.weak, min_gap=min_gap)


def difference_intervals(
    base: WeakAndCeiling, transfers: Sequence[Block], other: Block, *, min_gap: float = MIN_GAP
) -> list[Interval]:
    """The interval of each transfer's PGR minus that of one other, with reasons as `pgr_intervals`."""
    why = no_gap(base, min_gap=min_gap)
    if why is not None:
        return [Interval(None, None, None, why)] * len(transfers)
    found = {}
    for some in ratios(base, transfers, other):
        v, ratio = some.spreads, some.values / base.gap
        half = quantiles(v.df) * v.se / base.gap
        columns = np.stack([ratio - half, ratio + half, v.df, v.floor, v.total], axis=1).tolist()
        for i, (low, high, df, floor, total) in zip(some.places, columns, strict=True):
            # then nearly all questions came out alike, and `twoway.floor` is much of the variance
            found[i] = Interval(low, high, df, warning=_FEW if floor > FLOOR_SHARE * total else None)
    return [found.get(i) or uncounted([t, other, base.ceiling]) for i, t in enumerate(transfers)]


def ratios(
    base: WeakAndCeiling, transfers: Sequence[Block], other: Block, at: npt.ArrayLike | None = None
) -> Iterator[Estimates]:
    """Each transfer minus the other with the spread of its residual (t - other) - r (c - w), in accuracy.

    r is its own ratio to the gap, or what `at` (M,) says. Without those that cannot be counted.
    """
    less = other.scaled(-1.0)
    asked = None if at is None else np.asarray(at, np.float64)
    stacked, left = together.stacks(transfers, [base.weak, base.ceiling, less])
    for places, x in stacked:
        values = together.means(x) + estimate([less])
        ratio = values / base.gap if asked is None else asked[places]
        each = ratio[:, None, None]
        x += less.values
        x += base.ceiling.values * -each
        x += base.weak.values * each
        yield Estimates(places, values, together.spreads(x, less.shares), len(other.seeds))
    for i in left:
        if countable(numerator := [transfers[i], less]) is None and countable([base.ceiling]) is None:
            value = estimate(numerator)
            ratio_of_one = value / base.gap if asked is None else float(asked[i])
            gap = [base.ceiling.scaled(-ratio_of_one), base.weak.scaled(ratio_of_one)]
            yield Estimates.of_one(i, value, [*numerator, *gap])


def uncounted(blocks: Sequence[Block]) -> Interval:
    """The interval of what cannot be counted, with its reason."""
    return Interval(None, None, None, countable(blocks))


def unreliable(blocks: Sequence[Block]) -> str | None:
    """Why no claim can rest on intervals and tests of these blocks, or None."""
    seeds = min(len(b.seeds) for b in blocks)
    if seeds < LEAST_SEEDS:
        said = "one seed says" if seeds == 1 else f"{seeds} seeds say"
        return f"{said} too little of what a seed does: a claim needs at least {LEAST_SEEDS}"
    count, shares = blocks[0].values.shape[1], blocks[0].shares
    worth = effective(count, shares)
    if worth >= LEAST_QUESTIONS:
        return None
    which = f"{count} questions" if shares is None else f"{count} questions count as {worth:.1f} of one size"
    return f"{which}: a claim needs at least {LEAST_QUESTIONS}"


def fieller_interval(base: WeakAndCeiling, transfer: Block, *, min_gap: float = MIN_GAP) -> Interval:
    """The outer bounds of Fieller's set (see `no_gap`), a check beside `pgr_intervals`; `df` is the PGR's."""
    numerator = [transfer, base.weak.scaled(-1.0)]
    why = no_gap(base, min_gap=min_gap) or countable([*numerator, base.ceiling])
    if why is not None:
        return Interval(None, None, None, why)
    denominator = [base.ceiling, base.weak.scaled(-1.0)]
    top, gap = estimate(numerator), base.gap
    found = moments([numerator, denominator])

    def outside(r: float) -> bool:
        v = found.spread([1.0, -r])
        return abs(top - r * gap) > quantile(v.df) * v.se

    low, high = _edge(top / gap, -1.0, outside), _edge(top / gap, 1.0, outside)
    if low is None or high is None:
        return Interval(None, None, None, f"Fieller's set reaches beyond {_WIDEST:g}")
    return Interval(low, high, found.spread([1.0, -top / gap]).df)


def left_out(
    base: WeakAndCeiling,
    transfers: Sequence[Block],
    ratio: Sequence[Sequence[float]],
) -> list[bool]:
    """Whether Fieller's set (see `no_gap`) of each transfer holds none of its PGRs, as many for each."""
    out = np.ones(len(transfers), dtype=bool)
    for at in np.asarray(ratio, np.float64).T:
        for some in ratios(base, transfers, base.weak, at):
            half = quantiles(some.spreads.df) * some.spreads.se
            out[some.places] &= np.abs(some.values - at[some.places] * base.gap) > half
    return [bool(each) for each in out]


def _edge(start: float, direction: float, outside: Callable[[float], bool]) -> float | None:
    """Where the set that holds `start` ends, by doubling and bisection to about 1e-6."""
    inner, step = 0.0, 0.01
    while not outside(start + direction * step):
        inner, step = step, 2 * step
        if step > _WIDEST:
            return None
    outer = step
    while outer - inner > 1e-6 * max(1.0, outer):
        middle = (inner + outer) / 2
        inner, outer = (inner, middle) if outside(start + direction * middle) else (middle, outer)
    return start + direction * inner
