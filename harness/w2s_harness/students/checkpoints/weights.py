"""Whether the weights of a loaded network are those of its checkpoint, all of them and nothing else.

The rule: whatever is computed must come from the checkpoint. A tensor that the network computes with and the
checkpoint lacks, has in another shape, or has beside it (a layer more, a bias more) ends the command. Heads
that are not used may be absent (an encoder's pooler) or left over (a classifier, an encoder's token
predictor); weights that are tied to others are rightly absent. Prefixes that wrappers of PyTorch put before
every name are taken off, and it is said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from w2s_harness.contract.errors import ModelError
from w2s_harness.students.checkpoints.folder import not_finite
from w2s_harness.students.checkpoints.shapes import lacks, surplus, unlike

_HEADS = ("pooler.", "contact_head.")
"""Parts of an encoder that no readout computes with."""
_BUFFERS = re.compile(
    r"(^|\.)(position_ids|token_type_ids|inv_freq|num_batches_tracked|masked_bias|(attn|attention)\.bias)$"
)
"""Masks and constants that older checkpoints kept beside the weights."""


def check_keys(network: Any, info: Mapping[str, Any], source: str, *, is_encoder: bool) -> tuple[str, ...]:
    """Refuse weights that are not the checkpoint's; returns what is to be said of unused heads.

    `info` is what `from_pretrained(output_loading_info=True)` gave. Raises `ModelError`.
    """
    base = f"{network.base_model_prefix}."

    def is_unused(name: str) -> bool:
        return is_encoder and name.removeprefix(base).startswith(_HEADS)

    missing = sorted(name for name in info["missing_keys"] if not is_unused(name))
    if missing:
        raise ModelError(lacks(source, missing))
    for name, theirs, ours in sorted(info["mismatched_keys"]):
        if not is_unused(name):
            raise ModelError(unlike(source, name, tuple(theirs), tuple(ours)))
    left = sorted(info["unexpected_keys"])
    part = [name for name in left if _is_computed(name, network)]
    if part:
        raise ModelError(surplus(source, part))
    return _heads(left, network)


def check_finite(network: Any, source: str, dtype: str) -> None:
    """Refuse weights that are NaN or infinite in the type that they are computed in. Raises `ModelError`."""
    import torch

    for name, parameter in network.named_parameters():
        if parameter.is_floating_point() and not bool(torch.isfinite(parameter).all()):
            raise ModelError(not_finite(source, name, dtype))


def _is_computed(name: str, network: Any) -> bool:
    """Whether a tensor lies in a part that the network computes with, and is no constant."""
    base = f"{network.base_model_prefix}."
    roots = {key.removeprefix(base).partition(".")[0] for key in network.state_dict()}
    if name.removeprefix(base).partition(".")[0] not in roots or _BUFFERS.search(name):
        return False
    buffers = {buffer.removeprefix(base) for buffer, _ in network.named_buffers()}
    return name.removeprefix(base) not in buffers


def _heads(left: list[str], network: Any) -> tuple[str, ...]:
    roots = sorted({name.removeprefix(f"{network.base_model_prefix}.").partition(".")[0] for name in left})
    unused = [root for root in roots if not _BUFFERS.search(root)]
    return (f"not used: {', '.join(unused)}",) if unused else ()
