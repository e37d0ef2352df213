"""A chat model's own words around a question: its chat template, cut at the question.

The template is rendered once, with a placeholder for the user's message and the header of the answer; what
stands before and after the placeholder is put around every question, as ids, so that only the question is
ever cut and the beginning-of-text token comes once, where the template has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from w2s_harness.contract.errors import ModelError

_QUESTION = "W2SQUESTION"
_DATE = "26 Jul 2024"
"""What templates that tell the date are told, so that the same run gives the same numbers tomorrow."""


@dataclass(frozen=True, slots=True)
class Chat:
    """What a chat template puts around a question."""

    before: str
    after: str
    """Ends where the answer begins."""
    lead: tuple[int, ...]
    """Ids of `before`, the beginning-of-text token among them where the template has one."""
    tail: tuple[int, ...]
    """Ids of `after`."""

    @property
    def shown(self) -> str:
        """The template around `{question}`."""
        return f"{self.before}{{question}}{self.after}"


def chat_of(tokenizer: Any, source: str) -> Chat | None:
    """The chat template of a tokenizer, or None where it has none.

    Raises `ModelError` for a template that cannot be rendered or does not repeat what the user says.
    """
    if not getattr(tokenizer, "chat_template", None):
        return None
    message = [{"role": "user", "content": _QUESTION}]
    try:
        text = tokenizer.apply_chat_template(
            message, tokenize=False, add_generation_prompt=True, date_string=_DATE
        )
    except Exception as bad:
        why = " ".join(f"{type(bad).__name__}: {bad}".split())[:200]
        raise ModelError(f"'{source}': its chat template fails ({why}); try --chat-template none") from bad
    if text.count(_QUESTION) != 1:
        raise ModelError(
            f"'{source}': its chat template does not repeat the question once; try --chat-template none"
        )
    before, after = text.split(_QUESTION)
    lead, tail = (
        tuple(tokenizer(part, add_special_tokens=False)["input_ids"]) if part else ()
        for part in (before, after)
    )
    return Chat(before, after, lead, tail)
