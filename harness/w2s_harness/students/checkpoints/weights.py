"""Whether a checkpoint's tensors are those of its config, and those that the loaded network computes with.

The rule: whatever is computed must come from the checkpoint. A tensor that the network computes with and the
checkpoint lacks, has in another shape, or has beside it (a layer more, a bias more) ends the command. Heads
that are not used may be absent (an encoder's pooler) or left over (a classifier, an encoder's token
predictor); weights that are tied to others are rightly absent. Prefixes that wrappers of PyTorch put before
every name are taken off, and it is said.

`check` needs no torch and takes milliseconds; it knows well-known architectures only and says nothing where a
config is silent. `check_keys` finds the same and more once a network is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from w2s_harness.contract.errors import ModelError

PREFIXES = {
    "_orig_mod.": r"_orig_mod\.",
    "_fsdp_wrapped_module.": r"_fsdp_wrapped_module\.",
    "_checkpoint_wrapped_module.": r"_checkpoint_wrapped_module\.",
    "module.": r"^module\.",
}
"""What torch.compile, FSDP, activation checkpointing and DataParallel add, and the pattern that finds it."""
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
_HEADS = ("lm_head.weight", "embed_out.weight", "output_projection.weight")
"""What predicts tokens, where it is not tied to the embeddings."""
_UNREAD = ("pooler.", "contact_head.")
"""Parts of an encoder that no readout computes with."""
_BUFFERS = re.compile(
    r"(^|\.)(position_ids|token_type_ids|inv_freq|num_batches_tracked|masked_bias|(attn|attention)\.bias)$"
)
"""Masks and constants that older checkpoints kept beside the weights."""


def prefixes(names: Iterable[str], source: str) -> tuple[str, ...]:
    """The wrappers' prefixes among the names of a checkpoint.

    Raises `ModelError` where two tensors would have one name without them.
    """
    names = list(names)
    found = {
        prefix: pattern
        for prefix, pattern in PREFIXES.items()
        if any(re.search(pattern, without(name, PREFIXES.values(), keep=pattern)) for name in names)
    }
    bare = [without(name, found.values()) for name in names]
    if found and len(set(bare)) < len(bare):
        twice = next(name for name in bare if bare.count(name) > 1)
        raise ModelError(
            f"'{source}': the checkpoint holds {twice} twice, with and without {', '.join(found)}"
        )
    return tuple(found)


def without(name: str, patterns: Iterable[str] = PREFIXES.values(), keep: str = "") -> str:
    """A name without what the patterns find; `keep` is one of them that stays."""
    for pattern in patterns:
        if pattern != keep:
            name = re.sub(pattern, "", name)
    return name


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
    if "quantization_config" not in config:  # packed weights have shapes of their own
        _check_sizes(config, shapes, source)
    is_causal = str((config.get("architectures") or [""])[0]).endswith("ForCausalLM")
    is_untied = config.get("tie_word_embeddings") is False
    if is_causal and is_untied and not any(name.endswith(_HEADS) for name in shapes):
        raise ModelError(_lacks(source, ["lm_head.weight"]))


def check_keys(network: Any, info: Mapping[str, Any], source: str, *, is_encoder: bool) -> tuple[str, ...]:
    """Refuse weights that are not the checkpoint's; returns what is to be said of unused heads.

    `info` is what `from_pretrained(output_loading_info=True)` gave. Raises `ModelError`.
    """
    base = f"{network.base_model_prefix}."

    def is_unused(name: str) -> bool:
        return is_encoder and name.removeprefix(base).startswith(_UNREAD)

    missing = sorted(name for name in info["missing_keys"] if not is_unused(name))
    if missing:
        raise ModelError(_lacks(source, missing))
    for name, theirs, ours in sorted(info["mismatched_keys"]):
        if not is_unused(name):
            raise ModelError(_unlike(source, name, tuple(theirs), tuple(ours)))
    left = [(name, name.removeprefix(base)) for name in sorted(info["unexpected_keys"])]
    roots = {key.removeprefix(base).partition(".")[0] for key in network.state_dict()}
    constants = {buffer.removeprefix(base) for buffer, _ in network.named_buffers()}
    # what lies in a part that the network computes with, and is no constant
    computed = [
        name
        for name, bare in left
        if bare.partition(".")[0] in roots and not _BUFFERS.search(name) and bare not in constants
    ]
    if computed:
        raise ModelError(_surplus(source, computed))
    unused = sorted({bare.partition(".")[0] for _, bare in left})
    unused = [root for root in unused if not _BUFFERS.search(root)]
    return (f"not used: {', '.join(unused)}",) if unused else ()


def check_finite(network: Any, source: str, dtype: str) -> None:
    """Refuse weights that are NaN or infinite in the type that they are computed in. Raises `ModelError`."""
    import torch

    for name, parameter in network.named_parameters():
        if parameter.is_floating_point() and not bool(torch.isfinite(parameter).all()):
            raise ModelError(not_finite(source, name, dtype))


def not_finite(source: str, name: str, dtype: str | None = None) -> str:
    """The line of weights that are no numbers; `dtype` where it is that of a conversion."""
    how = "" if dtype is None else f" as {dtype}; try --dtype float32 or bfloat16"
    mend = "the file is damaged, or its training diverged" if dtype is None else "or the file is damaged"
    return f"'{source}': the weights {name} hold NaN or infinite values{how}; {mend}"


def _lacks(source: str, lost: list[str]) -> str:
    return (
        f"'{source}': the checkpoint lacks {len(lost)} of the model's tensors ({_first(lost)}), which would "
        "be random; save or download it again"
    )


def _surplus(source: str, more: list[str]) -> str:
    return (
        f"'{source}': the checkpoint holds {len(more)} tensors that its config.json has no place for "
        f"({_first(more)}); the two are not of one model"
    )


def _first(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _unlike(source: str, name: str, theirs: tuple[int, ...], ours: tuple[int, ...]) -> str:
    shown = [" x ".join(map(str, sizes)) or "()" for sizes in (theirs, ours)]
    return (
        f"'{source}': {name} has the shape {shown[0]} in the checkpoint and {shown[1]} by config.json; the "
        "two are not of one model"
    )


def _check_layers(config: Mapping[str, Any], shapes: Iterable[str], source: str) -> None:
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
            raise ModelError(_lacks(source, lost))
        more = [f"{stack}.{k}.{part}" for k in sorted(layers) if k >= count for part in sorted(layers[k])]
        if more:
            raise ModelError(_surplus(source, more))


def _check_sizes(config: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], source: str) -> None:
    for end, words in _SIZES.items():
        told = tuple(size for word in words if isinstance(size := config.get(word), int))
        is_odd = "vocab_size" in words and config.get("model_type") in _ODD
        if len(told) < len(words) or is_odd:
            continue
        for name, shape in shapes.items():
            if re.search(rf"(?:^|\.)(?:{end})$", name) and len(shape) == len(told) and shape != told:
                raise ModelError(_unlike(source, name, shape, told))
