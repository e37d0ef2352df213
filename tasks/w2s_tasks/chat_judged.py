"""Which of two responses do people prefer? The rows of `chat`, voted on by simulated annotators."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from w2s_harness import Example, Task, hookimpl
from w2s_tasks.chat import ChatTask
from w2s_tasks.draws import stream

CLARITY = (0.5, 3.5)
"""Between which a row's clarity is drawn, evenly: from nearly a toss-up to plain."""
ABSENT = 0.1
"""Chance that an annotator does not vote on a row; the first one always does."""


@dataclass(frozen=True, slots=True)
class Annotator:
    """A simulated annotator: never a person."""

    name: str
    care: float
    """How much the difference between two responses weighs."""
    lean: float
    """Log-odds by which the response read first is preferred."""

    def first(self, clarity: float) -> float:
        """P(vote for the first) = sigmoid(care * clarity + lean); clarity > 0 where the first is better.

        The two-parameter logistic model (Birnbaum 1968, in Lord & Novick, *Statistical Theories of Mental
        Test Scores*), with care the discrimination.
        """
        return 1 / (1 + math.exp(-(self.care * clarity + self.lean)))


ANNOTATORS = (
    Annotator("simulated-a", 1.6, 0.0),
    Annotator("simulated-b", 1.2, 0.3),
    Annotator("simulated-c", 1.0, -0.2),
    Annotator("simulated-d", 0.8, 0.5),
    Annotator("simulated-e", 0.5, 0.0),
)


@dataclass(frozen=True)
class ChatJudgedTask(Task):
    """The rows of `chat` with the votes of five simulated annotators in the place of labels."""

    name = "chat-judged"
    kind = "judged"
    data_seed: int | str = 1
    """Of the rows, as in `chat`."""
    difficulty: int = 2
    label_rows: int = 1000
    unlabel_rows: int = 1000
    test_rows: int = 2000
    annotator_seed: int = 1
    """Of the votes."""

    def load(self) -> Iterator[Example]:
        """Yield the rows. Raises `UsageError` for settings out of range."""
        sizes = (self.label_rows, self.unlabel_rows, self.test_rows)
        for row in ChatTask(self.data_seed, self.difficulty, *sizes).load():
            votes = _votes(row, self.annotator_seed)
            yield replace(row, label=None, votes=votes, voters=tuple(a.name for a in ANNOTATORS))


def _votes(row: Example, seed: int) -> tuple[int | None, ...]:
    """What the annotators say of a row; each has a random stream of its own, named by seed, text and name."""
    names = ("chat-judged", seed, row.prompt, row.first or "", row.second or "")
    clarity = stream(*names, "clarity").uniform(*CLARITY) * (1 if row.label else -1)
    votes: list[int | None] = []
    for place, annotator in enumerate(ANNOTATORS):
        draws = stream(*names, annotator.name)
        is_absent = draws.random() < ABSENT and place > 0
        vote = int(draws.random() < annotator.first(clarity))
        votes.append(None if is_absent else vote)
    return tuple(votes)


@hookimpl
def w2s_tasks() -> list[Task]:
    """Offer the task `chat-judged`."""
    return [ChatJudgedTask()]
