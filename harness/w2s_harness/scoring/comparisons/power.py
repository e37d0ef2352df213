"""How many seeds and questions a difference needs to be seen, and which one a plan can see.

docs/power.md has the model, its sources and how well it holds. The test is that of `compare.all_between` over
S seeds and Q questions; for new training pools that of `pool.difference_pools`. The mean of a difference has
variance seed / S + question / Q + cell / (S Q), and its mean squares are independent multiples of chi-square.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from w2s_harness.scoring.spread.blocks import Block
from w2s_harness.scoring.spread.pool import SCALE, pivot
from w2s_harness.scoring.spread.twoway import Spread, combined, spread

ALPHA = 0.05
POWER = 0.8
MOST_SEEDS = 1_000
MOST_QUESTIONS = 10_000_000
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Components:
    """Variance components of a difference of two accuracies, each of one draw."""

    seed: float
    """Of one seed's draw, over all questions alike."""
    question: float
    """Of one question, over all seeds alike."""
    cell: float
    """Of one question at one seed, beside both."""

    def __post_init__(self) -> None:
        """Refuse what is no variance."""
        if not all(math.isfinite(x) and x >= 0 for x in (self.seed, self.question, self.cell)):
            raise ValueError(f"{self} holds a variance that is not finite, or under 0")

    def variance(self, seeds: int, questions: int) -> float:
        """Of the mean difference: seed / S + question / Q + cell / (S Q)."""
        return self.seed / seeds + self.question / questions + self.cell / (seeds * questions)


@dataclass(frozen=True, slots=True)
class Assumed:
    """Standard deviations of a difference of two accuracies, where no run tells them.

    The defaults are about the medians of the shipped methods against vanilla on the shipped tasks, 5 seeds
    (`docs/power.md`).
    """

    seed_sd: float = 0.01
    """Of one seed's draw, over all rows alike."""
    question_sd: float = 0.22
    """Of one row, over all seeds alike."""
    cell_sd: float = 0.28
    """Of one row at one seed, beside both."""

    def components(self, rows_per_question: float) -> Components:
        """The components by question, whose rows vary independently of each other."""
        m = rows_per_question
        return Components(self.seed_sd**2, self.question_sd**2 / m, self.cell_sd**2 / m)


@dataclass(frozen=True, slots=True)
class Holdout:
    """The size of a holdout."""

    rows: int
    questions: int

    @property
    def rows_per_question(self) -> float:
        """On the average."""
        return self.rows / self.questions

    @classmethod
    def of(cls, questions: npt.ArrayLike) -> Holdout:
        """From the question code of each row, (n,)."""
        return cls(int(np.size(questions)), int(np.unique(questions).size))


def components(a: Block, b: Block) -> Components:
    """What the difference of two blocks of outcomes says of its components, by the method of moments.

    With V_S, V_Q and V_SQ of `twoway.spread`: seed = S (V_S - V_SQ), question = Q (V_Q - V_SQ) and
    cell = S Q V_SQ, cut at 0. Where the blocks have other seeds, S is the smaller count. Raises `ValueError`
    with under two seeds or questions.
    """
    v, s, q = _two_way(a, b)
    return Components(
        max(0.0, s * (v.seeds - v.cells)), max(0.0, q * (v.questions - v.cells)), s * q * max(0.0, v.cells)
    )


