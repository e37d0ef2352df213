"""Prefixes that wrappers of PyTorch put into the names of a checkpoint's tensors, and names without them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from w2s_harness.contract.errors import ModelError

PREFIXES = {
    "_orig_mod.": r"_orig_mod\.",
    "_fsdp_wrapped_module.": r"_fsdp_wrapped_module\.",
    "_checkpoint_wrapped_module.": r"_checkpoint_wrapped_module\.",
    "module.": r"^module\.",
}
"""What torch.compile, FSDP, activation checkpointing and DataParallel add, and the pattern that finds it."""


def prefixes(names: Iterable[str], source: str) -> dict[str, str]:
    """The wrappers' prefixes among the names of a checkpoint, and the pattern of each.

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
    return found


def without(name: str, patterns: Iterable[str], keep: str = "") -> str:
    """A name without what the patterns find; `keep` is one of them that stays."""
    for pattern in patterns:
        if pattern != keep:
            name = re.sub(pattern, "", name)
    return name
