"""Where do the draws of a generated task come from? Named streams, and the side of a prompt's hash."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import Protocol, TypeVar

from w2s_harness import DataError, UsageError

TRIES = 400
"""Draws of one question before a generator gives up: a prompt space that is too small must not hang."""


class HasPrompt(Protocol):
    """Anything that asks a question."""

    @property
    def prompt(self) -> str:
        """The question as the models read it."""


Q = TypeVar("Q", bound=HasPrompt)


def stream(*names: str | int) -> random.Random:
    """A random stream that depends on its names alone (SHA-256 of the names).

    Every role of a question has its own stream, so that another way of drawing wrong answers leaves
    questions, right answers and fillers as they were.
    """
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return random.Random(int.from_bytes(digest, "big"))


def is_held_out(prompt: str) -> bool:
    """Whether a prompt belongs to the tasks; pretraining of the shipped models saw the other half only."""
    return hashlib.sha256(prompt.encode()).digest()[0] >= 128


def seed_name(data_seed: int | str) -> str:
    """The canonical text of a data seed: an integer of any size, or one as a decimal or hex string.

    Raises `UsageError` for a string that is neither.
    """
    if isinstance(data_seed, int):
        return str(data_seed)
    text = data_seed.strip().lower()
    try:
        return str(int(text, 10 if text.lstrip("-").isdigit() else 16))
    except ValueError:
        message = f"data_seed={data_seed!r} is no seed: give an integer or a hexadecimal string"
        raise UsageError(message) from None


def fresh_question(draw: Callable[[int], Q], used: set[str], usable: Callable[[Q], bool]) -> Q:
    """The first of `draw(0), draw(1), ...` that is held out, usable and not in `used`; its prompt is added.

    Raises `DataError` when `TRIES` draws bring none: more rows are asked for than there are questions.
    """
    for attempt in range(TRIES):
        question = draw(attempt)
        if question.prompt not in used and is_held_out(question.prompt) and usable(question):
            used.add(question.prompt)
            return question
    message = f"no unused question in {TRIES} draws after {len(used)}: ask for fewer rows"
    raise DataError(message)
