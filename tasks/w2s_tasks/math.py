"""Is this worked solution of a word problem right? Generated, seeded, offline."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import add, mul, sub
from typing import Literal

from w2s_harness import Example, Task, hookimpl
from w2s_tasks import verify
from w2s_tasks.draws import Fillers, seed_name
from w2s_tasks.layout import rows_per_split

Operator = Literal["+", "-", "*"]

FILLERS = Fillers(word=0.8, fact=0.4, typo=0.08)
OPERATORS: Mapping[Operator, Callable[[int, int], int]] = {"+": add, "-": sub, "*": mul}
LARGEST = 99
"""No number in a problem or in a solution, right or wrong, is larger; none is below 1."""
WRONG_TRIES = 60

NAMES = (
    "Ann", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana", "Ivan", "Jill", "Kurt", "Lena", "Milo", "Nora",
    "Otto", "Pia", "Ravi", "Sara", "Tom", "Uma",
)  # fmt: skip
THINGS = (
    "apples", "books", "cards", "coins", "cups", "eggs", "figs", "hats", "keys", "nuts", "pens", "rings",
    "shells", "stamps", "toys",
)  # fmt: skip
OPENINGS = (
    "{name} has {n} {thing}.",
    "{name} owns {n} {thing}.",
    "There are {n} {thing} in the box of {name}.",
)
EVENTS: dict[Operator, tuple[str, ...]] = {
    "+": ("buys {n} more", "finds {n}", "gets {n} from {other}", "adds {n}"),
    "-": ("loses {n}", "gives {n} to {other}", "sells {n}", "uses up {n}"),
    "*": ("ends up with {n} times as many", "grows the pile {n} times"),
}
FAULTS = ("slip", "operator", "operand", "final")
"""A slip that is carried on, a wrong operator, a number miscopied, a last line that says something else."""
OFFSETS = (-20, -10, -3, -2, -1, 1, 2, 3, 10, 20)
"""By how much a wrong number is off."""


@dataclass(frozen=True)
class MathTask(Task):
    """Word problems of several steps; is the worked solution right? Four candidates a question."""

    name = "math"
    kind = "verify"
    share_true = 0.5
    data_seed: int | str = 1
    """Any integer, or one as a decimal or hexadecimal string."""
    difficulty: int = 2
    """1 to 3: problems of `difficulty` and one more step; out-of-distribution, of two more."""
    label_rows: int = 1000
    unlabel_rows: int = 1000
    test_rows: int = 2000

    def load(self) -> Iterator[Example]:
        """Yield the rows, question by question. Raises `UsageError` for settings out of range."""
        sizes = rows_per_split(self.label_rows, self.unlabel_rows, self.test_rows)
        yield from verify.rows(FAMILY, seed_name(self.data_seed), sizes, self.difficulty)


@dataclass(frozen=True, slots=True)
class WordProblem:
    """A word problem of several steps."""

    prompt: str
    start: int
    steps: tuple[tuple[Operator, int], ...]
    thing: str


@dataclass(frozen=True, slots=True)
class Working:
    """A worked solution: lines of (left, operator, right, result), and what it says at the end."""

    lines: tuple[tuple[int, Operator, int, int], ...]
    final: int

    def account(self, thing: str) -> verify.Solution:
        """The solution, a sentence a line."""
        said = [f"{left}{operator}{right}={result}." for left, operator, right, result in self.lines]
        return verify.Solution([*said, f"So {self.final} {thing}."], str(self.final))


def draw(level: int, rng: random.Random) -> WordProblem:
    """A problem of `level` steps."""
    start = rng.randint(4, 60)
    name, other = rng.sample(NAMES, 2)
    thing = rng.choice(THINGS)
    steps: list[tuple[Operator, int]] = []
    told = [rng.choice(OPENINGS).format(name=name, n=start, thing=thing)]
    value = start
    for position in range(level):
        operator, number = _step(value, rng)
        value = OPERATORS[operator](value, number)
        steps.append((operator, number))
        event = rng.choice(EVENTS[operator]).format(n=number, other=other)
        told.append(f"{name if position == 0 else 'Then ' + name} {event}.")
    told.append(f"How many {thing} now?")
    return WordProblem(prompt=" ".join(told), start=start, steps=tuple(steps), thing=thing)


def _step(value: int, rng: random.Random) -> tuple[Operator, int]:
    """An operator and a number that keep the value between 2 and `LARGEST`."""
    possible: list[Operator] = []
    if value <= LARGEST - 3:
        possible.append("+")
    if value >= 5:
        possible.append("-")
    if 2 <= value <= LARGEST // 2:
        possible.append("*")
    operator = rng.choice(possible)
    if operator == "+":
        return operator, rng.randint(2, min(40, LARGEST - value))
    if operator == "-":
        return operator, rng.randint(2, min(40, value - 2))
    return operator, rng.randint(2, min(5, LARGEST // value))


def solve(problem: WordProblem) -> Working:
    """The right solution."""
    return _work(problem.start, problem.steps, {})


def _work(start: int, steps: tuple[tuple[Operator, int], ...], slips: dict[int, int]) -> Working:
    """Work the steps off; `slips` says by how much the result of a step is off, which is carried on."""
    lines = []
    value = start
    for position, (operator, number) in enumerate(steps):
        result = OPERATORS[operator](value, number) + slips.get(position, 0)
        lines.append((value, operator, number, result))
        value = result
    return Working(tuple(lines), value)


def spoil(problem: WordProblem, rng: random.Random) -> Working | None:
    """A wrong solution with another final answer, numbers in range; `None` where no try brings one."""
    right = solve(problem)
    for _ in range(WRONG_TRIES):
        wrong = _spoiled(problem, right, rng.choice(FAULTS), rng)
        numbers = [number for left, _, by, result in wrong.lines for number in (left, by, result)]
        if wrong.final != right.final and all(1 <= number <= LARGEST for number in (*numbers, wrong.final)):
            return wrong
    return None


def _spoiled(problem: WordProblem, right: Working, fault: str, rng: random.Random) -> Working:
    place = rng.randrange(len(problem.steps))
    off = rng.choice(OFFSETS)
    if fault == "final":
        return Working(right.lines, right.final + off)
    if fault == "slip":
        return _work(problem.start, problem.steps, {place: off})
    operator, number = problem.steps[place]
    if fault == "operand":
        changed = (operator, number + off)
    else:
        others: list[Operator] = [other for other in OPERATORS if other != operator]
        changed = (rng.choice(others), number)
    steps = (*problem.steps[:place], changed, *problem.steps[place + 1 :])
    return _work(problem.start, steps, {})


def right(problem: WordProblem) -> verify.Solution:
    """The right solution."""
    return solve(problem).account(problem.thing)


def wrong(problem: WordProblem, rng: random.Random) -> verify.Solution | None:
    """A wrong solution; `None` where no try brings one."""
    working = spoil(problem, rng)
    return None if working is None else working.account(problem.thing)


FAMILY = verify.Family("math", draw, right, wrong, FILLERS)


@hookimpl
def w2s_tasks() -> list[Task]:
    """Offer the task `math`."""
    return [MathTask()]
