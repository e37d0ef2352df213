"""The Messages API through the official SDK, against a real server."""

import sys
import threading
import time
from dataclasses import replace

import pytest
from messages_server import MessagesServer, broken, in_stream_error, nonsense, play, say, status, tools

from w2s_harness.contract.errors import ExitCode, ModelError, UsageError
from w2s_harness.contract.studies import BrokenReplyError, ContextExceededError
from w2s_studies.agents.models.models import AnthropicModel

REQUEST = {
    "system": "be brief",
    "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
    "tools": [{"name": "t", "description": "d", "input_schema": {"type": "object"}}],
    "max_tokens": 50,
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch, tmp_path):
    for name in ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    monkeypatch.setenv("HOME", str(tmp_path))


def asked(answers, *, retries=3, silence_s=10.0):
    with MessagesServer(play(answers)) as server:
        model = AnthropicModel("claude-test", server.url, retries=retries, silence_s=silence_s)
        try:
            return server, model.reply(**REQUEST)
        except ModelError as bad:
            return server, bad


def test_a_reply_with_its_tokens_by_kind():
    answer = tools(("t", {"a": [1, {"b": "é"}]}))
    usage = {
        "input_tokens": 7,
        "cache_read_input_tokens": 5,
        "cache_creation_input_tokens": 3,
        "output_tokens": 2,
    }
    server, reply = asked([replace(answer, usage=usage)])
    assert reply.content[1] == {
        "type": "tool_use",
        "id": "toolu_000001",
        "name": "t",
        "input": {"a": [1, {"b": "é"}]},
    }
    assert (reply.stop_reason, reply.model) == ("tool_use", "claude-test")
    assert (reply.usage.input, reply.usage.cache_read, reply.usage.cache_write, reply.usage.output) == (
        7,
        5,
        3,
        2,
    )
    sent = server.headers[0]
    assert "sk-test" in (sent.get("x-api-key"), sent.get("authorization", "").removeprefix("Bearer "))


@pytest.mark.parametrize(("code", "kind"), [(429, "rate_limit_error"), (529, "overloaded_error")])
def test_retry_after_is_obeyed(code, kind):
    started = time.monotonic()
    server, reply = asked([status(code, kind, retry_after="1"), say("ok")])
    assert reply.content[0]["text"] == "ok"
    assert server.at[1] - started >= 1.0
    assert server.answered == 2


@pytest.mark.parametrize("code", [408, 409, 500, 502, 503])
def test_what_passes_is_tried_again(code):
    server, reply = asked([status(code, retry_after="0.01"), say("ok")])
    assert (server.answered, reply.stop_reason) == (2, "end_turn")


def test_tries_are_bounded():
    server, bad = asked([status(529, "overloaded_error", "too many", retry_after="0.01")])
    assert server.answered == 4
    assert "answered 529: too many. Resume when it answers again." in str(bad)
    assert not isinstance(bad, BrokenReplyError)


def test_a_wait_of_hours_is_no_wait():
    server, bad = asked([status(429, "rate_limit_error", retry_after="7200")])
    assert server.answered == 1
    assert "wait 7200 s. Resume then" in str(bad)


@pytest.mark.parametrize(
    ("code", "mend"),
    [(401, "ANTHROPIC_API_KEY"), (403, "ANTHROPIC_API_KEY"), (404, "--model"), (400, "transcript")],
)
def test_what_is_wrong_is_one_line_and_not_tried_again(code, mend):
    server, bad = asked([status(code, "some_error", "two\nlines")])
    assert server.answered == 1
    assert f"answered {code}: two lines" in str(bad)
    assert mend in str(bad)
    assert "\n" not in str(bad)
    assert "sk-test" not in str(bad)


@pytest.mark.parametrize(
    "answer",
    [
        status(400, "invalid_request_error", "prompt is too long: 201000 tokens > 200000 maximum"),
        status(413, "request_too_large", "too large"),
    ],
)
def test_too_long_a_conversation_is_told_apart(answer):
    assert isinstance(asked([answer])[1], ContextExceededError)


@pytest.mark.parametrize("events", range(7))
def test_a_stream_cut_off_anywhere_is_broken(events):
    server, bad = asked([broken(events)])
    assert isinstance(bad, BrokenReplyError)
    assert server.answered == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"event: message_start\ndata: {nonsense\n\n",
        b'event: message_stop\ndata: {"type": "message_stop"}\n\n',
        b'event: content_block_delta\ndata: {"type": "content_block_delta", "index": 4}\n\n',
        b"<html>a proxy's page</html>",
    ],
)
def test_a_stream_that_is_none_is_broken(raw):
    assert isinstance(asked([nonsense(raw)])[1], BrokenReplyError)


def test_errors_within_a_stream():
    assert isinstance(asked([in_stream_error("overloaded_error", "busy")])[1], BrokenReplyError)
    bad = asked([in_stream_error("invalid_request_error", "odd")])[1]
    assert isinstance(bad, ModelError)
    assert not isinstance(bad, BrokenReplyError)


def test_silence_ends_a_call():
    held = threading.Event()
    try:
        started = time.monotonic()
        _, bad = asked([replace(say("late"), wait=held)], retries=0, silence_s=0.3)
        assert "no answer from" in str(bad)
        assert time.monotonic() - started < 5
    finally:
        held.set()


# -- settings -------------------------------------------------------------------------------------------


def test_no_key_is_a_usage_error_that_says_how_to_set_it(monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with pytest.raises(UsageError, match="export ANTHROPIC_API_KEY=") as bad:
        AnthropicModel("claude-test")
    assert bad.value.exit_code is ExitCode.USAGE


def test_a_profile_that_is_not_there_is_told_beside_it(monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("ANTHROPIC_PROFILE", "gone")
    with pytest.raises(UsageError, match=r"export ANTHROPIC_API_KEY=.*gone"):
        AnthropicModel("claude-test")


def test_the_token_of_the_environment_will_do(monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token")
    server, _ = asked([say("ok")])
    assert server.headers[0]["authorization"] == "Bearer token"


def test_the_address_of_the_environment_is_taken_and_the_flag_above_it(monkeypatch):
    with MessagesServer(play([say("ok")])) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        AnthropicModel("claude-test").reply(**REQUEST)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
        AnthropicModel("claude-test", server.url).reply(**REQUEST)
        assert server.answered == 2


def test_an_address_that_is_none_is_refused():
    with pytest.raises(UsageError, match="'localhost:80' is no address"):
        AnthropicModel("claude-test", "localhost:80")


def test_without_the_sdk_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "anthropic", None)
    with pytest.raises(UsageError, match=r"pip install 'w2s-harness\[agent\]'"):
        AnthropicModel("claude-test")
