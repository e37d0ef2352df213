"""How are small programs drawn, and how does an answer about one go wrong? Draws and mutants."""

from __future__ import annotations

import random
from dataclasses import replace

from w2s_tasks.code_programs import (
    PICKS,
    Choose,
    Each,
    Let,
    Operator,
    Pick,
    Program,
    ProgramRun,
    Statement,
    run,
)

LARGEST = 99
"""No value in a program or in a trace, right or wrong, is larger; none is below 0."""
WRONG_TRIES = 60
DRAW_TRIES = 60
SLIP_SHARE = 0.4
"""Wrong answers that are a slip in the trace; the others are the trace of a mutant."""

LISTS = tuple("pqrs")
VARIABLES = tuple("abcdefgh")
OPERATORS: tuple[Operator, ...] = ("+", "-", "*")
DRAWN_OPERATORS: tuple[Operator, ...] = ("+", "+", "-", "-", "*")
OFFSETS = (-10, -3, -2, -1, 1, 2, 3, 10)


def draw(level: int, rng: random.Random) -> Program:
    """A program of `level` statements whose values all lie in range, and whose last one is printed.

    Raises `ValueError` if none turned up within `DRAW_TRIES` draws.
    """
    for _ in range(DRAW_TRIES):
        program = _drawn(level, rng)
        if _in_range(run(program)):
            return program
    message = f"no program of {level} statements in {DRAW_TRIES} draws"
    raise ValueError(message)


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
