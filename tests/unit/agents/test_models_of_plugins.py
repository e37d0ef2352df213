"""Language models that plugins offer."""

import pytest
from messages_server import MessagesServer, play, say

from w2s_harness.contract.errors import ModelError, PluginError
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_studies.agents.models import models
from w2s_studies.agents.models.models import AnthropicModel

PLUGIN = """
from w2s_harness import ModelError, Reply, Usage, hookimpl


class Echo:
    context_tokens = 1000

    def __init__(self, url):
        self.url = url

    def reply(self, *, system, messages, tools, max_tokens):
        {body}
        return Reply(content=[{{"type": "text", "text": str(self.url)}}], stop_reason="end_turn",
                     usage=Usage(input=1, output=2), model="echo-1")


@hookimpl
def w2s_agent_models():
    return {offer}
"""
REQUEST = {"system": "", "messages": [], "tools": [], "max_tokens": 5}


def plugins(tmp_path, *, body="pass", offer='{"echo": Echo}', names=("mine",)):
    made = Plugins()
    for name in names:
        (tmp_path / f"{name}.py").write_text(PLUGIN.format(body=body, offer=offer))
        made.switch(str(tmp_path / f"{name}.py"))
    return made


def test_a_plugin_s_model_is_made_with_the_address(tmp_path):
    model = models.of("echo", "http://here", plugins(tmp_path))
    assert (model.name, model.context_tokens) == ("echo", 1000)
    reply = model.reply(**REQUEST)
    assert (reply.content[0]["text"], reply.usage.output) == ("http://here", 2)


def test_another_name_goes_through_the_sdk(tmp_path, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    with MessagesServer(play([say("ok")])) as server:
        model = models.of("claude-test", server.url, plugins(tmp_path))
    assert isinstance(model, AnthropicModel)


@pytest.mark.parametrize("offer", ["['echo']", "{'echo': 3}", "None"])
def test_an_answer_that_is_no_mapping_names_the_plugin(tmp_path, offer):
    with pytest.raises(PluginError, match=r"plugin 'mine': w2s_agent_models\(\) must return a mapping"):
        models.of("echo", None, plugins(tmp_path, offer=offer))


def test_two_plugins_with_one_name(tmp_path):
    with pytest.raises(PluginError, match="both offer the model 'echo'"):
        models.of("echo", None, plugins(tmp_path, names=("mine", "yours")))


def test_what_a_model_raises_is_one_line_that_names_the_plugin(tmp_path):
    model = models.of("echo", None, plugins(tmp_path, body="raise KeyError('x')"))
    with pytest.raises(PluginError, match=r"plugin 'mine': reply\(\) raised KeyError"):
        model.reply(**REQUEST)
    model = models.of("echo", None, plugins(tmp_path, body="raise ModelError('gone')", names=("other",)))
    with pytest.raises(ModelError, match="gone"):
        model.reply(**REQUEST)


def test_an_answer_that_is_no_reply(tmp_path):
    model = models.of("echo", None, plugins(tmp_path, body="return 'hello'"))
    with pytest.raises(PluginError, match=r"reply\(\) must return a Reply, not 'hello'"):
        model.reply(**REQUEST)


@pytest.mark.parametrize("offer", ["{'echo': lambda url: object()}", "{'echo': lambda url: 1 / 0}"])
def test_a_model_that_is_none(tmp_path, offer):
    with pytest.raises(PluginError, match="plugin 'mine': the model 'echo'"):
        models.of("echo", None, plugins(tmp_path, offer=offer))
