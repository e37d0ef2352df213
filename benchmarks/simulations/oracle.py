"""What agents can read off the metered oracle, and what an honest one still learns from it.

    python benchmarks/simulations/oracle.py [--repeats 400] [--open 40] [--climbers 1000]

Attacks: mean gain in accuracy over the attacker's own base, on the feedback rows and on as many final rows,
with its standard error, for one agent, for three that pool what they learn, and for one without a budget.
Exit code 1 where an attack with a budget gains more than .02 on feedback, where any attack gains more than
two standard errors on final, or where a climber of five seeds ends within .10 PGR of the best less than 9
times in 10. Half a holdout of coins is a bound, and judged on final alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from crossed import Regime, crossed
from scipy.special import ndtr, ndtri

from w2s_harness.scoring.metered.oracle import MIN_STEP, STEP_SE, Oracle, OracleLimits

ROWS = 1000
WEAK, CEILING, BASE = 0.60, 0.90, 0.75
"""Accuracies: a gap of .3, and an attacker whose own method recovers half of it."""
TRIED = 2000
LIMIT, NEAR, SHARE = 0.02, 0.10, 0.9
METHODS = 20
UNSURE, BOUND = 0.2, 0.5
"""Shares of the rows that are coins to the attacker: what is judged, and a bound."""
OPEN = OracleLimits(10**9, 10**9, 10**9)
Flips = npt.NDArray[np.bool_]


class Memory:
    """A ledger without a disk."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def append(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        self.lines.append(dict(entry))
        return self.lines[-1]

    def entries(self) -> Sequence[Mapping[str, Any]]:
        return self.lines


@dataclass
class World:
    """What is true: feedback rows first, then as many final rows.

    On `unsure` of all rows the attacker's base is right by a coin's throw, and the attacker knows which; on
    the others its base is right as often as makes `BASE`. No attacker could know better where to flip.
    """

    rng: np.random.Generator
    unsure: float = UNSURE
    rows: int = ROWS
    right: Flips = field(init=False)
    coin: Flips = field(init=False)

    def __post_init__(self) -> None:
        size = 2 * self.rows
        self.coin = np.tile(np.arange(self.rows) < self.unsure * self.rows, 2)
        self.right = self.rng.random(size) < np.where(self.coin, 0.5, self.sure)

    @property
    def sure(self) -> float:
        """How often the base is right where it is no coin."""
        return (BASE - 0.5 * self.unsure) / (1 - self.unsure)

    def gains(self, flips: Flips) -> tuple[float, float]:
        """Accuracy gained on (feedback, final) by flipping these rows of the base."""
        gained = (self.right ^ flips).astype(float) - self.right
        return float(gained[: self.rows].mean()), float(gained[self.rows :].mean())


@dataclass
class Seat:
    """One agent at the oracle."""

    world: World
    oracle: Oracle
    who: str
    tried: int
    asked: int = 0

    def ask(self, flips: Flips) -> bool:
        """Was there a new number for the base with these rows flipped?"""
        self.asked += 1
        values = (self.world.right ^ flips)[None, : self.world.rows].astype(np.float64)
        answer = self.oracle.ask(
            who=self.who, lineage=f"{self.who}/1", source="", predictions="", outcomes=values,
            groups=np.arange(self.world.rows), call=str(self.asked),
        )  # fmt: skip
        return answer.improved

    @property
    def is_open(self) -> bool:
        """May it try again, and is it told anything?"""
        return self.asked < self.tried and self.oracle.left(self.who, f"{self.who}/1") > 0


Attack = Callable[[Sequence[Seat], World, np.random.Generator], Flips]


def blocks(size: int) -> Attack:
    """Flip `size` unsure rows at a time and keep what is answered; agents work on different rows."""

    def attack(seats: Sequence[Seat], world: World, rng: np.random.Generator) -> Flips:
        kept = np.zeros(2 * world.rows, bool)
        share = rng.integers(len(seats), size=kept.size)
        for number, seat in enumerate(seats):
            mine = np.flatnonzero(world.coin & (share == number))
            current = np.zeros_like(kept)
            seat.ask(current)
            while seat.is_open:
                trial = current.copy()
                # a rule that picks `size` of the feedback rows picks about as many of the final ones
                trial[mine[rng.random(mine.size) < 2 * size / mine.size]] ^= True
                if seat.ask(trial):
                    current = trial
            kept |= current
        return kept

    return attack


