"""What the frozen student writes: greedy decoding, one row at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from w2s_harness.contract.errors import ModelError
from w2s_harness.students.lm.text import encode

if TYPE_CHECKING:
    from w2s_harness.students.lm.loading import Loaded


def generate(
    loaded: Loaded, prompts: Sequence[str], max_tokens: int, charge: Callable[[int], None]
) -> list[str]:
    """What the model writes after each prompt, at most `max_tokens` tokens each.

    The likeliest token at every step (of equal ones the first in the vocabulary), until the model ends its
    text. Each prompt is decoded by itself: in a padded batch the last bits of a score, and so now and then a
    token, would depend on the company. A prompt too long for the context loses its start. `charge` is told
    the tokens that are read, prompt and note, before each is. Raises `ModelError` for an encoder and where
    the context cannot hold the note.
    """
    if not loaded.is_causal:
        raise ModelError(f"'{loaded.settings.source}' is an encoder and writes no text")
    if loaded.context - max_tokens < 2:
        raise ModelError(f"notes of {max_tokens} tokens do not fit a context of {loaded.context} tokens")
    whole = [("", prompt) if loaded.chat is None else (prompt, "") for prompt in prompts]
    encoded = encode(loaded.tokenizer, whole, loaded.context - max_tokens, loaded.chat)
    return [_note(loaded, text.ids[: text.stop], max_tokens, charge) for text in encoded]


def _note(loaded: Loaded, ids: Sequence[int], max_tokens: int, charge: Callable[[int], None]) -> str:
    import torch

    ends = _ends(loaded)
    written: list[int] = []
    unread = torch.tensor([list(ids)], device=loaded.device)
    cache: Any = None
    with torch.inference_mode():
        while len(written) < max_tokens:
            charge(unread.shape[1])
            kept = {} if cache is None else {"past_key_values": cache}
            out = loaded.network(input_ids=unread, use_cache=True, **kept)
            token = int(out.logits[0, -1].argmax())
            if token in ends:
                break
            written.append(token)
            # A network whose memory has another name (RWKV, Mamba) reads everything again.
            cache = getattr(out, "past_key_values", None)
            again = [token] if cache is not None else [*ids, *written]
            unread = torch.tensor([again], device=loaded.device)
    return str(loaded.tokenizer.decode(written, skip_special_tokens=True))


def _ends(loaded: Loaded) -> frozenset[int]:
    """Tokens after which there is nothing more to read."""
    named = (loaded.tokenizer.eos_token_id, getattr(loaded.network.config, "eos_token_id", None))
    found: set[int] = set()
    for value in named:
        found.update(value if isinstance(value, list | tuple) else () if value is None else (value,))
    return frozenset(found)
