"""Is this account of what a small program prints right? Generated, seeded, offline; nothing is executed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from w2s_harness import Example, Task, hookimpl
from w2s_tasks import verify
from w2s_tasks.code_mutants import draw, spoil
from w2s_tasks.code_programs import Program, run
from w2s_tasks.draws import seed_name
from w2s_tasks.fillers import Fillers
from w2s_tasks.layout import rows_per_split

FILLERS = Fillers(word=0.6)


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
