"""What a language model and an agent say to each other, in the Messages format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from w2s_harness.contract.errors import ModelError

Block = dict[str, Any]
"""A content block: `{"type": "text", ...}`, `tool_use`, `tool_result`, ..."""
Message = dict[str, Any]
"""`{"role": "user" | "assistant", "content": [Block, ...]}`."""


class BrokenReplyError(ModelError):
    """A reply that broke off after the model had begun it: it may have cost money, and may be asked again."""


class ContextExceededError(ModelError):
    """What was sent is longer than the model's context window; it cost nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call by kind; the kinds do not overlap."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model answered."""

    content: Sequence[Block]
    stop_reason: str
    """`end_turn`, `tool_use`, `max_tokens`, `refusal`, `pause_turn`, `model_context_window_exceeded`, ..."""
    usage: Usage
    model: str
    """As the provider names it, which may be longer than what was asked for."""


class AgentModel(Protocol):
    """A language model that agents talk through; plugins offer them by `w2s_agent_models`."""

    @property
    def name(self) -> str:
        """What `--model` names it, and the price table."""
        ...

    @property
    def context_tokens(self) -> int:
        """How many tokens a call may hold, its reply included."""
        ...

    def reply(
        self,
        *,
        system: str,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]],
        max_tokens: int,
    ) -> Reply:
        """One paid call, of `max_tokens` tokens at most in its answer; called from several threads.

        Retries what was refused at no cost. Raises `BrokenReplyError` for an answer that broke off,
        `ContextExceededError` for too long a conversation, `ModelError` with one line for the rest.
        """
        ...
