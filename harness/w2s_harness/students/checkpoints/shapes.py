"""Whether a checkpoint's tensors can be those of its config, for well-known architectures and without torch.

Loading finds the same and more, but importing PyTorch takes seconds; these take milliseconds. Nothing is said
of an architecture that is not listed, and nothing where a config is silent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from w2s_harness.contract.errors import ModelError

ALIKE = (
    "bert", "biogpt", "bloom", "camembert", "distilbert", "electra", "falcon", "gemma", "gemma2", "gpt2",
    "gpt_neox", "llama", "mistral", "mpnet", "olmo", "olmo2", "opt", "phi", "phi3", "qwen2", "qwen3",
    "roberta", "stablelm", "starcoder2", "xlm-roberta",
)  # fmt: skip
"""Architectures whose layers are all of one make, so that a layer that lacks what another has is damaged."""
_LAYER = re.compile(r"(.*?\b(?:layers?|h|blocks?))\.(\d+)\.(.+)")
_COUNTS = ("num_hidden_layers", "n_layer", "n_layers")
_SIZES = {
    r"embed_tokens\.weight|word_embeddings\.weight|wte\.weight|embed_in\.weight": (
        "vocab_size",
        "hidden_size",
    ),
    r"mlp\.(up|gate)_proj\.weight": ("intermediate_size", "hidden_size"),
    r"mlp\.down_proj\.weight": ("hidden_size", "intermediate_size"),
    r"layer\.\d+\.intermediate\.dense\.weight": ("intermediate_size", "hidden_size"),
    r"(input_layernorm|post_attention_layernorm|ln_1)\.weight": ("hidden_size",),
}
"""Shapes by the name's end, in the words of a config; `n_embd` and the like leave a config silent."""
_ROOTS = re.compile(
    r"(model|transformer|bert|roberta|gpt_neox|biogpt|distilbert|mpnet|electra|camembert|xlm-roberta|decoder|"
    r"encoder|embeddings|layers|h|wte|wpe|embed_tokens|embed_in|word_embeddings)\."
)
_ODD = ("electra", "opt")
"""Architectures whose embeddings may be narrower than their hidden states."""


def check(config: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], source: str) -> None:
    """Refuse tensors, by name without wrappers' prefixes, that are not of the config. Raises `ModelError`."""
    if config.get("model_type") not in ALIKE:
        return
    if not any(map(_ROOTS.match, shapes)):
        raise ModelError(
            f"'{source}': the checkpoint lacks all of the model's tensors; its own are named otherwise "
            f"({', '.join(sorted(shapes)[:2])}, ...): save the model itself, not what it was wrapped in"
        )
    _check_layers(config, shapes, source)
    _check_sizes(config, shapes, source)
    head = any(
        name.endswith(("lm_head.weight", "embed_out.weight", "output_projection.weight")) for name in shapes
    )
    names = config.get("architectures") or [""]
    if config.get("tie_word_embeddings") is False and str(names[0]).endswith("ForCausalLM") and not head:
        raise ModelError(lacks(source, ["lm_head.weight"]))


def lacks(source: str, lost: list[str]) -> str:
    """The line that says which tensors a checkpoint lacks."""
    some = ", ".join(lost[:3]) + (", ..." if len(lost) > 3 else "")
    return (
        f"'{source}': the checkpoint lacks {len(lost)} of the model's tensors ({some}), which would be "
        "random; save or download it again"
    )


def surplus(source: str, more: list[str]) -> str:
    """The line that says which tensors a config has no place for."""
    return (
        f"'{source}': the checkpoint holds {len(more)} tensors that its config.json has no place for "
        f"({', '.join(more[:3])}{', ...' if len(more) > 3 else ''}); the two are not of one model"
    )


def unlike(source: str, name: str, theirs: tuple[int, ...], ours: tuple[int, ...]) -> str:
    """The line of a tensor that has another shape than the config says."""
    shown = [" x ".join(map(str, sizes)) or "()" for sizes in (theirs, ours)]
    return (
        f"'{source}': {name} has the shape {shown[0]} in the checkpoint and {shown[1]} by config.json; the "
        "two are not of one model"
    )


def _check_layers(config: Mapping[str, Any], shapes: Mapping[str, Any], source: str) -> None:
    stacks: dict[str, dict[int, set[str]]] = {}
    for name in shapes:
        if found := _LAYER.fullmatch(name):
            stacks.setdefault(found[1], {}).setdefault(int(found[2]), set()).add(found[3])
    told = next((config[name] for name in _COUNTS if isinstance(config.get(name), int)), None)
    for stack, layers in stacks.items():
        every = set.union(*layers.values())
        count = max(layers) + 1 if told is None else told
        lost = [f"{stack}.{k}.{part}" for k in range(count) for part in sorted(every - layers.get(k, set()))]
        if lost:
            raise ModelError(lacks(source, lost))
        more = [f"{stack}.{k}.{part}" for k in sorted(layers) if k >= count for part in sorted(layers[k])]
        if more:
            raise ModelError(surplus(source, more))


def _check_sizes(config: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], source: str) -> None:
    if "quantization_config" in config:
        return  # packed weights have shapes of their own
    for end, words in _SIZES.items():
        told = tuple(config.get(word) for word in words)
        if not all(isinstance(size, int) for size in told) or (len(words) == 2 and _is_odd(config, words)):
            continue
        for name, shape in shapes.items():
            if re.search(rf"(?:^|\.)(?:{end})$", name) and len(shape) == len(told) and shape != told:
                raise ModelError(unlike(source, name, shape, told))  # type: ignore[arg-type]


def _is_odd(config: Mapping[str, Any], words: tuple[str, ...]) -> bool:
    return "vocab_size" in words and config.get("model_type") in _ODD
