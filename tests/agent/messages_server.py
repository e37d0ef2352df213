"""A server on the loopback that speaks the Messages wire format, streaming included, and plays a script.

    with MessagesServer(play([tool("read_file", path="a.py"), say("DONE")])) as server:
        AnthropicModel("claude-test", server.url)

A script is a function of the request (its JSON) and of how many requests came before; it answers with what
`say`, `tool`, `tools`, `status`, `broken`, `in_stream_error` or `nonsense` make.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Answer:
    """What one request gets."""

    content: Sequence[Mapping[str, Any]] = ()
    stop: str = "end_turn"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    error: tuple[str, str] | None = None
    """Type and message, as the body of a status or as an event within the stream."""
    events: int | None = None
    """The stream is cut off after so many events; None for all."""
    usage: Mapping[str, int] = field(default_factory=dict)
    raw: bytes | None = None
    """Sent instead of the events."""
    wait: threading.Event | None = None
    """The answer is held back until it is set."""


Script = Callable[[Mapping[str, Any], int], Answer]


def say(text: str, stop: str = "end_turn", **usage: int) -> Answer:
    """A reply that is a text."""
    return Answer([{"type": "text", "text": text}], stop, usage=usage)


def tool(name: str, /, **arguments: Any) -> Answer:
    """A reply that calls a tool."""
    return tools((name, arguments))


def tools(*calls: tuple[str, Any], stop: str = "tool_use", ids: Sequence[str] = ()) -> Answer:
    """A reply that calls several; the server numbers them where no ids are given."""
    blocks = [
        {"type": "tool_use", "id": ids[k] if ids else "", "name": name, "input": arguments}
        for k, (name, arguments) in enumerate(calls)
    ]
    return Answer([{"type": "text", "text": "I go on."}, *blocks], stop)


def status(code: int, kind: str = "api_error", message: str = "no", **headers: str) -> Answer:
    """A refusal, such as `status(429, "rate_limit_error", retry_after="1")`."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Answer(status=code, error=(kind, message), headers=named)


def broken(events: int, answer: Answer | None = None) -> Answer:
    """A stream that is cut off after so many events."""
    return replace(answer or say("this is never seen whole"), events=events)


def in_stream_error(kind: str, message: str, events: int = 3) -> Answer:
    """An error event in the middle of a stream."""
    return replace(say("half"), events=events, error=(kind, message))


def nonsense(raw: bytes) -> Answer:
    """A body that is no event stream of messages."""
    return Answer(raw=raw)


def play(answers: Sequence[Answer]) -> Script:
    """One answer after the other; the last one again and again."""
    return lambda request, n: answers[min(n, len(answers) - 1)]


class MessagesServer:
    """Serves while its `with` block lasts; `requests` and `headers` are what it was sent."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.at: list[float] = []
        """Seconds on a clock at which requests came."""
        self.lock = threading.Lock()
        self.tool_uses = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.owner = self  # type: ignore[attr-defined]

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def answered(self) -> int:
        """How many requests came."""
        return len(self.requests)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *bad: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def numbered(self, content: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Content with an id for each tool call that has none."""
        out = []
        for block in content:
            if block["type"] == "tool_use" and not block["id"]:
                with self.lock:
                    self.tool_uses += 1
                    block = {**block, "id": f"toolu_{self.tool_uses:06d}"}
            out.append(dict(block))
        return out


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *what: object) -> None:
        return

    def do_POST(self) -> None:
        owner: MessagesServer = self.server.owner  # type: ignore[attr-defined]
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with owner.lock:
            n = owner.answered
            owner.requests.append(request)
            owner.headers.append({k.lower(): v for k, v in self.headers.items()})
            owner.at.append(time.monotonic())
        if self.path.split("?")[0] == "/v1/messages":
            answer = _refusal(request) or owner.script(request, n)
        else:
            answer = status(404, "not_found_error", self.path)
        if answer.wait is not None:
            answer.wait.wait(30)
        try:
            self._answer(answer, owner.numbered(answer.content), request)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer(self, answer: Answer, content: list[dict[str, Any]], request: Mapping[str, Any]) -> None:
        if answer.status != 200:
            kind, message = answer.error or ("api_error", "no")
            body = json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()
            sizes = {"content-length": str(len(body))}
            self._head(answer.status, "application/json", {**answer.headers, **sizes})
            self.wfile.write(body)
            return
        self._head(200, "text/event-stream", {**answer.headers, "transfer-encoding": "chunked"})
        if answer.raw is not None:
            self._chunk(answer.raw)
            self._chunk(b"")
            return
        events = _events(answer, content, request["model"], len(json.dumps(request)) // 4)
        for event in events[: answer.events]:
            self._chunk(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        if answer.events is None or answer.error is not None:
            self._chunk(b"")
        else:
            self.close_connection = True

    def _head(self, code: int, kind: str, headers: Mapping[str, str]) -> None:
        self.send_response(code)
        self.send_header("content-type", kind)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _chunk(self, body: bytes) -> None:
        self.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n")
        self.wfile.flush()


def _refusal(request: Mapping[str, Any]) -> Answer | None:
    """What the service itself would not take: so that agents are held to the format."""
    calls: list[str] = []
    for i, message in enumerate(request["messages"]):
        if message["role"] != ("user", "assistant")[i % 2] or not message["content"]:
            return _invalid(f"messages.{i}: roles must alternate, none may be empty")
        results = [b["tool_use_id"] for b in message["content"] if b["type"] == "tool_result"]
        if results != calls:
            return _invalid(f"messages.{i}: tool_use {calls} without their results")
        if any(b["type"] == "text" and not b["text"].strip() for b in message["content"]):
            return _invalid(f"messages.{i}: text must not be blank")
        calls = [b["id"] for b in message["content"] if b["type"] == "tool_use"]
    return None


def _invalid(message: str) -> Answer:
    return status(400, "invalid_request_error", message)


def _events(answer: Answer, content: list[dict[str, Any]], model: str, sent: int) -> list[dict[str, Any]]:
    none = {"cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
    usage = {"input_tokens": sent, **none, **answer.usage}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}}  # fmt: skip
    events: list[dict[str, Any]] = [{"type": "message_start", "message": head}, {"type": "ping"}]
    for index, block in enumerate(content):
        events += _block_events(index, block)
    out = {"output_tokens": usage.get("output_tokens", max(1, len(json.dumps(content)) // 4))}
    delta = {"stop_reason": answer.stop, "stop_sequence": None}
    events += [{"type": "message_delta", "delta": delta, "usage": out}, {"type": "message_stop"}]
    if answer.error is not None:
        kind, message = answer.error
        error = {"type": "error", "error": {"type": kind, "message": message}}
        events = [*events[: (answer.events or 0) - 1], error]
    return events


def _block_events(index: int, block: Mapping[str, Any]) -> list[dict[str, Any]]:
    if block["type"] == "tool_use":
        start: dict[str, Any] = {**block, "input": {}}
        text = block["input"] if isinstance(block["input"], str) else json.dumps(block["input"])
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in _parts(text)]
    else:
        start = {**block, "text": ""}
        deltas = [{"type": "text_delta", "text": part} for part in _parts(block["text"])]
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _parts(text: str) -> list[str]:
    size = max(1, len(text) // 3)
    return [text[i : i + size] for i in range(0, len(text), size)]
