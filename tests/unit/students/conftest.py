"""Tiny random models in the architectures that pairs name, saved as real ones are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from w2s_harness.contract.types import Model
from w2s_harness.contract.worker.wire.row_text import TextRow

WORDS = (
    "Tom has buys apples pears how many are left now so the answer is yes no maybe correct incorrect "
    "1 2 3 4 5 6 7 8 9"
)


@pytest.fixture(scope="session")
def tokenizer():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<eos>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator([WORDS, f" {WORDS}"] * 3, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<eos>")


@pytest.fixture(scope="session")
def build(tokenizer, tmp_path_factory) -> Callable[[str], str]:
    """The folder of a random model by architecture; made once."""
    made: dict[str, str] = {}

    def make(name: str) -> str:
        if name not in made:
            made[name] = str(save(name, tokenizer, tmp_path_factory.mktemp(name)))
        return made[name]

    return make


def save(name: str, tokenizer, folder: Path) -> Path:
    import torch
    import transformers

    torch.manual_seed(0)
    size = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 96,
    }
    if name in ("Roberta", "MPNet", "XLMRoberta"):
        size |= {"pad_token_id": 1, "max_position_embeddings": 66}
    elif name != "Bert":
        size |= {"num_key_value_heads": 2, "initializer_range": 0.3}
    if name == "Qwen3":
        size["head_dim"] = 8
    config = getattr(transformers, f"{name}Config")(**size)
    kinds = {"Bert": "Model", "Roberta": "ForMaskedLM", "MPNet": "ForMaskedLM", "XLMRoberta": "ForMaskedLM"}
    kind = kinds.get(name, "ForCausalLM")
    network = getattr(transformers, f"{name}{kind}")(config)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def llama(build) -> Model:
    templates = {
        "sum": {"kind": "likelihood", "statistic": "sum"},
        "ask": {"kind": "answer", "text": "{question} {candidate} correct ?", "yes": " yes", "no": " no"},
        "compare": {"kind": "answer", "text": "{question} {first} {second} ?", "yes": " yes", "no": " no"},
    }
    return Model(source=build("Llama"), max_tokens=96, templates=templates)


@pytest.fixture(scope="session")
def loaded(llama):
    from w2s_harness.students.lm.loading import load

    return load(llama)


@pytest.fixture(scope="session")
def verify_rows() -> tuple[TextRow, ...]:
    draw = np.random.default_rng(0)
    words = WORDS.split()
    return tuple(
        TextRow(" ".join(draw.choice(words, 6)), candidate=" ".join(draw.choice(words, draw.integers(2, 9))))
        for _ in range(40)
    )


@pytest.fixture(scope="session")
def preference_rows(verify_rows) -> tuple[TextRow, ...]:
    others = [*verify_rows[1:], verify_rows[0]]
    return tuple(
        TextRow(row.prompt, first=row.candidate, second=other.candidate)
        for row, other in zip(verify_rows, others, strict=True)
    )
