"""Is this account of what a small program prints right? Generated, seeded, offline; nothing is executed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from operator import add, itemgetter, mul, sub
from typing import Literal

from w2s_harness import Example, Task, hookimpl
from w2s_tasks import verify
from w2s_tasks.draws import Fillers, seed_name
from w2s_tasks.layout import rows_per_split

Operator = Literal["+", "-", "*"]
Pick = Literal["max", "min", "len", "first", "last"]

FILLERS = Fillers(word=0.6)
PICKS: Mapping[Pick, tuple[str, Callable[[tuple[int, ...]], int]]] = {
    "max": ("max({0})", max),
    "min": ("min({0})", min),
    "len": ("len({0})", len),
    "first": ("{0}[0]", itemgetter(0)),
    "last": ("{0}[-1]", itemgetter(-1)),
}
"""How a pick is written, and what it takes from a list."""
LARGEST = 99
"""No value in a program or in a trace, right or wrong, is larger; none is below 0."""
WRONG_TRIES = 60
DRAW_TRIES = 60
SLIP_SHARE = 0.4
"""Wrong answers that are a slip in the trace; the others are the trace of a mutant."""

LISTS = tuple("pqrs")
VARIABLES = tuple("abcdefgh")
OPERATORS: Mapping[Operator, Callable[[int, int], int]] = {"+": add, "-": sub, "*": mul}
DRAWN_OPERATORS: tuple[Operator, ...] = ("+", "+", "-", "-", "*")
OFFSETS = (-10, -3, -2, -1, 1, 2, 3, 10)


@dataclass(frozen=True)
class CodeTask(Task):
    """Small programs; is this trace, with what is printed, what the program does? Four candidates each."""

    name = "code"
    kind = "verify"
    share_true = 0.5
    holds_code = True
    data_seed: int | str = 1
    """Any integer, or one as a decimal or hexadecimal string."""
    difficulty: int = 2
    """1 to 3: programs of `difficulty` and one more statement; out-of-distribution, of two more."""
    label_rows: int = 1000
    unlabel_rows: int = 1000
    test_rows: int = 2000

    def load(self) -> Iterator[Example]:
        """Yield the rows, question by question. Raises `UsageError` for settings out of range."""
        sizes = rows_per_split(self.label_rows, self.unlabel_rows, self.test_rows)
        yield from verify.rows(FAMILY, seed_name(self.data_seed), sizes, self.difficulty)


# -- programs and their interpreter ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Let:
    """`name=left op right`; an operand is a number or a variable."""

    name: str
    left: int | str
    operator: Operator
    right: int | str

    def source(self) -> str:
        """The statement as it is written."""
        return f"{self.name}={self.left}{self.operator}{self.right}"


@dataclass(frozen=True, slots=True)
class Choose:
    """`name=max(items)`, or another way of picking a number from the list."""

    name: str
    pick: Pick
    items: str

    def source(self) -> str:
        """The statement as it is written."""
        return f"{self.name}={PICKS[self.pick][0].format(self.items)}"


@dataclass(frozen=True, slots=True)
class Each:
    """`for x in items: name=name op x`."""

    name: str
    operator: Operator
    items: str

    def source(self) -> str:
        """The statement as it is written."""
        return f"for x in {self.items}: {self.name}={self.name}{self.operator}x"


Statement = Let | Choose | Each


@dataclass(frozen=True, slots=True)
class Program:
    """A list, a number, statements; prints one variable."""

    items: tuple[str, tuple[int, ...]]
    first: tuple[str, int]
    body: tuple[Statement, ...]
    printed: str

    def source(self) -> str:
        """The program as it is written."""
        items = f"{self.items[0]}=[{','.join(map(str, self.items[1]))}]"
        lines = [items, f"{self.first[0]}={self.first[1]}", *(statement.source() for statement in self.body)]
        return "\n".join([*lines, f"print({self.printed})"])

    @property
    def prompt(self) -> str:
        """The question as the models read it."""
        return f"{self.source()}\nWhat is printed?"


@dataclass(frozen=True, slots=True)
class ProgramRun:
    """What a program did: one line a computed value, and the value that it printed."""

    trace: tuple[str, ...]
    values: tuple[int, ...]
    printed: int

    def sentences(self) -> list[str]:
        """The execution trace with operands, and the result."""
        return [*(f"{line}." for line in self.trace), f"Prints {self.printed}."]


def run(program: Program, slips: Mapping[int, int] | None = None) -> ProgramRun:
    """Interpret a program; `slips` says by how much the value of a trace line is off (default: none).

    A slip is carried on. Raises `KeyError` for a variable that was never set.
    """
    numbers, trace, values = dict([program.first]), list[str](), list[int]()
    for statement in program.body:
        for shown, value in _steps(statement, numbers, dict([program.items])):
            values.append(value + (slips or {}).get(len(trace), 0))
            numbers[statement.name] = values[-1]
            trace.append(f"{statement.name}={shown}={values[-1]}")
    return ProgramRun(tuple(trace), tuple(values), numbers[program.printed])


def _steps(
    statement: Statement, numbers: Mapping[str, int], lists: Mapping[str, tuple[int, ...]]
) -> Iterator[tuple[str, int]]:
    """How each computation of a statement is written, and its value; `numbers` may change between them."""
    if isinstance(statement, Choose):
        written, pick = PICKS[statement.pick]
        yield written.format(statement.items), pick(lists[statement.items])
        return
    if isinstance(statement, Let):
        pairs = [(statement.left, statement.right)]
    else:
        pairs = [(statement.name, item) for item in lists[statement.items]]
    for pair in pairs:
        left, right = (numbers[part] if isinstance(part, str) else part for part in pair)
        yield f"{left}{statement.operator}{right}", OPERATORS[statement.operator](left, right)


# -- draws and mutants ----------------------------------------------------------------------------------


def draw(level: int, rng: random.Random) -> Program:
    """A program of `level` statements whose values all lie in range, and whose last one is printed.

    Raises `ValueError` if none turned up within `DRAW_TRIES` draws.
    """
    for _ in range(DRAW_TRIES):
        program = _drawn(level, rng)
        if _in_range(run(program)):
            return program
    raise ValueError(f"no program of {level} statements in {DRAW_TRIES} draws")


def _drawn(level: int, rng: random.Random) -> Program:
    items = (rng.choice(LISTS), tuple(rng.randint(1, 9) for _ in range(rng.randint(2, 3))))
    first, *others = rng.sample(VARIABLES, level + 1)
    known = [first]
    body: list[Statement] = []
    loop = rng.randrange(level)
    for position in range(level):
        if position == loop:
            body.append(Each(known[-1], rng.choice(("+", "-")), items[0]))
            continue
        name = others[position]
        body.append(_statement(name, known, items[0], rng, may_pick=position < level - 1))
        known.append(name)
    return Program(items, (first, rng.randint(2, 30)), tuple(body), known[-1])


def _statement(name: str, known: list[str], items: str, rng: random.Random, *, may_pick: bool) -> Statement:
    """A computation that uses the newest variable, or now and then a pick from the list."""
    if may_pick and rng.random() < 0.25:
        return Choose(name, rng.choice(tuple(PICKS)), items)
    operator = rng.choice(DRAWN_OPERATORS)
    right: int | str = rng.randint(2, 4) if operator == "*" else rng.randint(2, 20)
    if len(known) > 1 and operator != "*" and rng.random() < 0.4:
        right = rng.choice(known[:-1])
    return Let(name, known[-1], operator, right)


def _in_range(done: ProgramRun) -> bool:
    return all(0 <= value <= LARGEST for value in done.values)


def spoil(program: Program, rng: random.Random) -> ProgramRun | None:
    """A run that prints something else: of a mutant, or with a slip; `None` where no try brings one."""
    right = run(program)
    for _ in range(WRONG_TRIES):
        if rng.random() < SLIP_SHARE:
            wrong = run(program, {rng.randrange(len(right.trace)): rng.choice(OFFSETS)})
        else:
            wrong = run(_mutant(program, rng))
        if wrong.printed != right.printed and _in_range(wrong):
            return wrong
    return None


def _mutant(program: Program, rng: random.Random) -> Program:
    place = rng.randrange(len(program.body))
    changed = _mutated(program.body[place], program, rng)
    return replace(program, body=(*program.body[:place], changed, *program.body[place + 1 :]))


def _mutated(statement: Statement, program: Program, rng: random.Random) -> Statement:
    """The statement with another operator, another operand or another pick."""
    if isinstance(statement, Choose):
        others: list[Pick] = [pick for pick in PICKS if pick != statement.pick]
        return replace(statement, pick=rng.choice(others))
    if isinstance(statement, Each) or rng.random() < 0.5:
        operators = [operator for operator in OPERATORS if operator != statement.operator]
        if isinstance(statement, Each):
            operators = ["-" if statement.operator == "+" else "+"]
        return replace(statement, operator=rng.choice(operators))
    if isinstance(statement.right, str):
        return replace(statement, right=program.first[1])
    return replace(statement, right=abs(statement.right + rng.choice(OFFSETS)))


def right(program: Program) -> verify.Solution:
    """The right account."""
    return verify.Solution(run(program).sentences())


def wrong(program: Program, rng: random.Random) -> verify.Solution | None:
    """A wrong account; `None` where no try brings one."""
    done = spoil(program, rng)
    return None if done is None else verify.Solution(done.sentences())


FAMILY = verify.Family("code", draw, right, wrong, FILLERS)


@hookimpl
def w2s_tasks() -> list[Task]:
    """Offer the task `code`."""
    return [CodeTask()]
