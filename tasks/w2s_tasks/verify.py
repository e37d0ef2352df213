"""How do questions, right answers and wrong ones become the rows of a verify task? One way for all."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic

from w2s_harness import Example
from w2s_tasks.draws import Fillers, Q, fresh_question, scatter, stream
from w2s_tasks.layout import CANDIDATES, Slot, Split, right_count, slots

REPEAT = 0.4
"""Probability that a further wrong candidate repeats the first one's mistake."""
TEXT_TRIES = 20
"""Draws of fillers before two equal candidates of one question are let be."""


@dataclass(frozen=True, slots=True)
class Solution:
    """An answer to a question, right or wrong, before fillers."""

    sentences: list[str]
    answer: str = ""
    """What it comes to, where two answers that differ cannot both be right."""


@dataclass(frozen=True, slots=True)
class Family(Generic[Q]):
    """How one family of questions is drawn and answered."""

    name: str
    draw: Callable[[int, random.Random], Q]
    """A question of the given level."""
    right: Callable[[Q], Solution]
    """The right answer."""
    wrong: Callable[[Q, random.Random], Solution | None]
    """A wrong answer; `None` where the question has none."""
    fillers: Fillers


def rows(family: Family[Q], seed: str, sizes: Mapping[Split, int], difficulty: int) -> Iterator[Example]:
    """All rows, question by question; a function of the arguments alone.

    The last question of a split has fewer candidates where its rows are no multiple of four.
    """
    used: set[str] = set()
    questions = {split: -(-count // CANDIDATES) for split, count in sizes.items()}
    for slot in slots(questions, difficulty):
        candidates = min(CANDIDATES, sizes[slot.split] - CANDIDATES * slot.index)
        yield from _question_rows(family, seed, slot, candidates, used)


def _question_rows(
    family: Family[Q], seed: str, slot: Slot, candidates: int, used: set[str]
) -> Iterator[Example]:
    def drawn(attempt: int) -> Q:
        return family.draw(slot.level, stream(*names, "question", attempt))

    names = (family.name, seed, slot.group)
    question = fresh_question(drawn, used, lambda q: family.wrong(q, stream(*names, "wrong", 0)) is not None)
    rights = right_count(slot, candidates)
    answers = [(family.right(question), True)] * rights
    answers += [(wrong, False) for wrong in _wrongs(family, question, candidates - rights, names)]
    texts: list[tuple[str, str, bool]] = []
    for place, (account, label) in enumerate(answers):
        rng = stream(*names, "fillers", "right" if label else "wrong", place if label else place - rights)
        text = _text(account.sentences, family.fillers, rng, {taken for taken, _, _ in texts})
        texts.append((text, account.answer, label))
    stream(*names, "position").shuffle(texts)
    for text, answer, label in texts:
        yield Example(
            prompt=question.prompt,
            candidate=text,
            label=label,
            group=slot.group,
            subset=slot.subset,
            answer=answer,
            split=slot.split,
        )


def _wrongs(family: Family[Q], question: Q, count: int, names: tuple[str, ...]) -> list[Solution]:
    found: list[Solution] = []
    for place in range(count):
        rng = stream(*names, "wrong", place)
        wrong = family.wrong(question, rng)
        repeated = bool(found) and rng.random() < REPEAT
        found.append(found[0] if repeated or wrong is None else wrong)
    return found


def _text(sentences: list[str], fillers: Fillers, rng: random.Random, taken: set[str]) -> str:
    for _ in range(TEXT_TRIES):
        text = scatter(sentences, fillers, rng)
        if text not in taken:
            break
    return text
