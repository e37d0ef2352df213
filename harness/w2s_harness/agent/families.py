"""The kinds of ideas by which a search's breadth is measured."""

from __future__ import annotations

FAMILIES = (
    "self-training",
    "ensemble",
    "distillation",
    "data filtering",
    "confidence weighting",
    "loss function",
    "unsupervised elicitation",
    "curriculum",
    "model internals",
    "evolutionary",
    "other",
)
"""The eleven of the published agent runs."""
