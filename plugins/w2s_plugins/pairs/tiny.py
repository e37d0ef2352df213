"""The default pair: two small causal models, and a ladder of two between them, shipped in the package.

`scripts/tiny_pair/make.py` made them.
"""

from __future__ import annotations

from pathlib import Path

from w2s_harness import Model, Pair, hookimpl

MODELS = Path(__file__).parent / "tiny_models"
MAX_TOKENS = 256
ZERO_SHOT = {
    statistic: {"kind": "likelihood", "statistic": statistic} for statistic in ("sum", "mean", "min")
}


@hookimpl
def w2s_pairs() -> list[Pair]:
    """Offer the pair `tiny`."""
    weak, *students, strong = (
        Model(source=str(MODELS / name), max_tokens=MAX_TOKENS, templates=ZERO_SHOT)
        for name in ("weak", "student0", "student1", "strong")
    )
    return [Pair(name="tiny", weak=weak, strong=strong, students=students)]
