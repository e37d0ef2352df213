"""The language model that a name means: a plugin's, or one behind the Messages API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from w2s_harness.contract.errors import HarnessError, PluginError
from w2s_harness.contract.studies.dialogue import AgentModel, Message, Reply
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_studies.agents.models.anthropic_model import AnthropicModel


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

    def reply(
        self,
        *,
        system: str,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]],
        max_tokens: int,
    ) -> Reply:
        """See `dialogue.AgentModel`. Raises `PluginError` beside what that names."""
        try:
            reply = self._model.reply(system=system, messages=messages, tools=tools, max_tokens=max_tokens)
        except HarnessError:
            raise
        except Exception as bad:
            what = f"reply() raised {type(bad).__name__}: {bad}"
            raise PluginError(f"plugin '{self._plugin}': {what}") from bad
        if not isinstance(reply, Reply):
            raise PluginError(f"plugin '{self._plugin}': reply() must return a Reply, not {reply!r:.100}")
        return reply