def component_ranges(a: Block, b: Block, *, level: float = 0.8) -> tuple[Components, Components]:
    """The low and high ends of an interval of each component, each at `level`.

    Exact for cell; of the others modified large sample intervals (Ting et al. 1990; Burdick and Graybill
    1992, section 3.3, without the cross term), which have a width where the estimate is cut to 0, as
    Satterthwaite's has not. Raises `ValueError` as `components`, and for a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError(f"the level {level} is not between 0 and 1")
    v, s, q = _two_way(a, b)
    cells = (s - 1) * (q - 1)
    seed = _difference(s * v.seeds, s - 1, s * v.cells, cells, level)
    question = _difference(q * v.questions, q - 1, q * v.cells, cells, level)
    low, high = _factors(cells, level)
    cell = s * q * max(0.0, v.cells)
    return Components(seed[0], question[0], low * cell), Components(seed[1], question[1], high * cell)


def power_of(
    c: Components,
    difference: float,
    seeds: int,
    questions: int,
    alpha: float = ALPHA,
    *,
    new_pools: bool = False,
) -> float:
    """The chance that a true difference in accuracy ends significant (either sign) at `alpha`.

    :param new_pools: for new training pools too, as a claim needs it.

    The expectation of P(|mean| > t(df) sqrt(V)) over the mean squares, V and df as `twoway.spread` has them;
    a noncentral t takes both as if they were known and promises too much with few seeds (docs/power.md).
    Under Holm over m comparisons, alpha / m is the level that the first has to pass. Raises `ValueError` for
    fewer than two seeds or questions and for an alpha outside (0, 1).
    """
    return _Test(c, seeds, questions, alpha, new_pools=new_pools).power(difference)


def minimum_detectable(
    c: Components,
    seeds: int,
    questions: int,
    *,
    alpha: float = ALPHA,
    power: float = POWER,
    new_pools: bool = False,
) -> float:
    """The smallest true difference in accuracy that ends significant with the chance `power`.

    `new_pools` as in `power_of`. Above 1 where no difference of accuracies would do. Raises `ValueError` as
    `power_of`, and for a power that is not above alpha and under 1.
    """
    _check(alpha, power)
    test = _Test(c, seeds, questions, alpha, new_pools=new_pools)
    if test.se == 0.0:
        return 0.0
    high = test.se
    while test.power(high) < power:
        high *= 2
    low = 0.0
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if test.power(middle) < power else (low, middle)
    return high


def seeds_needed(
    c: Components, difference: float, questions: int, *, alpha: float = ALPHA, power: float = POWER
) -> int | None:
    """The fewest seeds, from 2 up, with which a difference over these questions has `power`.

    None where `MOST_SEEDS` are too few: no number of seeds makes the questions' part smaller. Raises
    `ValueError` as `minimum_detectable`, and for a difference of 0.
    """
    _check(alpha, power, difference)
    return _fewest(lambda s: power_of(c, difference, s, questions, alpha) >= power, MOST_SEEDS)


def questions_needed(
    c: Components, difference: float, seeds: int, *, alpha: float = ALPHA, power: float = POWER
) -> int | None:
    """The fewest holdout questions, from 2 up, likewise; None where `MOST_QUESTIONS` are too few."""
    _check(alpha, power, difference)
    return _fewest(lambda q: power_of(c, difference, seeds, q, alpha) >= power, MOST_QUESTIONS)


class _Test:
    """The two-way t test of a plan: its half widths over the mean squares that it may meet."""

    def __init__(self, c: Components, seeds: int, questions: int, alpha: float, *, new_pools: bool) -> None:
        if seeds < 2 or questions < 2:
            raise ValueError(f"{seeds} seeds and {questions} questions: the test needs two of each")
        if not 0 < alpha < 1:
            raise ValueError(f"alpha {alpha} is not between 0 and 1")
        self.se = math.sqrt(c.variance(seeds, questions) + (SCALE * c.seed if new_pools else 0.0))
        self.halves = _half_widths(c, seeds, questions, alpha)
        if new_pools:
            pools = _pool_half_widths(c, seeds, questions, alpha)
            # both by the mean square between seeds; what questions make of it varies little beside that
            here = self.halves.reshape(len(pools), -1).mean(axis=1) if len(self.halves) > 1 else self.halves
            self.halves = np.maximum(here, pools)

    def power(self, difference: float) -> float:
        """P(|mean| > half width), the mean normal around `difference`."""
        from scipy.special import ndtr

        if self.se == 0.0:
            return 0.0 if difference == 0.0 else 1.0
        above = ndtr((difference - self.halves) / self.se)
        below = ndtr((-difference - self.halves) / self.se)
        return float(np.mean(above + below))


def _half_widths(c: Components, seeds: int, questions: int, alpha: float) -> Floats:
    from scipy.special import stdtrit

    cell = c.cell / (seeds * questions)
    v_s = (c.seed / seeds + cell) * _mean_squares(seeds - 1)[:, None, None]
    v_q = (c.question / questions + cell) * _mean_squares(questions - 1)[None, :, None]
    v_sq = cell * _mean_squares((seeds - 1) * (questions - 1))[None, None, :]
    total = combined(v_s, v_q, v_sq)
    if not np.any(total > 0):
        return np.zeros(1)
    of_seeds, of_questions = stdtrit([seeds - 1, questions - 1], 1 - alpha / 2) ** 2
    return np.asarray(np.sqrt(of_seeds * v_s + of_questions * (total - v_s)).ravel())


def _pool_half_widths(c: Components, seeds: int, questions: int, alpha: float) -> Floats:
    """Half widths over the mean squares between seeds; questions are known well beside them."""
    noise = c.cell / questions
    met = (c.seed + noise) * _mean_squares(seeds - 1)
    rest = np.full(len(met), (c.question + c.cell / seeds) / questions)
    found = pivot(met, np.full(len(met), noise), rest, SCALE + 1 / seeds, seeds - 1.0)
    return np.asarray(found.halves(1 - alpha))


def _mean_squares(df: int) -> Floats:
    """Values of chi-square / df at the middles of equal shares of probability, fewer where it varies less."""
    from scipy.special import chdtri

    n = 100 if df <= 10 else 40 if df <= 40 else 6 if df <= 300 else 3
    upper = 1 - (np.arange(n) + 0.5) / n
    return np.asarray(chdtri(df, upper) / df)


def _fewest(does: Callable[[int], bool], most: int) -> int | None:
    """The smallest number from 2 to `most` that does, by doubling and bisection."""
    if not does(most):
        return None
    low, high = 1, 2
    while not does(high):
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if does(middle) else (middle, high)
    return high


def _two_way(a: Block, b: Block) -> tuple[Spread[float], int, int]:
    """The spread of a - b, and over how many seeds and questions."""
    return spread([a, b.scaled(-1.0)]), min(len(a.seeds), len(b.seeds)), a.values.shape[1]


def _difference(x: float, df_x: int, y: float, df_y: int, level: float) -> tuple[float, float]:
    """The modified large sample interval of E x - E y, mean squares x and y; cut at 0."""
    low_x, high_x = _factors(df_x, level)
    low_y, high_y = _factors(df_y, level)
    down = math.hypot((1 - low_x) * x, (high_y - 1) * y)
    up = math.hypot((high_x - 1) * x, (1 - low_y) * y)
    return max(0.0, x - y - down), max(0.0, x - y + up)


def _factors(df: int, level: float) -> tuple[float, float]:
    """What a mean square is multiplied with to give the two ends of its expectation's interval."""
    from scipy.special import chdtri

    tail = (1 - level) / 2
    return df / float(chdtri(df, tail)), df / float(chdtri(df, 1 - tail))


def _check(alpha: float, power: float, difference: float = 1.0) -> None:
    if not alpha < power < 1:
        raise ValueError(f"a power of {power} is not between alpha {alpha} and 1")
    if not math.isfinite(difference) or difference == 0:
        raise ValueError(f"a difference of {difference} cannot be detected")
