"""The published setup: Qwen1.5-0.5B-Chat teaches Qwen3-4B-Base by LoRA; needs the hub and one GPU."""

from __future__ import annotations

from w2s_harness import Model, Pair, hookimpl
from w2s_plugins.pairs.smollm2 import TEMPLATES as READOUTS

TEMPLATES = {name: READOUTS[name] for name in ("ask", "compare", "sum")}
FINETUNE = {
    "adapter": "lora",
    "rank": 32,
    "epochs": 5.0,
    "lr": 1e-4,
    "head_lr": 1e-3,
    "batch": 32,
    "schedule": "linear",
}


@hookimpl
def w2s_pairs() -> list[Pair]:
    """Offer the pair `qwen`."""
    weak = Model(source="Qwen/Qwen1.5-0.5B-Chat", dtype="bfloat16", readout="last", max_tokens=1024)
    strong = Model(
        source="Qwen/Qwen3-4B-Base", dtype="bfloat16", readout="last", max_tokens=1024, templates=TEMPLATES
    )
    pair = Pair(
        name="qwen", weak=weak, strong=strong, mode="finetune", finetune=FINETUNE, abilities=("generate",)
    )
    return [pair]
