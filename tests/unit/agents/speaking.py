"""Agents that talk to a scripted server through the real SDK, with tools that only take notes."""

import threading
from pathlib import Path

from messages_server import MessagesServer

from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.books.money import Price, Prices, Purse
from w2s_studies.agents.models.loop import LanguageAgent
from w2s_studies.agents.models.models import AnthropicModel
from w2s_studies.agents.tools.contract import ToolResult

PRICES = Prices("2026-06", {"claude-test": Price(3.0, 15.0, 0.3, 3.75)})


class Killed(BaseException):
    """What a kill looks like from within."""


class DyingJournal(Journal):
    """Its host is killed right after line `at` was written, or in the middle of writing it."""

    def __init__(self, path: Path, at: int, torn: bool):
        super().__init__(path)
        self.at, self.torn = at, torn

    def append(self, line):
        self.at -= 1
        if self.at == 0 and self.torn:
            with self.path.open("ab") as file:
                file.write(b'{"kind": "rep')
            raise Killed
        super().append(line)
        if self.at == 0:
            raise Killed


class NotingTools:
    """Remembers files and calls; a call with a known id is answered the same and does nothing."""

    schemas = tuple(
        {"name": name, "description": name, "input_schema": {"type": "object"}}
        for name in ("read_file", "write_file", "evaluate", "submit")
    )

    def __init__(self):
        self.files, self.done, self.answers, self.die_in = {}, [], {}, None

    def call(self, name, arguments, call_id):
        if call_id in self.answers:
            return self.answers[call_id]
        if name not in {s["name"] for s in self.schemas}:
            return ToolResult(f"there is no tool {name!r}", is_error=True)
        if not isinstance(arguments, dict) or not all(isinstance(v, str) for v in arguments.values()):
            return ToolResult(f"{name}: the input does not fit", is_error=True)
        self.done.append((name, dict(arguments)))
        if name == self.die_in:
            raise KeyboardInterrupt
        result = self._result(name, arguments)
        if name not in ("read_file", "write_file"):
            self.answers[call_id] = result
        return result

    def _result(self, name, arguments):
        if name == "read_file":
            text = self.files.get(arguments.get("path"))
            return ToolResult("no such file", is_error=True) if text is None else ToolResult(text)
        if name == "write_file":
            self.files[arguments["path"]] = arguments["text"]
        return ToolResult(f"{name}: done")


class Desk:
    """What outlives a kill: journals, tools."""

    def __init__(self, folder: Path, **budget):
        self.folder, self.tools, self.budget = folder, NotingTools(), budget
        self.stop = threading.Event()

    @property
    def lines(self):
        return Journal(self.folder / "transcript.jsonl").read()

    def purse(self, **how):
        return Purse(Journal(self.folder / "money.jsonl"), PRICES, **self.budget, **how)

    def spent(self):
        return self.purse(reading=True).spent("agent-1")

    def agent(self, server: MessagesServer, *, transcript=None, retries=2, context_tokens=200_000, **how):
        model = AnthropicModel("claude-test", server.url, context_tokens=context_tokens, retries=retries)
        how = {"direction": "look at the noise", "max_tokens": 1000, "wait_s": 0.01, **how}
        return LanguageAgent(
            "agent-1", model, self.tools, transcript or Journal(self.folder / "transcript.jsonl"),
            purse=self.purse(), stop=self.stop, **how,
        )  # fmt: skip


def last(request):
    """The content of the last message that was sent."""
    return request["messages"][-1]["content"]


def results(request):
    """The tool results in it."""
    return [b for b in last(request) if b["type"] == "tool_result"]
