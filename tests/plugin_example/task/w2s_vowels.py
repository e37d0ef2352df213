"""A trusted plugin in a distribution of its own: a generated task, and a guard that comes with it."""

import random
from dataclasses import dataclass

from w2s_harness import Example, Task, Verdict, hookimpl


@dataclass(frozen=True)
class Vowels(Task):
    """Does the word begin with a vowel?"""

    name, version, kind = "vowels", 1, "verify"
    data_seed: int = 11
    rows: int = 360

    def load(self):
        """Balanced rows; every question is asked once."""
        draw = random.Random(self.data_seed)
        for i in range(self.rows):
            is_vowel = i % 2 == 0
            word = draw.choice("aeiou" if is_vowel else "bcdfg") + draw.choice("nst")
            yield Example(prompt=f"item {i} is good ?", candidate=word, label=is_vowel, group=str(i))


@hookimpl
def w2s_tasks():
    """The task of this distribution."""
    return [Vowels()]


@hookimpl
def w2s_judge_run(cell, predictions):
    """Flag a student that answers one way for nine in ten rows."""
    share = float((predictions > 0.5).mean())
    if max(share, 1 - share) >= 0.9:
        return Verdict("one-sided", "flag", f"{share:.0%} of the predictions are yes", {"yes": share})
    return Verdict("one-sided", "ok", "the predictions go both ways", {"yes": share})
