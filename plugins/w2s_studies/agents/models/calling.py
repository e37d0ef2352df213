"""Paid calls to a model: money is set aside and a line is written before each, and what it cost after."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from w2s_harness.contract.errors import HarnessError, ModelError
from w2s_harness.contract.studies.dialogue import AgentModel, BrokenReplyError, Message, Reply
from w2s_studies.agents.books.money import Purse
from w2s_studies.agents.models.conversation import Conversation

TRIES = 4
"""Of one call whose reply breaks off."""
WAIT_S = 1.0
"""Before the second try; twice as long before each further one."""


class PaidCalls:
    """One agent's calls to its model. `stop` ends the waiting between two tries."""

    def __init__(
        self,
        model: AgentModel,
        talk: Conversation,
        purse: Purse,
        stop: threading.Event,
        *,
        wait_s: float = WAIT_S,
    ) -> None:
        self.model, self._talk, self._purse, self._stop, self._wait_s = model, talk, purse, stop, wait_s

    def ask(
        self,
        purpose: str,
        *,
        system: str,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]],
        sent: int,
        max_tokens: int,
    ) -> Reply:
        """The answer, written down before it is returned; `sent` bounds the tokens of the question.

        Raises `BudgetReachedError` before a call that could pass a budget, `ModelError` for one that has no
        answer after all tries.
        """
        for again in range(TRIES):
            try:
                return self._try(
                    purpose, system=system, messages=messages, tools=tools, sent=sent, max_tokens=max_tokens
                )
            except BrokenReplyError as bad:
                if again == TRIES - 1:
                    raise ModelError(f"{bad} ({TRIES} times). Resume later.") from bad
                if self._stop.wait(self._wait_s * 2**again):
                    raise
        raise AssertionError

    def _try(self, purpose: str, *, sent: int, max_tokens: int, **request: Any) -> Reply:
        talk, name = self._talk, self.model.name
        answered, sent = max_tokens, min(sent, self.model.context_tokens)
        reservation = self._purse.reserve(talk.who, name, sent, answered)
        talk.add({"kind": "asked", "n": talk.calls, "purpose": purpose, "usd": reservation.usd})
        try:
            reply = self.model.reply(max_tokens=max_tokens, **request)
        except HarnessError as bad:
            # only a model that says so took no money for an answer that never came
            paid = isinstance(bad, BrokenReplyError) or not isinstance(bad, ModelError)
            talk.add({"kind": "lost" if paid else "unpaid", "n": talk.asked, "because": str(bad)})
            (self._purse.lose if paid else self._purse.release)(reservation)
            raise
        talk.add_reply(reply, purpose)
        self._purse.settle(reservation, name, reply.usage)
        return reply
