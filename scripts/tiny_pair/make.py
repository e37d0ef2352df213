"""Make the pair `tiny`: a tokenizer, a weak teacher, a strong student and the ladder between, on one core.

    OMP_NUM_THREADS=1 PYTHONPATH=harness:plugins:tasks python scripts/tiny_pair/make.py \
        --out plugins/w2s_plugins/pairs/tiny_models [--only weak|student0|student1|strong|ladder] [--seeds 0]

Writes OUT/weak, OUT/student0, OUT/student1 and OUT/strong (seed 0; OUT/strong-1 for seed 1, and so on),
each with config.json, model.safetensors (fp16), tokenizer.json and tokenizer_config.json. `--only ladder`
makes student0 and student1. The same command on the same machine with the same torch gives the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import corpus
import pretrain
import tokenizer as tokens
import torch

from w2s_harness.students.lm.text import SEPARATOR, encode

RECIPES = {
    "weak": pretrain.Recipe(24, 1, 2, 48, 6000, 3e-3, {"math": 40_000, "code": 90_000, "chat": 40_000}),
    "student0": pretrain.Recipe(32, 1, 2, 64, 5500, 2.5e-3, {"math": 28_000, "code": 30_000, "chat": 95_000}),
    "student1": pretrain.Recipe(48, 2, 3, 96, 5500, 2.5e-3, {"math": 28_000, "code": 30_000, "chat": 95_000}),
    "strong": pretrain.Recipe(64, 2, 4, 128, 5500, 2.5e-3, {"math": 28_000, "code": 30_000, "chat": 95_000}),
}
LADDER = ("student0", "student1")
"""The smaller students of the pair, smallest first: the strong student's recipe, narrower networks."""
CORPUS_SEED = 0
"""The corpus of a model is the first documents of each family; its seed does not change with the model's."""
TOKENIZER_DOCUMENTS = 4000
"""Documents of each family that the tokenizer is trained on."""


def main() -> None:
    """Read the command line and make the models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=(*RECIPES, "ladder"), action="append")
    parser.add_argument("--seeds", default="0", help="of initialisation and order, such as 0,1,2")
    parser.add_argument("--steps", type=int, help="another number of steps than the recipe's")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    tokenizer = make_tokenizer()
    wanted = options.only or tuple(RECIPES)
    names = [*(LADDER if "ladder" in wanted else ()), *(name for name in wanted if name != "ladder")]
    for name in dict.fromkeys(names):
        recipe = RECIPES[name]
        if options.steps:
            recipe = pretrain.Recipe(**{**vars(recipe), "steps": options.steps})
        texts = read_corpus(recipe, tokenizer)
        for seed in map(int, options.seeds.split(",")):
            make_model(recipe, texts, tokenizer, seed, options.out / (f"{name}-{seed}" if seed else name))


def make_tokenizer() -> Any:
    """The tokenizer both models share."""
    families = (corpus.documents(name, TOKENIZER_DOCUMENTS, CORPUS_SEED) for name in corpus.WRITERS)
    return tokens.train(SEPARATOR.join(document) for document in chain.from_iterable(families))


def make_model(
    recipe: pretrain.Recipe, texts: list[pretrain.Text], tokenizer: Any, seed: int, folder: Path
) -> None:
    """Train one model and write it with its tokenizer."""
    torch.manual_seed(seed)
    model = pretrain.build(recipe, len(tokenizer), tokenizer.eos_token_id)
    count = sum(p.numel() for p in model.parameters())
    sys.stderr.write(f"{folder.name}: {count} parameters, {len(texts)} documents\n")
    pretrain.train(model, texts, recipe, seed)
    folder.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for unused in ("generation_config.json", "special_tokens_map.json"):
        (folder / unused).unlink(missing_ok=True)
    (folder / "model.safetensors").chmod(0o644)


def read_corpus(recipe: pretrain.Recipe, tokenizer: Any) -> list[pretrain.Text]:
    """The recipe's documents as token ids, tokenised as the harness tokenises a task's rows."""
    texts: list[pretrain.Text] = []
    for family, count in recipe.counts.items():
        documents = corpus.documents(family, count, CORPUS_SEED)
        pairs = [(prompt + SEPARATOR, response) for prompt, response in documents]
        for encoded in encode(tokenizer, pairs, context=512):
            texts.append(pretrain.Text((*encoded.ids, tokenizer.eos_token_id), encoded.start))
    return texts


if __name__ == "__main__":
    main()
