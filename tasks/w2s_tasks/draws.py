"""Where do the draws of a generated task come from? Named streams, the side of a prompt's hash, fillers.

Fillers are surprising in a response and still no evidence that it is wrong. Without them the likelihood of a
response alone nearly tells whether it is right, and a benchmark that zero-shot solves teaches nothing. Right
and wrong responses get them from the same distribution.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol, TypeVar

from w2s_harness import DataError, UsageError

TRIES = 400
"""Draws of one question before a generator gives up: a prompt space that is too small must not hang."""

WORDS: tuple[str, ...] = (
    "well", "then", "okay", "indeed", "right", "surely", "hmm", "clearly", "simply", "anyway", "fine",
    "actually", "basically", "look", "see", "truly", "maybe", "honestly", "frankly", "really", "mind", "alas",
    "besides", "plainly", "quite", "rather", "still", "thus", "hence", "again", "meanwhile", "moreover",
    "somehow", "likely", "luckily", "sadly", "oddly", "gladly", "neatly", "briefly", "gently", "calmly",
    "boldly", "kindness", "harbour", "velvet", "copper", "lantern", "meadow", "orbit", "thimble", "pebble",
    "saffron", "marble", "compass", "willow", "ember", "quartz", "violin", "anchor", "canvas", "ribbon",
    "feather", "glacier", "walnut", "barrel", "magnet", "tunnel", "parade", "horizon", "puzzle",
)  # fmt: skip
"""A long-tailed list: the word at rank k is drawn with probability proportional to 1 / k (Zipf)."""
CUMULATIVE: tuple[float, ...] = tuple(accumulate(1 / rank for rank in range(1, len(WORDS) + 1)))


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
    raise DataError(f"no unused question in {TRIES} draws after {len(used)}: ask for fewer rows")


@dataclass(frozen=True, slots=True)
class Fillers:
    """How often each kind of filler is put in."""

    word: float = 0.0
    """Probability, per gap, of a word from the list."""
    fact: float = 0.0
    """Probability, per gap, of a true number fact that has nothing to do with the question."""
    typo: float = 0.0
    """Probability, per filler word, of two letters swapped."""


def scatter(parts: Sequence[str], fillers: Fillers, rng: random.Random) -> str:
    """The parts joined by spaces, with fillers in the gaps between them."""
    pieces = [parts[0]]
    for part in parts[1:]:
        if rng.random() < fillers.word:
            pieces.append(_word(fillers.typo, rng))
        if fillers.fact and rng.random() < fillers.fact:
            pieces.append(_fact(rng))
        pieces.append(part)
    return " ".join(pieces)


def _word(typo: float, rng: random.Random) -> str:
    word = rng.choices(WORDS, cum_weights=CUMULATIVE)[0]
    if not typo or rng.random() >= typo:
        return word
    place = rng.randrange(len(word) - 1)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _fact(rng: random.Random) -> str:
    left, right = rng.randint(1, 9), rng.randint(1, 9)
    return f"({left}+{right}={left + right})"
