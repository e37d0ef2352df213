"""A language model as an agent: paid calls, room in a long conversation, tools, until something ends it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from w2s_harness.contract.errors import HarnessError, ModelError, UsageError
from w2s_harness.contract.studies import (
    AgentModel,
    Block,
    BrokenReplyError,
    ContextExceededError,
    Message,
    Reply,
)
from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.books.money import BudgetReachedError, Purse
from w2s_studies.agents.models import prompts
from w2s_studies.agents.models.conversation import WINDOW, Call, Conversation
from w2s_studies.agents.tools.contract import Toolbox, ToolResult

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


MAX_TOKENS = 8192
"""Of one reply."""
MAX_TURNS = 1000
SAME_CALLS = 3
"""A tool call that is made more often than this in a row is not run."""
STREAKS = {"refused": 3, "cut": 5, "idle": 3, "paused": 10}
"""So many replies of a kind in a row end an agent."""
TOLD_S = (3600.0, 1800.0, 600.0, 180.0)
"""The agent is told the time when so much of it is left."""
_ENDS = {
    "refused": "the model refused to answer",
    "cut": "every reply reached the limit of tokens",
    "idle": "it called no tool any more",
    "paused": "the model paused again and again",
}


class LanguageAgent:
    """One agent: a model, its tools, its transcript. Nothing tells it in which order to work.

    :param stop: ends it between two messages. :param left_s: seconds that it may still work; it is told when
        they run low.

    It goes on from where the transcript ends: no reply that was written is asked again, and a tool call
    without a result is made again with the same id.
    """

    def __init__(
        self,
        who: str,
        model: AgentModel,
        toolbox: Toolbox,
        transcript: Journal,
        direction: str,
        purse: Purse,
        stop: threading.Event,
        *,
        left_s: Callable[[], float] = lambda: float("inf"),
        max_tokens: int = MAX_TOKENS,
        max_turns: int = MAX_TURNS,
        wait_s: float = WAIT_S,
    ) -> None:
        self.who, self._toolbox, self._direction, self._stop = who, toolbox, direction, stop
        self._left_s, self._max_turns = left_s, max_turns
        tools = len(msgspec.json.encode(list(toolbox.schemas)))
        self.talk = Conversation(who, transcript, tools)
        self._max_tokens = min(max_tokens, model.context_tokens // 4)
        self._calls = PaidCalls(model, self.talk, purse, stop, wait_s=wait_s)
        room = int(0.95 * model.context_tokens) - self._max_tokens
        self._compaction = Compaction(self.talk, self._calls, toolbox, room)
        self._result_characters = max(2000, room // 2)

    def run(self) -> str:
        """Work until something ends it; what, in words.

        Raises `ModelError` where the model does not answer: the agent has paused, and goes on when it is run
        again. Raises `UsageError` for a budget under the cost of its first call.
        """
        self._begin()
        try:
            while not self.talk.ended:
                if self._stop.is_set() or self._left_s() <= 0:
                    return "it was stopped"
                self._step()
        except BudgetReachedError as bad:
            if self.talk.turns == 0:
                raise UsageError(f"{self.who}: the budget is too small for one call: {bad}") from bad
            return f"its budget is used up: {bad}"
        except ModelError:
            if self._stop.is_set():
                return "it was stopped"
            raise
        return self.talk.ended

    def _begin(self) -> None:
        if not self.talk.messages:
            text = prompts.first(self._direction)
            self.talk.add({"kind": "start", "system": prompts.SYSTEM, "text": text})
        if self.talk.asked is not None:
            because = "the run was stopped while it was under way"
            self.talk.add({"kind": "lost", "n": self.talk.asked, "because": because})

    def _step(self) -> None:
        """One message: a tool's result, a word of the host's, or a reply of the model."""
        talk = self.talk
        if talk.waiting:
            self._use_tool(talk.waiting[0])
        elif because := self._finished():
            talk.add({"kind": "ended", "because": because})
        elif talk.owed:
            talk.add({"kind": "said", "text": prompts.OWED[talk.owed]})
        elif not self._told_time():
            self._turn()

    def _finished(self) -> str:
        talk = self.talk
        if talk.owed == "done":
            return "it said that it is done"
        if talk.streak >= STREAKS.get(talk.streak_of, talk.streak + 1):
            return f"{_ENDS[talk.streak_of]} ({talk.streak} times in a row)"
        if len(talk.recent) == WINDOW and len(set(talk.recent)) <= 2:
            return f"its last {WINDOW} tool calls were the same one or two"
        return f"it took {self._max_turns} turns" if talk.turns >= self._max_turns else ""

    def _use_tool(self, call: Call) -> None:
        result = self._result(call)
        text, most = result.text, self._result_characters
        if len(text) > most:
            text = text[:most] + prompts.RESULT_CUT.format(size=len(text) - most)
        # a result without a text is refused by the Messages format where it is an error
        line = {"kind": "result", "call": call.id, "text": text or "(nothing)", "is_error": result.is_error}
        self.talk.add(line)

    def _result(self, call: Call) -> ToolResult:
        if call.cut:
            return ToolResult(prompts.CUT_CALL.format(limit=self._max_tokens), is_error=True)
        if self.talk.recent and self.talk.recent[-1] == call.key and self.talk.repeated >= SAME_CALLS:
            return ToolResult(prompts.REPEATED.format(times=self.talk.repeated), is_error=True)
        return self._toolbox.call(call.block["name"], call.arguments, call.id)

    def _told_time(self) -> bool:
        """Tell the agent the time where it runs low; whether it did."""
        left_s = self._left_s()
        if not any(left_s <= mark < self.talk.told_s for mark in TOLD_S):
            return False
        text = prompts.TIME_LEFT.format(minutes=max(1, round(left_s / 60)))
        self.talk.add({"kind": "said", "text": text, "left_s": left_s})
        return True

    def _turn(self) -> None:
        self._compaction.make_room()
        try:
            self._ask()
        except ContextExceededError:
            # the estimate was too low
            self._compaction.make_room(by_force=True)
            self._ask()

    def _ask(self) -> None:
        self._calls.ask(
            "turn",
            system=self.talk.system,
            messages=self.talk.messages,
            tools=self._toolbox.schemas,
            sent=self.talk.tokens_at_most,
            max_tokens=self._max_tokens,
        )
