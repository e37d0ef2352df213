"""Within which bounds a PGR and a gap lie.

They speak of new questions and of new draws from *this* training pool (DESIGN 9).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from w2s_harness.scoring import together
from w2s_harness.scoring.doubt import few_decide
from w2s_harness.scoring.pgr import MIN_GAP, Convention, under
from w2s_harness.scoring.twoway import (
    Block,
    Clusters,
    Matrix,
    Spread,
    block,
    countable,
    estimate,
    moments,
    spread,
)

LEVEL = 0.95
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
class Baselines:
    """Weak and ceiling of a setting, over the same baseline seeds and questions.

    Build it once per setting with `baselines`; every method's interval uses it.
    """

    weak: Block
    ceiling: Block

    @cached_property
    def gap(self) -> float:
        """Ceiling minus weak, accuracy."""
        return estimate([self.ceiling, self.weak.scaled(-1.0)])

    @cached_property
    def gap_spread(self) -> Spread:
        """The two-way variance of the gap. Raises `ValueError` where `countable` has a reason."""
        return spread([self.ceiling, self.weak.scaled(-1.0)])

    def asked(self, convention: Convention, seeds: Sequence[int]) -> Baselines:
        """The baselines that a method with these seeds is scored against under a convention.

        Under `paired` only its own seeds' stand, and every interval over them pairs by itself. Raises
        `ValueError` where one of its seeds has no baseline.
        """
        if convention == "fixed":
            return self
        lone = sorted(set(seeds) - (set(self.weak.seeds) & set(self.ceiling.seeds)))
        if lone:
            raise ValueError(f"seeds {lone} have no baseline of their own: paired PGR needs them")
        return Baselines(_only(self.weak, seeds), _only(self.ceiling, seeds))

    def less(self, ratio: float) -> list[Block]:
        """-ratio (c - w), what a ratio's residual takes from its numerator."""
        return [self.ceiling.scaled(-ratio), self.weak.scaled(ratio)]


def baselines(
    seeds: Sequence[int], weak: npt.ArrayLike, ceiling: npt.ArrayLike, clusters: npt.ArrayLike | Clusters
) -> Baselines:
    """Weak and ceiling outcomes (S, N) of the baseline seeds, clusters (N,) of question codes."""
    return Baselines(block(seeds, weak, clusters), block(seeds, ceiling, clusters))


def _only(one: Block, seeds: Sequence[int]) -> Block:
    """The block of some of a block's seeds."""
    return Block(tuple(seeds), one.values[[one.seeds.index(seed) for seed in seeds]], one.shares)


def quantile(df: float, level: float = LEVEL) -> float:
    """The two-sided Student t quantile."""
    from scipy.special import stdtrit  # scipy costs half a second; `scipy.stats` twice that

    return float(stdtrit(df, 0.5 + level / 2))


def around(blocks: Sequence[Block], level: float = LEVEL) -> Interval:
    """The two-way t interval of the sum of blocks."""
    why = countable(blocks)
    if why is not None:
        return Interval(None, None, None, why)
    centre, v = estimate(blocks), spread(blocks)
    half = quantile(v.df, level) * v.se
    return Interval(centre - half, centre + half, v.df)


def gap_interval(base: Baselines, level: float = LEVEL) -> Interval:
    """The interval of ceiling minus weak, in accuracy."""
    why = countable([base.ceiling, base.weak])
    if why is not None:
        return Interval(None, None, None, why)
    v = base.gap_spread
    half = quantile(v.df, level) * v.se
    return Interval(base.gap - half, base.gap + half, v.df)


def no_gap(base: Baselines, *, min_gap: float = MIN_GAP, level: float = LEVEL) -> str | None:
    """Why the setting has no gap to recover, or None where it has one.

    Fieller's set {r : |T - r C| <= t(r) se(r)}, with T and C the means of t - w and c - w and t(r), se(r)
    of the two-way variance of (t - w) - r (c - w), is bounded just where r -> infinity lies outside it: where
    |C| > t se(C). That is where the gap's own two-way interval does not hold 0; it depends on no method.
    """
    small = under(base.gap, min_gap)
    if small is not None:
        return small
    bounds = gap_interval(base, level).bounds
    if bounds is None or bounds[0] > 0:
        return None
    span = f"{100 * level:g} % interval {bounds[0]:.4f} to {bounds[1]:.4f}"
    return f"Fieller's set is unbounded: the gap's {span} holds 0"


def pgr_interval(
    base: Baselines, transfer: Block, *, min_gap: float = MIN_GAP, level: float = LEVEL
) -> Interval:
    """The two-way interval of a PGR: PGR -+ t sqrt(V) (DESIGN 9).

    V is that of the influence L(s, q) = ((t - w) - PGR (c - w)) / gap. It has a reason instead of bounds
    where `no_gap` has one, and with fewer than two seeds or questions. Never NaN, never a wild ratio.
    """
    return _ratio_interval(base, [transfer, base.weak.scaled(-1.0)], min_gap, level)


def pgr_intervals(
    base: Baselines, transfers: Sequence[Block], *, min_gap: float = MIN_GAP, level: float = LEVEL
) -> list[Interval]:
    """`pgr_interval` of each of a setting's transfers."""
    return _ratio_intervals(base, transfers, base.weak, min_gap, level)


