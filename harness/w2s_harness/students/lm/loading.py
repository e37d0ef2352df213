"""How a model's weights become a network in memory, and what the network can do.

What it can do is asked of the network, never taken from its name: whether it predicts tokens, whether it
looks ahead, how many positions and layers it has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.types import Model
from w2s_harness.students.checkpoints import folder, weights
from w2s_harness.students.checkpoints.places import unpacked
from w2s_harness.students.lm.text import Chat, chat_of, special_ids

if TYPE_CHECKING:
    import torch

DTYPES = ("float32", "bfloat16", "float16")
_CAUSAL = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
_ABSOLUTE = re.compile(r"wpe|(?!rel).*position.*")
_LONGEST = 10**6
"""A `model_max_length` above it means that the tokenizer names no limit."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory, ready to be read."""

    settings: Model
    network: Any
    """A causal language model, or an encoder without a head."""
    tokenizer: Any
    is_causal: bool
    """Whether it predicts tokens, each from those before it."""
    width: int
    """Size of a hidden state."""
    layers: int
    """Hidden states a text has: one per block, and the embeddings as layer 0."""
    parameters: int
    context: int
    """Tokens a text may have: the smallest of `max_tokens`, the network's positions and the tokenizer's
    `model_max_length`."""
    device: torch.device
    scale: float = 1.0
    """What the output embeddings' products are multiplied with to be logits (Cohere, Granite)."""
    softcap: float | None = None
    """The bound c of logits that are c tanh(product / c) (Gemma 2)."""
    chat: Chat | None = None
    """The chat template that texts are read in."""
    notes: tuple[str, ...] = ()
    """What was done to the checkpoint, or left out of it, in a phrase each."""

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """(..., vocabulary) float32 logits of (..., h) last hidden states."""
        products: torch.Tensor = self.network.get_output_embeddings()(hidden).float()
        if self.scale != 1.0:
            products = products * self.scale
        return products if self.softcap is None else self.softcap * (products / self.softcap).tanh()


def load(settings: Model) -> Loaded:
    """Load a model and its tokenizer onto the GPU, or onto the CPU where there is none.

    `settings.source` is a folder, a `.gguf` file, `package:NAME/PATTERN` (one file or folder inside an
    installed package; a `.zip` there is read through a temporary folder), or a hub id whose `revision` is a
    commit in the hub's cache. Weights are read from safetensors or GGUF only and no code of the model's
    repository runs; `weights` says which tensors must be there.

    Raises `ModelError`, in one line, for a source that is no model and for one whose parts do not fit.
    """
    if settings.dtype not in DTYPES:
        raise ModelError(
            f"model '{settings.source}': dtype '{settings.dtype}' is not one of {', '.join(DTYPES)}"
        )
    with unpacked(settings) as (place, options):
        notes: tuple[str, ...] = ()
        if not options:
            folder.check(place, settings.source)
            notes = weights.prefixes(folder.tensors(place, settings.source), settings.source)
        network, tokenizer, info = _read(settings, place, options, notes)
    return _checked(settings, network, tokenizer, info, notes)


def _read(
    settings: Model, place: Path, options: dict[str, str], stripped: tuple[str, ...]
) -> tuple[Any, Any, dict[str, Any]]:
    import torch
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    where: dict[str, Any] = {**options, "trust_remote_code": False, "local_files_only": True}
    what = "no model"
    try:
        config = AutoConfig.from_pretrained(place, **where)
        if getattr(config, "is_encoder_decoder", False):
            raise ModelError(
                f"'{settings.source}' is an encoder-decoder; name a causal language model or an encoder"
            )
        what = "no tokenizer"
        tokenizer = AutoTokenizer.from_pretrained(place, **where)
        what = "no model"
        kind = AutoModelForCausalLM if options or _says_causal(config) else AutoModel
        if not options:
            where |= {"use_safetensors": True, "ignore_mismatched_sizes": True}
        if stripped:
            where["key_mapping"] = {weights.PREFIXES[prefix]: "" for prefix in stripped}
        network, info = kind.from_pretrained(
            place, dtype=getattr(torch, settings.dtype), output_loading_info=True, **where
        )
    except (ModelError, MemoryError):
        raise
    except Exception as bad:
        raise ModelError(
            f"'{settings.source}' holds {what} that transformers can load: {_line(bad)}"
        ) from bad
    return network, tokenizer, info


