"""A piece of work that all methods of a setting share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from w2s_harness.models.client import ServiceClient


@dataclass(frozen=True, slots=True)
class Unit:
    """One piece of shared work; done once its key is in the store."""

    name: str
    key: str
    work: Callable[[ServiceClient], object]
    files: tuple[str, ...] = ()
    """Keys of the files that come with it and that later stages read."""