def difference_intervals(
    base: Baselines,
    transfers: Sequence[Block],
    other: Block,
    *,
    min_gap: float = MIN_GAP,
    level: float = LEVEL,
) -> list[Interval]:
    """`difference_interval` of each of a setting's transfers and one other."""
    return _ratio_intervals(base, transfers, other, min_gap, level)


def difference_interval(
    base: Baselines, a: Block, b: Block, *, min_gap: float = MIN_GAP, level: float = LEVEL
) -> Interval:
    """The two-way interval of the PGR of transfer a minus that of b, with reasons as `pgr_interval`."""
    return _ratio_interval(base, [a, b.scaled(-1.0)], min_gap, level)


def fieller_interval(
    base: Baselines, transfer: Block, *, min_gap: float = MIN_GAP, level: float = LEVEL
) -> Interval:
    """The outer bounds of Fieller's set (see `no_gap`), a check beside `pgr_interval`; `df` is the PGR's."""
    numerator = [transfer, base.weak.scaled(-1.0)]
    why = no_gap(base, min_gap=min_gap, level=level) or countable([*numerator, base.ceiling])
    if why is not None:
        return Interval(None, None, None, why)
    denominator = [base.ceiling, base.weak.scaled(-1.0)]
    top, gap = estimate(numerator), base.gap
    found = moments([numerator, denominator])

    def outside(r: float) -> bool:
        v = found.spread([1.0, -r])
        return abs(top - r * gap) > quantile(v.df, level) * v.se

    low, high = _edge(top / gap, -1.0, outside), _edge(top / gap, 1.0, outside)
    if low is None or high is None:
        return Interval(None, None, None, f"Fieller's set reaches beyond {_WIDEST:g}")
    return Interval(low, high, found.spread([1.0, -top / gap]).df)


def leaves_out(base: Baselines, transfer: Block, ratios: Sequence[float], *, level: float = LEVEL) -> bool:
    """Whether Fieller's set (see `no_gap`) holds none of these PGRs. Raises `ValueError` as `spread`."""
    numerator = [transfer, base.weak.scaled(-1.0)]
    found = moments([numerator, [base.ceiling, base.weak.scaled(-1.0)]])
    top = estimate(numerator)
    for ratio in ratios:
        v = found.spread([1.0, -ratio])
        if abs(top - ratio * base.gap) <= quantile(v.df, level) * v.se:
            return False
    return True


def all_left_out(
    base: Baselines, transfers: Sequence[Block], ratios: Sequence[Sequence[float]], *, level: float = LEVEL
) -> list[bool]:
    """`leaves_out` of each transfer and its ratios, the same number for each."""
    less = base.weak.scaled(-1.0)
    stacked, left = together.stacks(transfers, [base.weak, base.ceiling])
    found = {i: leaves_out(base, transfers[i], ratios[i], level=level) for i in left}
    for places, x in stacked:
        top = together.means(x) + estimate([less])
        held = np.zeros(len(places), dtype=bool)
        for ratio in np.array([ratios[i] for i in places]).T:
            v = together.spreads(residuals(base, x, less, ratio), less.shares)
            held |= np.abs(top - ratio * base.gap) <= together.quantiles(v.df, level) * v.se
        found |= dict(zip(places, (~held).tolist(), strict=True))
    return [found[i] for i in range(len(transfers))]


def _ratio_interval(base: Baselines, numerator: list[Block], min_gap: float, level: float) -> Interval:
    why = no_gap(base, min_gap=min_gap, level=level) or countable([*numerator, base.ceiling])
    if why is not None:
        return Interval(None, None, None, why)
    gap = base.gap
    ratio = estimate(numerator) / gap
    v = spread([*numerator, *base.less(ratio)])
    half = quantile(v.df, level) * v.se / gap
    return Interval(ratio - half, ratio + half, v.df, warning=few_decide(v))


def _ratio_intervals(
    base: Baselines, transfers: Sequence[Block], other: Block, min_gap: float, level: float
) -> list[Interval]:
    """`_ratio_interval` of each transfer minus `other`."""
    why = no_gap(base, min_gap=min_gap, level=level)
    if why is not None:
        return [Interval(None, None, None, why)] * len(transfers)
    less = other.scaled(-1.0)
    stacked, left = together.stacks(transfers, [base.weak, base.ceiling, less])
    found = {i: _ratio_interval(base, [transfers[i], less], min_gap, level) for i in left}
    for places, x in stacked:
        ratio = (together.means(x) + estimate([less])) / base.gap
        v = together.spreads(residuals(base, x, less, ratio), less.shares)
        half = together.quantiles(v.df, level) * v.se / base.gap
        each = zip(places, (ratio - half).tolist(), (ratio + half).tolist(), strict=True)
        found |= {
            i: Interval(low, high, float(v.df[k]), warning=few_decide(v.at(k)))
            for k, (i, low, high) in enumerate(each)
        }
    return [found[i] for i in range(len(transfers))]


def residuals(
    base: Baselines, x: Matrix, less: Block, ratio: npt.NDArray[np.float64], scale: float = 1.0
) -> Matrix:
    """(M, S, Q) `scale` times: transfers x (M, S, Q), plus `less`, minus ratio (M,) times ceiling - weak."""
    each = ratio[:, None, None]
    out = x * scale
    out += less.values * scale
    out += (base.ceiling.values * -each) * scale
    out += (base.weak.values * each) * scale
    return out


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
