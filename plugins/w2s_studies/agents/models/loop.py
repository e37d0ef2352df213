"""A language model as an agent: it is asked, its tool calls are run, until something ends it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from w2s_harness.contract.errors import ModelError, UsageError
from w2s_harness.contract.studies import AgentModel, ContextExceededError
from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.books.money import BudgetReachedError, Purse
from w2s_studies.agents.models import prompts
from w2s_studies.agents.models.calling import WAIT_S, Compaction, PaidCalls
from w2s_studies.agents.models.conversation import WINDOW, Call, Conversation
from w2s_studies.agents.tools.contract import Toolbox, ToolResult

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
        self.talk.add({"kind": "said", "text": prompts.time_left(left_s), "left_s": left_s})
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
