"""Which tokens do the models of the pair `tiny` read? A byte-level BPE, digits split singly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

END = "<|end|>"
VOCABULARY = 880


def train(texts: Iterable[str]) -> Any:
    """A `PreTrainedTokenizerFast` trained on the texts."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            # A response begins without a space, so a word must be the same token with and without one.
            pre_tokenizers.Split(Regex(r"[^\sA-Za-z]"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=END)
