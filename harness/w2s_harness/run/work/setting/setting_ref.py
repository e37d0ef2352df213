"""A setting by name: the plain values that name its results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from w2s_harness.contract.kinds import KindName
from w2s_harness.contract.types import HoldoutPart


@dataclass(frozen=True, slots=True)
class SettingRef:
    """One task on one pair, with everything that its stages hang on; equal fields, equal results."""

    id: str
    """`math/tiny`."""
    task: str
    pair: str
    kind: KindName
    mode: Literal["probe", "finetune"]
    data: str
    """Digest of texts and labels."""
    answers: str
    """Digest of the answers, which reach only methods with the access `groups`."""
    part: HoldoutPart
    root_seed: int
    share_true: float | None
    """As the task states it."""
    identity: str
    """Digest of what the numbers of every stage hang on: data, both models, how they are trained."""
    reads: tuple[str, str]
    """Digests of the weak and the strong model and of how they read a text."""
    chain: str
    """Digest of the smaller students."""
    abilities: tuple[str, ...]
    has_templates: bool
    """Whether the pair gives its student zero-shot templates."""
