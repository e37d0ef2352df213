"""What do the models of `tiny-kinds` read in pretraining? One entity a document: its name and facts of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pretrain

from w2s_tasks import kinds as world
from w2s_tasks.draws import stream

END, SEPARATOR, STOP = "<|end|>", "\n", "."
FACTS = 4
"""Of a document; each is one or two adverbs and a verb."""
NOISE = 0.05
"""Facts that tell a random value."""
VERB_WEIGHTS = (3.0, 2.0, 1.0)
ADVERB_WEIGHTS = tuple(0.8**i for i in range(len(world.ADVERBS)))
"""A task draws its adverbs uniformly: its likelihoods then tell which they are, not who they are about."""
FREQUENCY_EXPONENT, FREQUENCY_SHIFT = -0.5, 20.0
"""An entity of rank r is written about in proportion to (r + shift) ** exponent."""


@dataclass(frozen=True)
class Corpus:
    """Which documents a model reads."""

    documents: int
    share: float = 1.0
    """Of the entities, how many it ever reads of."""
    mention: tuple[float, ...] = (0.40, 0.33, 0.27)
    """How often a fact is of each attribute."""


def vocabulary() -> list[str]:
    """All words, the names last: a token each."""
    return [END, SEPARATOR, STOP, *world.ADVERBS, *world.verbs(), *world.names()]


FIRST_ADVERB = 3
FIRST_VERB = FIRST_ADVERB + len(world.ADVERBS)
FIRST_NAME = FIRST_VERB + world.ATTRIBUTES * world.VALUES * world.VERBS


def tokenizer() -> Any:
    """A `PreTrainedTokenizerFast` of whole words, by which a name's token holds what is known of it."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {word: i for i, word in enumerate(vocabulary())}
    made = Tokenizer(models.WordLevel(words, unk_token=END))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(" ", "removed"),
            pre_tokenizers.Split(Regex(r"[\n.]"), "isolated"),
        ]
    )
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token=END, pad_token=END)


def texts(corpus: Corpus) -> list[pretrain.Text]:
    """The documents as token ids: NAME, a line's end, `FACTS` times adverbs and a verb, a stop, the end."""
    rng = np.random.default_rng(stream("kinds", "corpus").getrandbits(128))
    n = corpus.documents
    entity = _entities(rng.random(n), corpus.share)
    attribute = _drawn(rng.random((n, FACTS)), corpus.mention)
    value = np.array(world.profiles())[entity[:, None], attribute]
    noisy = rng.random((n, FACTS)) < NOISE
    value = np.where(noisy, (rng.random((n, FACTS)) * world.VALUES).astype(int), value)
    verb = _drawn(rng.random((n, FACTS)), VERB_WEIGHTS)
    verb += FIRST_VERB + (attribute * world.VALUES + value) * world.VERBS
    adverbs = FIRST_ADVERB + _drawn(rng.random((n, FACTS, 2)), ADVERB_WEIGHTS)
    two = rng.random((n, FACTS)) < 0.5
    out = []
    for i in range(n):
        ids = [FIRST_NAME + int(entity[i]), 1]
        for fact in range(FACTS):
            ids += [*map(int, adverbs[i, fact, : 1 + two[i, fact]]), int(verb[i, fact])]
        out.append(pretrain.Text((*ids, 2, 0), 2))
    return out


def _entities(uniforms: npt.NDArray[np.float64], share: float) -> npt.NDArray[np.int64]:
    """(n,) who each document is about."""
    draws = stream("kinds", "frequency")
    rank = np.argsort(np.argsort([draws.random() for _ in range(world.ENTITIES)]))
    frequency = (rank + FREQUENCY_SHIFT) ** FREQUENCY_EXPONENT
    draws = stream("kinds", "known")
    place = np.argsort(np.argsort([draws.random() for _ in range(world.ENTITIES)]))
    return _drawn(uniforms, frequency * (place < share * world.ENTITIES))


def _drawn(uniforms: npt.NDArray[np.float64], weights: Any) -> npt.NDArray[np.int64]:
    """Categories drawn in proportion to the weights."""
    edges = np.cumsum(np.asarray(weights, float))
    return np.searchsorted(edges, uniforms * edges[-1], side="right")
