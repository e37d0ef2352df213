"""The pair of the task `kinds`: a weak teacher that never read of half of the entities, a student that did.

`scripts/tiny_pair/make_kinds.py` made it.
"""

from __future__ import annotations

from pathlib import Path

from w2s_harness import Model, Pair, hookimpl
from w2s_plugins.pairs.tiny import ZERO_SHOT

MODELS = Path(__file__).parent / "kinds_models"
MAX_TOKENS = 64


def taught_by(teacher: str, name: str) -> Pair:
    """A pair of the shared strong student and one of the weak teachers, `weak` or `blind`."""
    weak, strong = (
        Model(source=str(MODELS / folder), max_tokens=MAX_TOKENS, templates=ZERO_SHOT)
        for folder in (teacher, "strong")
    )
    return Pair(name=name, weak=weak, strong=strong)


@hookimpl
def w2s_pairs() -> list[Pair]:
    """Offer the pair `tiny-kinds`."""
    return [taught_by("weak", "tiny-kinds")]
