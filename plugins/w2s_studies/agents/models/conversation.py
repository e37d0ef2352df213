"""A conversation between an agent and its model, as the lines of its transcript make it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from w2s_harness.contract.studies import Block, Message, Reply, Usage
from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.models import prompts

WINDOW = 16
"""Tool calls that are looked back on for an endless loop."""
_FRAME_TOKENS = 1024
"""For what the service itself puts around system prompt, tools and messages."""
_NO_NAME = re.compile(r"[^a-zA-Z0-9_-]")
"""What a tool's name may not hold when it is sent back."""
_CUT = ("max_tokens", "model_context_window_exceeded")


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that waits for its result."""

    id: str
    """For the toolbox: of this agent, this reply and its place in it, so no provider's id repeats it."""
    block: Block
    """As it is sent back."""
    arguments: Any
    """As the model gave them."""
    cut: bool = False
    """The reply ended in the middle of it."""

    @property
    def key(self) -> str:
        """The same for the same call."""
        body = msgspec.json.encode([self.block["name"], self.arguments], order="deterministic")
        return body.decode()


class Conversation:
    """State that is only ever changed by a line of the transcript, which is on the disk before it counts.

    So a run that is resumed stands where the lines end. Lines are of the kinds `start`, `said` (by the host),
    `asked` (a paid call begins), `reply`, `lost` (its answer never came), `unpaid` (it was refused), `result`
    (of a tool), `dropped` and `compacted` (room was made), `ended`.
    """

    def __init__(self, who: str, journal: Journal, tools_bytes: int = 0) -> None:
        """`tools_bytes`: of the tools' schemas, which every turn sends."""
        self.who, self._journal, self._tools_bytes = who, journal, tools_bytes
        self.system = self._opening = ""
        self.ended = ""
        """Why the agent is finished; empty while it is not."""
        self.owed = ""
        """What the host has to say after the last reply, by its name in `prompts.OWED`; or `done`."""
        self.summary: str | None = None
        """Of older turns, paid for and not yet put in their place."""
        self.messages: list[Message] = []
        self.waiting: deque[Call] = deque()
        """Tool calls of the last reply that have no result."""
        self.asked: int | None = None
        """The number of a paid call whose answer is not there."""
        self.calls = 0
        """Paid calls so far, lost ones included."""
        self.turns = 0
        self.streak, self.streak_of = 0, ""
        """How many replies in a row were `idle`, `cut`, `refused` or `paused`."""
        self.told_s = float("inf")
        """The time left that the agent was last told, in seconds."""
        self.overflown = False
        self.recent: deque[str] = deque(maxlen=WINDOW)
        """The keys of the last tool calls."""
        self.repeated = 0
        """How often in a row the last tool call was made."""
        self._measured = self._added = self._removed = 0
        self._ids: set[str] = set()
        for line in journal.read():
            self._take(line)

    def add(self, line: Mapping[str, Any]) -> None:
        """Write a line down, then act on it. Raises `StoreError`."""
        self._journal.append(line)
        self._take(line)

    def add_reply(self, reply: Reply, purpose: str) -> None:
        """Write down what the model answered to the call at hand; `purpose` is `turn` or `summary`."""
        self.add(
            {
                "kind": "reply", "n": self.asked, "purpose": purpose, "content": list(reply.content),
                "stop_reason": reply.stop_reason, "usage": msgspec.to_builtins(reply.usage),
                "model": reply.model,
            }
        )  # fmt: skip

    @property
    def tokens(self) -> int:
        """An estimate of what the next turn sends: as last counted, and a third of the bytes since.

        Of what was removed since, a quarter.
        """
        return max(0, self._measured + self._unmeasured // 3 - self._removed // 4)

    @property
    def tokens_at_most(self) -> int:
        """How many tokens the next turn can send: as last counted; no token of the rest is under a byte."""
        return self._measured + self._unmeasured + _FRAME_TOKENS

    @property
    def _unmeasured(self) -> int:
        """Bytes that no reply has counted."""
        return self._added + (0 if self._measured else self._tools_bytes + len(self.system.encode()))

    # -- lines ------------------------------------------------------------------------------------------

    def _take(self, line: Mapping[str, Any]) -> None:
        kind = "over" if line["kind"] in ("lost", "unpaid") else line["kind"]
        getattr(self, f"_{kind}")(line)

    def _start(self, line: Mapping[str, Any]) -> None:
        self.system, self._opening = line["system"], line["text"]
        self._user({"type": "text", "text": line["text"]})

    def _said(self, line: Mapping[str, Any]) -> None:
        self.owed = ""
        self.told_s = line.get("left_s", self.told_s)
        self._user({"type": "text", "text": line["text"]})

    def _asked(self, line: Mapping[str, Any]) -> None:
        self.asked, self.calls = line["n"], line["n"] + 1

    def _over(self, line: Mapping[str, Any]) -> None:
        self.asked = None

    def _ended(self, line: Mapping[str, Any]) -> None:
        self.ended = line["because"]

    def _reply(self, line: Mapping[str, Any]) -> None:
        self.asked = None
        # the Messages format refuses texts of blanks
        content = [b for b in line["content"] if b["type"] != "text" or b["text"].strip()]
        if line["purpose"] == "summary":
            texts = [b["text"] for b in content if b["type"] == "text" and line["stop_reason"] != "refusal"]
            self.summary = "\n".join(texts) or prompts.NO_SUMMARY
            return
        self.turns += 1
        usage = msgspec.convert(line["usage"], Usage)
        self._measured = usage.input + usage.cache_read + usage.cache_write
        self._added = self._removed = 0
        stop = line["stop_reason"]
        self.overflown = stop == "model_context_window_exceeded"
        if stop == "refusal":
            self._count("refused")
            self.owed = "refused"
            return
        self._measured += usage.output
        self._answered(content, stop, line["n"])

    def _answered(self, content: list[Block], stop: str, n: int) -> None:
        last = len(content) - 1 if stop in _CUT else -1
        self.waiting.clear()
        for k, block in enumerate(content):
            if block["type"] == "tool_use":
                arguments, name = block["input"], _NO_NAME.sub("_", str(block["name"]))[:64] or "_"
                own = self._own_id(block.get("id"), n, k)
                block |= {"id": own, "name": name, "input": arguments if isinstance(arguments, dict) else {}}
                self.waiting.append(Call(f"{self.who}/{n}/{k}", block, arguments, k == last))
        uses = bool(self.waiting)
        if content:
            self._append("assistant", content)
        paused = stop == "pause_turn" and bool(content)
        kind = "cut" if stop in _CUT else "paused" if paused else "" if uses else "idle"
        self._count(kind)
        self.owed = "" if uses or paused else kind
        texts = "".join(block["text"] for block in content if block["type"] == "text")
        if self.owed == "idle" and texts.strip().rstrip(".") == prompts.DONE:
            self.owed = "done"

    def _result(self, line: Mapping[str, Any]) -> None:
        call = self.waiting.popleft()
        self.repeated = self.repeated + 1 if self.recent and self.recent[-1] == call.key else 1
        self.recent.append(call.key)
        block = {"type": "tool_result", "tool_use_id": call.block["id"], "content": line["text"]}
        self._user({**block, "is_error": True} if line["is_error"] else block)

    def _dropped(self, line: Mapping[str, Any]) -> None:
        ids = set(line["ids"])
        for message in self.messages:
            for block in message["content"]:
                if block["type"] == "tool_result" and block["tool_use_id"] in ids:
                    self._removed += len(block["content"])
                    block["content"] = prompts.DROPPED.format(size=len(block["content"]))

    def _compacted(self, line: Mapping[str, Any]) -> None:
        summary = prompts.SUMMARISED.format(summary=line["summary"])
        texts = [self._opening, summary, prompts.notebook(line["notebook"])]
        opening = {"role": "user", "content": [{"type": "text", "text": text} for text in texts]}
        self.messages = [opening, *self.messages[line["keep"] :]]
        self.summary, self.overflown = None, False
        self._measured, self._added, self._removed = 0, len(msgspec.json.encode(self.messages)), 0

    # -- messages ---------------------------------------------------------------------------------------

    def _user(self, block: Block) -> None:
        self._append("user", [block])
        self._added += len(msgspec.json.encode(block))

    def _append(self, role: str, content: list[Block]) -> None:
        if self.messages and self.messages[-1]["role"] == role:
            self.messages[-1]["content"].extend(content)
        else:
            self.messages.append({"role": role, "content": list(content)})

    def _own_id(self, given: object, n: int, k: int) -> str:
        """The provider's id, or one of ours where that is none or was there before."""
        own = given if isinstance(given, str) and given and given not in self._ids else f"call_{n}_{k}"
        self._ids.add(own)
        return own

    def _count(self, kind: str) -> None:
        self.streak = self.streak + 1 if kind and kind == self.streak_of else int(bool(kind))
        self.streak_of = kind
