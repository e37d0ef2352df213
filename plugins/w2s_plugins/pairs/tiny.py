"""The default pair: two small causal models made by `scripts/tiny_pair/make.py`, shipped in the package."""

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
    weak = Model(source=str(MODELS / "weak"), max_tokens=MAX_TOKENS, templates=ZERO_SHOT)
    strong = Model(source=str(MODELS / "strong"), max_tokens=MAX_TOKENS, templates=ZERO_SHOT)
    return [Pair(name="tiny", weak=weak, strong=strong)]
