"""What do the models of the pair `tiny` read? Plain correct documents of the three families.

No labels, no wrong answers, and no prompt that a task could draw: prompts come from the half of the
prompt hash that the tasks never use.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

from w2s_tasks import chat, code, math
from w2s_tasks.draws import Fillers, is_held_out, scatter, stream

Document = tuple[str, str]
"""Prompt and correct response."""

LEVELS = {
    "math": (1, 2, 2, 3, 3, 3, 4, 4),
    "code": (1, 2, 2, 3, 3, 3, 4, 4),
    "chat": (1, 2, 2, 3, 3, 4, 4, 5),
}
"""Levels, each as often as it stands here."""


def documents(family: str, count: int, seed: int) -> Iterator[Document]:
    """`count` correct documents of a family; a function of the arguments alone."""
    rng = stream("pretraining", seed, family)
    write = WRITERS[family]
    made = 0
    while made < count:
        prompt, response = write(rng.choice(LEVELS[family]), rng)
        if not is_held_out(prompt):
            made += 1
            yield prompt, response


def _without_typos(fillers: Fillers) -> Fillers:
    return replace(fillers, typo=0.0)


def _math(level: int, rng: random.Random) -> Document:
    problem = math.draw(level, rng)
    return problem.prompt, scatter(math.right(problem).sentences, _without_typos(math.FILLERS), rng)


def _code(level: int, rng: random.Random) -> Document:
    program = code.draw(level, rng)
    return program.prompt, scatter(code.right(program).sentences, _without_typos(code.FILLERS), rng)


def _chat(level: int, rng: random.Random) -> Document:
    request = chat.draw(level, rng)
    return request.prompt, scatter(chat.respond(request, rng), _without_typos(chat.FILLERS), rng)


WRITERS: dict[str, Callable[[int, random.Random], Document]] = {"math": _math, "code": _code, "chat": _chat}