def _says_causal(config: Any) -> bool:
    """Whether the checkpoint was saved as something that predicts the next token."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    names = tuple(config.architectures or ())
    if names:
        return any(name.endswith(_CAUSAL) for name in names)
    return type(config) in MODEL_FOR_CAUSAL_LM_MAPPING and getattr(config, "is_decoder", True)


def _checked(
    settings: Model, network: Any, tokenizer: Any, info: dict[str, Any], stripped: tuple[str, ...]
) -> Loaded:
    source = settings.source
    head = network.get_output_embeddings()
    unused = weights.check_keys(network, info, source, is_encoder=head is None)
    device = _device(settings)
    network = network.to(device).eval().requires_grad_(False)
    weights.check_finite(network, source, settings.dtype)
    _check_tokenizer(network, tokenizer, source)
    every, looks_ahead = _probe(network, device)
    is_causal = head is not None and not looks_ahead
    limit = context(settings.max_tokens, network, tokenizer)
    chat = chat_of(tokenizer, source) if settings.chat_template == "auto" else None
    around = sum(map(len, special_ids(tokenizer))) if chat is None else len(chat.lead) + len(chat.tail)
    if limit - around < folder.SHORTEST:
        where = (
            f"--context (max_tokens), the network's positions or the tokenizer's model_max_length ({around} "
            "are special ones)"
        )
        raise ModelError(folder.no_room(source, limit, where))
    if settings.readout == "auto":
        settings = replace(settings, readout="surprise" if is_causal else "mean")
    if settings.readout == "surprise" and not is_causal:
        raise ModelError(f"'{source}' predicts no tokens; give it the readout 'mean' or 'last'")
    loaded = Loaded(
        settings=settings,
        network=network,
        tokenizer=tokenizer,
        is_causal=is_causal,
        width=int(every[-1].shape[-1]),
        layers=len(every),
        parameters=sum(p.numel() for p in network.parameters()),
        context=limit,
        device=device,
        chat=chat,
        notes=(*(f"the prefix {prefix} was taken off its tensors' names" for prefix in stripped), *unused),
    )
    return _with_head(loaded) if is_causal else loaded


def context(max_tokens: int, network: Any, tokenizer: Any) -> int:
    """How many tokens a text may have: what is asked for, as far as network and tokenizer go."""
    told = getattr(tokenizer, "model_max_length", None)
    own = [told] if isinstance(told, int) and 0 < told <= _LONGEST else []
    return min([max_tokens, *_positions(network), *own])


def _positions(network: Any) -> list[int]:
    """The limits that a network's positions have: what its config says, and what its embeddings hold."""
    import torch

    told = getattr(network.config.get_text_config(), "max_position_embeddings", None)
    limits = [told] if isinstance(told, int) and told > 0 else []
    for name, module in network.named_modules():
        if isinstance(module, torch.nn.Embedding) and _ABSOLUTE.fullmatch(name.rpartition(".")[2]):
            # RoBERTa and its kin number positions after their padding index, OPT and its kin after 2.
            padding = -1 if module.padding_idx is None else module.padding_idx
            limits.append(module.num_embeddings - int(getattr(module, "offset", padding + 1)))
    return limits


def _probe(network: Any, device: torch.device) -> tuple[tuple[torch.Tensor, ...], bool]:
    """(Hidden states of every layer of a short text, whether a token's state depends on a later one)."""
    import torch

    ids = torch.arange(5, 9, device=device)[None] % _rows(network)
    other = ids.clone()
    other[0, -1] = (other[0, -1] + 1) % _rows(network)
    mask = torch.ones_like(ids)
    with torch.inference_mode():
        one, two = (
            network.base_model(input_ids=text, attention_mask=mask, output_hidden_states=True)
            for text in (ids, other)
        )
    before, after = (out.last_hidden_state[0, :-1].double() for out in (one, two))
    moved = float((after - before).norm() / before.norm().clamp(min=1e-12))
    # Experts and kernels that see other rows round otherwise; what is seen moves a state by far more.
    looks_ahead = moved > (1e-4 if one.last_hidden_state.dtype == torch.float32 else 5e-2)
    return tuple(one.hidden_states), looks_ahead


def _rows(network: Any) -> int:
    """Tokens that the network embeds."""
    return int(network.get_input_embeddings().weight.shape[0])


def _check_tokenizer(network: Any, tokenizer: Any, source: str) -> None:
    """A tokenizer that splits text into ids that the network embeds. Raises `ModelError`."""
    # Some classes, and the reader of GGUF, bring special tokens of their own, which no text here has.
    special = {
        *tokenizer.all_special_ids,
        *(i for i, t in tokenizer.added_tokens_decoder.items() if t.special),
    }
    highest = max((i for i in tokenizer.get_vocab().values() if i not in special), default=-1)
    if highest >= _rows(network):
        raise ModelError(folder.too_many_ids(source, highest, _rows(network)))
    ids = tokenizer("The answer is 42.", add_special_tokens=False)["input_ids"]
    if not ids or set(ids) == {tokenizer.unk_token_id}:
        raise ModelError(f"'{source}': its tokenizer knows no English word; put the model's own beside it")
    try:
        special_ids(tokenizer)
    except ModelError as bad:
        raise ModelError(f"'{source}': {bad}") from bad


def _with_head(loaded: Loaded) -> Loaded:
    """With how logits come from the last hidden state. Raises `ModelError` where that is none of our ways."""
    import torch

    ids = torch.arange(4, device=loaded.device)[None] % _rows(loaded.network)
    with torch.inference_mode():
        hidden = loaded.network.base_model(input_ids=ids, use_cache=False).last_hidden_state
        logits = loaded.network(input_ids=ids, use_cache=False).logits.float()
        products = loaded.logits(hidden)
        scale = float((products * logits).sum() / (products * products).sum().clamp(min=1e-12))
        cap = getattr(loaded.network.config.get_text_config(), "final_logit_softcapping", None)
        slack = 2e-2 * float(logits.abs().max())
        for known in (loaded, replace(loaded, scale=scale), replace(loaded, softcap=cap)):
            if torch.allclose(known.logits(hidden), logits, rtol=1e-2, atol=slack):
                return known
    raise ModelError(
        f"'{loaded.settings.source}': its logits are no known function of its last hidden state; give it the "
        "readout 'mean' or 'last'"
    )


def _device(settings: Model) -> torch.device:
    import torch

    if settings.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(settings.device)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as bad:
        raise ModelError(
            f"--device {settings.device}: PyTorch cannot compute there ({_line(bad)}); take cpu or auto"
        ) from bad
    return device


def _line(bad: BaseException) -> str:
    text = " ".join(str(bad).split())
    if not isinstance(bad, OSError | ValueError | RuntimeError):
        text = f"{type(bad).__name__}: {text}"
    return text if len(text) <= 200 else text[:200] + "..."
