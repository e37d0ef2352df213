"""Is this worked solution of a word problem right? Generated, seeded, offline."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from w2s_harness import Example, Task, hookimpl
from w2s_tasks import verify
from w2s_tasks.draws import seed_name
from w2s_tasks.fillers import Fillers
from w2s_tasks.layout import rows_per_split
from w2s_tasks.math_problems import WordProblem, Working, draw, solve, spoil

FILLERS = Fillers(word=0.8, fact=0.4, typo=0.08)


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


def right(problem: WordProblem) -> verify.Solution:
    """The right solution."""
    return _account(problem, solve(problem))


def wrong(problem: WordProblem, rng: random.Random) -> verify.Solution | None:
    """A wrong solution; `None` where no try brings one."""
    working = spoil(problem, rng)
    return None if working is None else _account(problem, working)


def _account(problem: WordProblem, working: Working) -> verify.Solution:
    return verify.Solution(working.sentences(problem.thing), str(working.final))


FAMILY = verify.Family("math", draw, right, wrong, FILLERS)


@hookimpl
def w2s_tasks() -> list[Task]:
    """Offer the task `math`."""
    return [MathTask()]
