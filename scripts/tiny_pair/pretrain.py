"""How is one model of the pair `tiny` pretrained? Next-token prediction, Muon and AdamW, on one core."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from muon import Muon

BATCH_TOKENS = 1536
PROMPT_WEIGHT = 0.1
PROMPT_SHARE = 0.25
"""Of the prompt tokens, those whose loss is computed; each stands for 1 / PROMPT_SHARE of them."""
MUON_FACTOR = 7.0
WARMUP_STEPS = 50
FLAT_SHARE = 0.4
LAST_SHARE = 0.02
CLIP = 1.0


@dataclass(frozen=True)
class Recipe:
    """A model and its training."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    steps: int
    lr: float
    counts: dict[str, int]
    """Documents per family."""


@dataclass(frozen=True)
class Text:
    """A tokenised document."""

    ids: tuple[int, ...]
    start: int
    """Where the response begins."""


def build(recipe: Recipe, vocabulary: int, end_id: int) -> Any:
    """An untrained `LlamaForCausalLM` with tied embeddings."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=recipe.hidden,
        intermediate_size=recipe.feed_forward,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=end_id,
        pad_token_id=end_id,
        attention_dropout=0.0,
    )
    return LlamaForCausalLM(config)


def train(
    model: Any,
    texts: Sequence[Text],
    recipe: Recipe,
    seed: int,
    loss_of: Callable[..., torch.Tensor] | None = None,
) -> None:
    """Train in place for `recipe.steps` batches; epochs are reshuffled. Deterministic on one machine.

    `loss_of(model, texts)` is the loss of a batch, by default that of prompts and responses.
    """
    loss_of = loss_of or _loss
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    muon = Muon(matrices, momentum=0.95, weight_decay=0.01)
    adam = torch.optim.AdamW(others, lr=recipe.lr, betas=(0.9, 0.98), weight_decay=0.0)
    rng = random.Random(seed)
    queue: list[list[int]] = []
    running, started = 0.0, time.monotonic()
    model.train()
    for step in range(recipe.steps):
        if not queue:
            queue = _batches(texts, rng)
        lr = recipe.lr * _schedule(step, recipe.steps)
        adam.param_groups[0]["lr"] = lr
        loss = loss_of(model, [texts[i] for i in queue.pop()])
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        muon.step(lr * MUON_FACTOR)
        adam.step()
        model.zero_grad(set_to_none=True)
        running += float(loss.detach())
        if step % 500 == 499:
            seconds = time.monotonic() - started
            sys.stderr.write(f"step {step + 1}/{recipe.steps} loss {running / 500:.4f} {seconds:.0f} s\n")
            running = 0.0
    model.eval()


def _schedule(step: int, steps: int) -> float:
    """Warm-up, flat, then linear down to `LAST_SHARE`."""
    if step < WARMUP_STEPS:
        return (step + 1) / WARMUP_STEPS
    flat = FLAT_SHARE * steps
    return 1.0 if step < flat else 1.0 - (1.0 - LAST_SHARE) * (step - flat) / (steps - flat)


def _batches(texts: Sequence[Text], rng: random.Random) -> list[list[int]]:
    """Batches of texts of like length, at most `BATCH_TOKENS` padded tokens each, in random order."""
    order = list(range(len(texts)))
    rng.shuffle(order)
    order.sort(key=lambda i: len(texts[i].ids))
    batches: list[list[int]] = [[]]
    for i in order:
        if batches[-1] and (len(batches[-1]) + 1) * len(texts[i].ids) > BATCH_TOKENS:
            batches.append([])
        batches[-1].append(i)
    rng.shuffle(batches)
    return batches


def _loss(model: Any, texts: Sequence[Text]) -> torch.Tensor:
    """Weighted mean cross-entropy: responses count 1, prompts `PROMPT_WEIGHT`."""
    longest = max(len(text.ids) for text in texts)
    ids = np.zeros((len(texts), longest), np.int64)
    weights = np.zeros((len(texts), longest), np.float32)
    for row, text in enumerate(texts):
        ids[row, : len(text.ids)] = text.ids
        weights[row, : len(text.ids)] = PROMPT_WEIGHT
        weights[row, text.start : len(text.ids)] = 1.0
    tokens = torch.from_numpy(ids)
    hidden = model.base_model(input_ids=tokens[:, :-1], use_cache=False).last_hidden_state
    weight = torch.from_numpy(weights)[:, 1:].reshape(-1)
    skipped = (weight < 1.0) & (torch.rand(weight.shape) >= PROMPT_SHARE)
    weight = torch.where(weight < 1.0, weight / PROMPT_SHARE, weight).masked_fill(skipped, 0.0)
    used = weight.nonzero()[:, 0]
    logits = model.lm_head(hidden.reshape(-1, hidden.shape[-1])[used])
    losses = torch.nn.functional.cross_entropy(logits, tokens[:, 1:].reshape(-1)[used], reduction="none")
    return (losses * weight[used]).sum() / weight.sum()
