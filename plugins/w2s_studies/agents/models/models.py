"""The language model that a name means: a plugin's, or one behind the Messages API."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from w2s_harness.contract.errors import HarnessError, ModelError, PluginError, UsageError
from w2s_harness.contract.studies import (
    AgentModel,
    Block,
    BrokenReplyError,
    ContextExceededError,
    Message,
    Reply,
    Usage,
)
from w2s_harness.installed.trusted.plugins import Plugins

if TYPE_CHECKING:
    import anthropic
    from anthropic.lib.streaming import MessageStream

CONTEXT_TOKENS = 200_000
RETRIES = 5
"""Of the SDK: for 408, 409, 429, 5xx and connections that fail, after `retry-after` or a growing wait."""
LONGEST_WAIT_S = 120.0
"""A `retry-after` above this ends the call: the agent would only seem to work."""
SILENCE_S = 180.0
"""Without a byte for so long, a stream counts as broken; the service pings far more often."""
_NO_KEY = "--model needs a key: export ANTHROPIC_API_KEY=... (without --model, plain search needs none)."
_CACHED = {"type": "ephemeral"}
_PASSING = ("overloaded_error", "api_error", "rate_limit_error", "timeout_error")
"""Errors within a stream after which the same request may well be answered."""
_TOO_LONG = ("prompt is too long", "context limit", "context window")


class AnthropicModel:
    """Key and address come from the SDK's environment variables; thread-safe.

    :param base_url: the server's address; None for `ANTHROPIC_BASE_URL`, or else the public service.

    Raises `UsageError` without the SDK, without a key, or for an address that is none.
    """

    def __init__(
        self,
        name: str,
        base_url: str | None = None,
        *,
        context_tokens: int = CONTEXT_TOKENS,
        retries: int = RETRIES,
        silence_s: float = SILENCE_S,
    ) -> None:
        self.name = name
        self.context_tokens = context_tokens
        self._connect = functools.partial(_client, base_url, retries, silence_s)
        with self._connect() as client:
            self._address = str(client.base_url)

    def reply(
        self,
        *,
        system: str,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]],
        max_tokens: int,
    ) -> Reply:
        """One streamed call, its prefix marked for prompt caching; see `studies.AgentModel`."""
        import anthropic

        request: dict[str, Any] = {
            "model": self.name,
            "max_tokens": max_tokens,
            "system": [{"type": "text", "text": system, "cache_control": _CACHED}],
            "messages": _marked(messages),
        }
        if tools:
            request["tools"] = [*tools[:-1], {**tools[-1], "cache_control": _CACHED}]
        try:
            with self._connect() as client, client.messages.stream(**request) as stream:
                return self._read(stream)
        except anthropic.APIStatusError as bad:
            raise self._refused(bad) from bad
        except anthropic.APIConnectionError as bad:
            raise self._unreachable(bad) from bad
        except anthropic.AnthropicError as bad:
            raise ModelError(f"{self.name}: {_line(bad)}") from bad

    def _read(self, stream: MessageStream[None]) -> Reply:
        """The whole answer. Raises `BrokenReplyError` where it ends early or is not in the format."""
        import httpx2

        whole = False
        try:
            for event in stream:
                whole = whole or event.type == "message_stop"
            if whole:
                return _reply(stream.current_message_snapshot)
        except (httpx2.HTTPError, httpx2.StreamError) as bad:
            raise BrokenReplyError(f"{self.name}: the reply broke off: {_line(bad)}") from bad
        except (ValueError, LookupError, RuntimeError, TypeError, AttributeError, AssertionError) as bad:
            # what the SDK makes of events that are out of order, or are no JSON
            raise BrokenReplyError(f"{self.name}: the reply is not in the format: {_line(bad)}") from bad
        raise BrokenReplyError(f"{self.name}: the reply broke off before its end")

    def _refused(self, bad: anthropic.APIStatusError) -> ModelError:
        said = " ".join((bad.api_message or bad.message).split())[:300]
        if bad.status_code < 400:
            kind = BrokenReplyError if bad.type in _PASSING else ModelError
            return kind(f"{self.name}: the reply ended with an error: {said}")
        if bad.status_code == 413 or (bad.status_code == 400 and any(w in said.lower() for w in _TOO_LONG)):
            return ContextExceededError(f"{self.name}: the conversation is too long: {said}")
        return ModelError(f"{self.name}: {self._address} answered {bad.status_code}: {said}. {_mend(bad)}")

    def _unreachable(self, bad: anthropic.APIConnectionError) -> ModelError:
        why = _line(bad.__cause__ or bad)
        return ModelError(
            f"{self.name}: no answer from {self._address}: {why}. "
            "Is the address right (--base-url, ANTHROPIC_BASE_URL)? Resume when it answers."
        )


def _client(base_url: str | None, retries: int, silence_s: float) -> anthropic.Anthropic:
    try:
        import anthropic
    except ImportError as bad:
        raise UsageError("--model needs the SDK: pip install 'w2s-harness[agent]'") from bad
    address = base_url or os.environ.get("ANTHROPIC_BASE_URL") or ""
    if address and not address.startswith(("http://", "https://")):
        raise UsageError(f"'{address}' is no address of a model server. Give one with http:// or https://.")
    import httpx2

    # a connection for each call: agents think for minutes in between
    limits = httpx2.Limits(max_keepalive_connections=0)
    try:
        client = anthropic.Anthropic(
            base_url=base_url,
            http_client=anthropic.DefaultHttpxClient(limits=limits),
            max_retries=retries,
            timeout=anthropic.Timeout(silence_s, connect=10.0),
            middleware=[_patient],
        )
    except (anthropic.AnthropicError, ValueError) as bad:
        raise UsageError(f"{_NO_KEY} The SDK says: {_line(bad)}") from bad
    if client.api_key is None and client.auth_token is None and client.credentials is None:
        client.close()
        raise UsageError(_NO_KEY)
    return client


def _patient(request: Any, call_next: Callable[[Any], Any]) -> Any:
    """Refuse to wait as long as a server asks: the SDK itself would wait for a day."""
    response = call_next(request)
    asked = response.headers.get("retry-after") or ""
    try:
        wait_s = float(asked)
    except ValueError:
        return response
    if response.status_code >= 400 and wait_s > LONGEST_WAIT_S:
        raise ModelError(
            f"the model's server answered {response.status_code}: wait {wait_s:.0f} s. Resume then."
        )
    return response


def _marked(messages: Sequence[Message]) -> list[Message]:
    """The messages with the last two of ours marked: up to there the prefix is kept by the service."""
    ours = [i for i, message in enumerate(messages) if message["role"] == "user"][-2:]
    return [
        {**m, "content": [*m["content"][:-1], {**m["content"][-1], "cache_control": _CACHED}]}
        if i in ours
        else m
        for i, m in enumerate(messages)
    ]


def _reply(message: Any) -> Reply:
    usage = message.usage
    return Reply(
        content=[_block(block) for block in message.content],
        stop_reason=str(message.stop_reason),
        usage=Usage(
            input=int(usage.input_tokens or 0),
            output=int(usage.output_tokens or 0),
            cache_read=int(usage.cache_read_input_tokens or 0),
            cache_write=int(usage.cache_creation_input_tokens or 0),
        ),
        model=str(message.model),
    )


def _block(block: Any) -> Block:
    """As it is sent back: of texts and calls only what a request may hold."""
    if block.type == "text":
        return {"type": "text", "text": block.text}
    if block.type == "tool_use":
        return {"type": "tool_use", "id": block.id, "name": block.name, "input": block.input}
    return cast("Block", block.model_dump(mode="json", exclude_unset=True))


def _mend(bad: anthropic.APIStatusError) -> str:
    if bad.status_code in (401, 403):
        return "Check ANTHROPIC_API_KEY."
    if bad.status_code == 404:
        return "Check --model and --base-url."
    if bad.status_code == 402:
        return "Check the account's credit, then resume."
    if bad.status_code == 429 or bad.status_code >= 500:
        return "Resume when it answers again."
    return "The request was refused as it is; see the transcript."


def _line(bad: BaseException) -> str:
    return f"{type(bad).__name__}: {' '.join(str(bad).split())[:200]}"


def of(name: str, base_url: str | None, plugins: Plugins) -> AgentModel:
    """The model called `name`: of a loaded plugin, else through the official SDK.

    Raises `UsageError` for a missing key or SDK, `PluginError` for a plugin that breaks the contract or for
    two that offer the same name.
    """
    offers = _offers(plugins)
    if name not in offers:
        return AnthropicModel(name, base_url)
    plugin, make = offers[name]
    try:
        model = make(base_url)
    except HarnessError:
        raise
    except Exception as bad:
        raise PluginError(f"plugin '{plugin}': the model '{name}': {type(bad).__name__}: {bad}") from bad
    context = getattr(model, "context_tokens", None)
    if not callable(getattr(model, "reply", None)) or not isinstance(context, int) or context < 1:
        raise PluginError(
            f"plugin '{plugin}': the model '{name}' needs reply(...) and context_tokens above 0"
        )
    return _PluginModel(plugin, name, context, model)


def _offers(plugins: Plugins) -> dict[str, tuple[str, Callable[[str | None], Any]]]:
    found: dict[str, tuple[str, Callable[[str | None], Any]]] = {}
    for impl in plugins.hook.w2s_agent_models.get_hookimpls():
        answer = impl.function()
        if not isinstance(answer, Mapping) or not all(callable(make) for make in answer.values()):
            raise PluginError(
                f"plugin '{impl.plugin_name}': w2s_agent_models() must return a mapping of names to "
                f"functions, not {answer!r}"
            )
        for name, make in answer.items():
            other, _ = found.setdefault(name, (impl.plugin_name, make))
            if other != impl.plugin_name:
                raise PluginError(
                    f"the plugins '{other}' and '{impl.plugin_name}' both offer the model '{name}'. "
                    "Switch one off (-p no:NAME)."
                )
    return found


class _PluginModel:
    """A plugin's model, with whatever it raises turned into one line that names the plugin."""

    def __init__(self, plugin: str, name: str, context_tokens: int, model: AgentModel) -> None:
        self.name, self.context_tokens = name, context_tokens
        self._plugin, self._model = plugin, model

    def reply(self, **request: Any) -> Reply:
        """See `studies.AgentModel`. Raises `PluginError` beside what that names."""
        try:
            reply = self._model.reply(**request)
        except HarnessError:
            raise
        except Exception as bad:
            what = f"reply() raised {type(bad).__name__}: {bad}"
            raise PluginError(f"plugin '{self._plugin}': {what}") from bad
        if not isinstance(reply, Reply):
            raise PluginError(f"plugin '{self._plugin}': reply() must return a Reply, not {reply!r:.100}")
        return reply