def pool(seats: Sequence[Seat], world: World, rng: np.random.Generator) -> Flips:
    """Throw all unsure rows anew each time; the majority of what was answered."""
    votes = np.zeros(2 * world.rows)
    for seat in seats:
        seat.ask(np.zeros(votes.size, bool))
        while seat.is_open:
            trial = world.coin & (rng.random(votes.size) < 0.5)
            votes += (2 * trial - 1.0) * seat.ask(trial)
    return world.coin & (votes > 0)


def boundary(size: float, aim: float) -> Attack:
    """Make the base worse by rows it is sure of, until a query is answered or not by the unsure ones alone.

    Each query flips the share `size` of the unsure rows, and would be answered if they came out `aim`
    standard deviations better than a coin's throw. Answered or not, it then says something of them, until
    the best has climbed to the base. The attacker knows the rule of the step, the weak floor and the base.
    """

    def attack(seats: Sequence[Seat], world: World, rng: np.random.Generator) -> Flips:
        votes = np.zeros(2 * world.rows)
        for seat in seats:
            votes += _Prober(seat, world, rng, size).votes(aim)
        return world.coin & (votes > 0)

    return attack


@dataclass
class _Prober:
    """One agent of the boundary attack, and what it takes its best for."""

    seat: Seat
    world: World
    rng: np.random.Generator
    size: float
    best: float = WEAK
    worse: int = 0
    """Sure rows that its best had flipped."""

    def votes(self, aim: float) -> npt.NDArray[np.float64]:
        """For every row, how much speaks for flipping it."""
        world, n = self.world, self.world.rows
        votes, known = np.zeros(2 * n), np.zeros(2 * n, bool)
        spare = self.rng.permutation(np.flatnonzero(~world.coin[:n]))
        while self.seat.is_open:
            first = not known.any()
            trial = world.coin & (self.rng.random(2 * n) < self.size)
            moved = int((trial ^ known)[:n].sum())
            worse, step = self._aimed(moved, -3.0 if first else aim, first, spare.size)
            flips = trial.copy()
            flips[spare[:worse]] = True
            is_told = self.seat.ask(flips)
            chance = float(ndtr(-aim)) if worse else 0.03
            if not first:
                votes += (2.0 * trial - 2 * self.size) * (is_told - chance) / np.sqrt(chance * (1 - chance))
            if is_told:
                level = BASE - worse / n * (2 * world.sure - 1)
                self.best, self.worse, known = max(self.best + step, level), worse, trial
        return votes

    def _aimed(self, moved: int, aim: float, first: bool, spare: int) -> tuple[int, float]:
        """(how many sure rows to flip, the step) so that the query lies `aim` sd under being answered."""
        n, sd, worse, step = self.world.rows, np.sqrt(max(moved, 1)) / self.world.rows, self.worse, MIN_STEP
        for _ in range(4):  # the step hangs on how many rows differ, and that on the step
            variance = BASE * (1 - BASE) * n if first else moved + abs(worse - self.worse)
            step = max(MIN_STEP, STEP_SE * float(np.sqrt(variance)) / n)
            short = BASE - (self.best + step - aim * sd)
            worse = int(np.clip(short / (2 * self.world.sure - 1) * n, 0, spare))
        return worse, step


ATTACKS: dict[str, Attack] = {
    "flip one": blocks(1),
    "block of 10": blocks(10),
    "block of 50": blocks(50),
    "random pool": pool,
    "boundary": boundary(0.5, 0.0),
    "boundary, wary": boundary(0.5, 0.7),
    "boundary, small": boundary(0.2, 0.3),
}


@dataclass(frozen=True)
class Gain:
    """Means over repeats with their standard errors."""

    feedback: float
    feedback_se: float
    final: float
    final_se: float


