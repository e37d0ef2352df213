"""Make the pairs `tiny-kinds` and `tiny-kinds-blind`: two weak teachers and a strong student, on one core.

    OMP_NUM_THREADS=1 PYTHONPATH=harness:plugins:tasks python scripts/tiny_pair/make_kinds.py \
        --out plugins/w2s_plugins/pairs/kinds_models [--only weak|blind|strong] [--seeds 0]

Writes OUT/weak, OUT/blind and OUT/strong (seed 0; OUT/strong-1 for seed 1, and so on), each with config.json,
model.safetensors (fp16), tokenizer.json and tokenizer_config.json, and says what each loses on verbs: facts
are learned all at once or not at all, so a model is judged by that loss and not by its steps. The same
command on the same machine with the same torch gives the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import kinds_corpus
import pretrain
import torch
from kinds_corpus import FIRST_NAME, FIRST_VERB, Corpus

RECIPES = {
    "weak": (pretrain.Recipe(16, 1, 2, 32, 4000, 6e-3, {}), Corpus(180_000, share=0.5)),
    "blind": (pretrain.Recipe(16, 1, 2, 32, 3200, 6e-3, {}), Corpus(220_000, mention=(0.55, 0.45, 0.0))),
    "strong": (pretrain.Recipe(64, 2, 4, 128, 2300, 4e-3, {}), Corpus(220_000)),
}
OTHER_SHARE = 0.25
"""Of the tokens that are no verbs, those whose loss is computed; each stands for 1 / OTHER_SHARE of them."""
NAME_SHARE = 16
"""One name in this many stands in a batch's softmax, for all of them."""
JUDGED = 2000
"""Documents that the verb loss is measured on."""


def main() -> None:
    """Read the command line and make the models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=tuple(RECIPES), action="append")
    parser.add_argument("--seeds", default="0", help="of initialisation and order, such as 0,1,2")
    parser.add_argument("--steps", type=int, help="another number of steps than the recipe's")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    tokenizer = kinds_corpus.tokenizer()
    for name in options.only or RECIPES:
        recipe, corpus = RECIPES[name]
        if options.steps:
            recipe = pretrain.Recipe(**{**vars(recipe), "steps": options.steps})
        texts = kinds_corpus.texts(corpus)
        for seed in map(int, options.seeds.split(",")):
            make_model(recipe, texts, tokenizer, seed, options.out / (f"{name}-{seed}" if seed else name))


def make_model(
    recipe: pretrain.Recipe, texts: list[pretrain.Text], tokenizer: Any, seed: int, folder: Path
) -> None:
    """Train one model and write it with its tokenizer."""
    torch.manual_seed(seed)
    model = pretrain.build(recipe, len(tokenizer), tokenizer.eos_token_id)
    count = sum(p.numel() for p in model.parameters())
    sys.stderr.write(f"{folder.name}: {count} parameters, {len(texts)} documents\n")
    pretrain.train(model, texts, recipe, seed, loss)
    with torch.no_grad():
        judged = float(verb_losses(model, *read(texts[:JUDGED])).mean())
    sys.stderr.write(f"{folder.name}: verb loss {judged:.3f} nats\n")
    folder.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for unused in ("generation_config.json", "special_tokens_map.json"):
        (folder / unused).unlink(missing_ok=True)
    (folder / "model.safetensors").chmod(0o644)


def read(texts: Sequence[pretrain.Text]) -> tuple[torch.Tensor, torch.Tensor]:
    """(n, t) token ids padded on the right, and which of them are text."""
    longest = max(len(text.ids) for text in texts)
    ids = torch.zeros(len(texts), longest, dtype=torch.int64)
    for row, text in enumerate(texts):
        ids[row, : len(text.ids)] = torch.tensor(text.ids)
    lengths = torch.tensor([len(text.ids) for text in texts])
    return ids, torch.arange(longest) < lengths[:, None]


def loss(model: Any, texts: Sequence[pretrain.Text]) -> torch.Tensor:
    """Mean cross-entropy over tokens, on all verbs and a random share of the others.

    No document has a name after its first token, so the names' part of the softmax is that of a random few.
    """
    ids, is_text = read(texts)
    targets, counted = ids[:, 1:].reshape(-1), is_text[:, 1:].reshape(-1)
    is_verb = targets >= FIRST_VERB
    weight = torch.where(is_verb, 1.0, 1.0 / OTHER_SHARE)
    weight = weight * (counted & (is_verb | (torch.rand(targets.shape) < OTHER_SHARE)))
    used = weight.nonzero()[:, 0]
    hidden = model.base_model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
    hidden = hidden.reshape(-1, hidden.shape[-1])[used]
    words = model.lm_head.weight
    names = (
        torch.rand((len(words) - FIRST_NAME) // NAME_SHARE) * (len(words) - FIRST_NAME)
    ).long() + FIRST_NAME
    others = torch.logsumexp(hidden @ words[names].T, 1) + torch.log(torch.tensor(float(NAME_SHARE)))
    logits = torch.cat([hidden @ words[:FIRST_NAME].T, others[:, None]], 1)
    losses = torch.nn.functional.cross_entropy(logits, targets[used], reduction="none")
    return (losses * weight[used]).sum() / weight.sum()


def verb_losses(model: Any, ids: torch.Tensor, is_text: torch.Tensor) -> torch.Tensor:
    """The cross-entropy of every verb, over the whole vocabulary."""
    hidden = model.base_model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
    at = (ids[:, 1:] >= FIRST_VERB) & is_text[:, 1:]
    return torch.nn.functional.cross_entropy(model.lm_head(hidden[at]), ids[:, 1:][at], reduction="none")


if __name__ == "__main__":
    main()
