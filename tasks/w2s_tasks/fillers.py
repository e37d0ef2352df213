"""What is surprising in a response and still no evidence that it is wrong? Fillers.

Without fillers the likelihood of a response alone nearly tells whether it is right, and a benchmark
that zero-shot solves teaches nothing. Right and wrong responses get them from the same distribution.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

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