def gain(attack: Attack, agents: int, limits: OracleLimits, unsure: float, repeats: int, tried: int) -> Gain:
    """What an attack comes to over `repeats` worlds, `tried` queries in each."""
    found = []
    for i in range(repeats):
        rng = np.random.default_rng([i, agents, round(unsure * 100)])
        world = World(rng, unsure)
        oracle = Oracle(Memory(), WEAK, CEILING, limits)
        seats = [Seat(world, oracle, f"agent-{k + 1}", tried // agents) for k in range(agents)]
        flips = attack(seats, world, rng)
        if any(seat.ask(flips) for seat in seats for _ in range(seat.tried - seat.asked)):
            raise AssertionError("an oracle without budget told something")
        found.append(world.gains(flips))
    values = np.array(found)
    mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(repeats)
    return Gain(mean[0], error[0], mean[1], error[1])


@dataclass(frozen=True)
class Climb:
    """What an honest agent learned, over repeats."""

    near: float
    """How often the method that feedback ends on is within `NEAR` PGR of the best."""
    lost: float
    """Mean PGR under the best."""
    told: float
    """Mean of new numbers told, of 20 queries."""


CLIMBERS = (
    Regime("5 seeds", questions=ROWS),
    Regime("5 seeds, nothing shared", questions=ROWS, shared=0.0),
    Regime("5 seeds, 4 rows a question", questions=ROWS // 4, rows=(4,)),
    Regime("5 seeds, row noise alone", questions=ROWS, question=0.0, seed=0.0, both=0.0),
    Regime("1 seed", seeds=1, questions=ROWS),
)


def climb(regime: Regime, repeats: int) -> Climb:
    """20 methods of true PGR 0 to 1 asked about in random order; the last new number is what it ends on."""
    truth = np.linspace(0, 1, METHODS)
    margins = [float(m) for m in ndtri(WEAK + (CEILING - WEAK) * truth)]
    lost, told = [], 0
    for i in range(repeats):
        rng = np.random.default_rng([i, *regime.name.encode()])
        outcomes, oracle = crossed(rng, regime, regime.seeds, margins), Oracle(Memory(), WEAK, CEILING)
        ends_on = 0.0
        for method in rng.permutation(METHODS):
            answer = oracle.ask(
                who="agent-1", lineage=f"agent-1/{method}", source="", predictions="",
                outcomes=outcomes[method], groups=regime.clusters, call=str(method),
            )  # fmt: skip
            if answer.improved:
                told, ends_on = told + 1, float(truth[method])
        lost.append(1 - ends_on)
    return Climb(float(np.mean(np.array(lost) <= NEAR + 1e-9)), float(np.mean(lost)), told / repeats)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--open", type=int, default=40, help="repeats without a budget")
    parser.add_argument("--climbers", type=int, default=1000)
    args = parser.parse_args()
    print("| attack | coins | agents | budget | feedback | final |\n|---|---|---|---|---|---|")
    fails = [not _line(name, args, *how) for name in ATTACKS for how in RUNS]
    print("\n| climber | within .10 | mean PGR lost | new numbers |\n|---|---|---|---|")
    for regime in CLIMBERS:
        found = climb(regime, args.climbers)
        print(f"| {regime.name} | {found.near:.3f} | {found.lost:.3f} | {found.told:.1f} |", flush=True)
        fails.append(regime.seeds == 5 and found.near < SHARE)
    if any(fails):
        raise SystemExit(1)


RUNS = (
    (UNSURE, 1, OracleLimits()),
    (UNSURE, 3, OracleLimits()),
    (UNSURE, 1, OPEN),
    (BOUND, 1, OracleLimits()),
    (BOUND, 3, OracleLimits()),
    (BOUND, 1, OPEN),
)


def _line(name: str, args: argparse.Namespace, unsure: float, agents: int, limits: OracleLimits) -> bool:
    """Print one attack; is it held?"""
    is_open = limits == OPEN
    found = gain(ATTACKS[name], agents, limits, unsure, args.open if is_open else args.repeats, TRIED)
    budget = "none, 2,000 asked" if is_open else f"{min(20 * agents, limits.group)} of 2,000 tried"
    print(
        f"| {name} | {unsure:.0%} | {agents} | {budget} | {found.feedback:.4f} ± {found.feedback_se:.4f} "
        f"| {found.final:.4f} ± {found.final_se:.4f} |",
        flush=True,
    )
    is_held = is_open or unsure == BOUND or found.feedback <= LIMIT
    return is_held and found.final <= 2 * found.final_se


if __name__ == "__main__":
    main()
