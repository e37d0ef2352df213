"""Paid calls to a model, and room in a conversation that grows long."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from w2s_harness.contract.errors import HarnessError, ModelError
from w2s_harness.contract.studies import (
    AgentModel,
    Block,
    BrokenReplyError,
    ContextExceededError,
    Message,
    Reply,
)
from w2s_studies.agents.books.money import Purse
from w2s_studies.agents.models import prompts
from w2s_studies.agents.models.conversation import Conversation
from w2s_studies.agents.tools.contract import Toolbox

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

    def ask(self, purpose: str, *, sent: int, max_tokens: int, **request: Any) -> Reply:
        """The answer, written down before it is returned; `sent` bounds the tokens of the question.

        :param request: what `AgentModel.reply` takes beside `max_tokens`.

        Raises `BudgetReachedError` before a call that could pass a budget, `ModelError` for one that has no
        answer after all tries.
        """
        for again in range(TRIES):
            try:
                return self._try(purpose, min(sent, self.model.context_tokens), max_tokens, request)
            except BrokenReplyError as bad:
                if again == TRIES - 1:
                    raise ModelError(f"{bad} ({TRIES} times). Resume later.") from bad
                if self._stop.wait(self._wait_s * 2**again):
                    raise
        raise AssertionError

    def _try(self, purpose: str, sent: int, max_tokens: int, request: Mapping[str, Any]) -> Reply:
        talk, name = self._talk, self.model.name
        reservation = self._purse.reserve(talk.who, name, sent, max_tokens)
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


KEPT_RESULTS = 6
"""The last tool results are not dropped."""
SHORT = 300
"""Characters of a result that is not worth dropping."""
ENOUGH = 0.6
"""Share of the room that may be full after results were dropped; above it older turns are summed up."""
TAIL = 0.25
"""Share of the room that the turns kept as they are may fill."""
TAIL_MESSAGES = 8
SUMMARY_TOKENS = 2000
_BLOCK = 1500
"""Characters of one block that the summary is made from."""


class Compaction:
    """Keeps a conversation within the context window of its model.

    :param room: how many tokens a turn may send, by the conversation's estimate.
    """

    def __init__(self, talk: Conversation, calls: PaidCalls, toolbox: Toolbox, room: int) -> None:
        self._talk, self._calls, self._toolbox, self._room = talk, calls, toolbox, room

    def make_room(self, *, by_force: bool = False) -> None:
        """Do what is needed before the next turn; by force, sum up even where the estimate says it fits.

        It may cost one call. Raises as `PaidCalls.ask`.
        """
        talk = self._talk
        by_force = by_force or talk.overflown or talk.summary is not None
        if not by_force and talk.tokens <= self._room:
            return
        dropped = self._drop()
        if by_force or talk.tokens > ENOUGH * self._room:
            self._sum_up()
        elif dropped:
            talk.add({"kind": "said", "text": prompts.notebook(self._notebook())})

    def _drop(self) -> bool:
        """Drop the content of old tool results; whether there were any."""
        results = [
            block
            for message in self._talk.messages
            for block in message["content"]
            if block["type"] == "tool_result"
        ]
        old = [block["tool_use_id"] for block in results[:-KEPT_RESULTS] if len(block["content"]) > SHORT]
        if old:
            self._talk.add({"kind": "dropped", "ids": old})
        return bool(old)

    def _sum_up(self) -> None:
        talk = self._talk
        keep = _tail(talk.messages, int(TAIL * self._room * 3))
        if talk.summary is None:
            self._ask(talk.messages[:keep])
        summary = talk.summary or prompts.NO_SUMMARY
        talk.add({"kind": "compacted", "keep": keep, "summary": summary, "notebook": self._notebook()})

    def _ask(self, messages: Sequence[Message]) -> None:
        """Have older turns summed up; the answer stands in the conversation's `summary`."""
        # the end of it, where even that is too long: the work at hand
        text = _rendered(messages)[-2 * self._room :]
        try:
            self._calls.ask(
                "summary",
                system=prompts.SUMMARY,
                messages=[{"role": "user", "content": [{"type": "text", "text": text}]}],
                tools=(),
                sent=len(text.encode()) + len(prompts.SUMMARY) + 1024,
                max_tokens=min(SUMMARY_TOKENS, max(256, self._room // 8)),
            )
        except ContextExceededError:
            # the conversation has to go on, and the notebook still stands
            return

    def _notebook(self) -> str:
        """By the tool, which refuses whatever lies outside of the workspace; empty where there is none."""
        call = f"{self._talk.who}/notebook/{self._talk.calls}"
        found = self._toolbox.call("read_file", {"path": prompts.NOTEBOOK}, call)
        if found.is_error:
            return ""
        most = self._room // 2
        return found.text if len(found.text) <= most else found.text[:most] + prompts.RESULT_CUT.format(
            size=len(found.text) - most
        )  # fmt: skip


def _tail(messages: Sequence[Message], most: int) -> int:
    """Where the last turns begin that fit into `most` bytes: at a reply, so no result is without its call."""
    keep, size = len(messages), 0
    for i in range(len(messages) - 1, max(0, len(messages) - 1 - TAIL_MESSAGES), -1):
        size += len(msgspec.json.encode(messages[i]))
        if size > most:
            break
        if messages[i]["role"] == "assistant":
            keep = i
    return keep


def _rendered(messages: Sequence[Message]) -> str:
    parts = []
    for message in messages:
        for block in message["content"]:
            text = _text(block)
            cut = text if len(text) <= _BLOCK else f"{text[:_BLOCK]} [...]"
            parts.append(f"{'agent' if message['role'] == 'assistant' else 'host'}: {cut}")
    return "\n\n".join(parts)


def _text(block: Block) -> str:
    if block["type"] == "text":
        return str(block["text"])
    if block["type"] == "tool_use":
        return f"calls {block['name']} with {msgspec.json.encode(block['input']).decode()}"
    if block["type"] == "tool_result":
        return f"{'error' if block.get('is_error') else 'result'}: {block['content']}"
    return f"({block['type']})"
