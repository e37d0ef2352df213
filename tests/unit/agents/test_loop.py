"""Agents on a real HTTP server, through the real SDK."""

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from messages_server import MessagesServer, broken, play, say, tool, tools
from speaking import Desk, DyingJournal, Killed, last, results

from w2s_harness.contract.errors import ModelError, UsageError
from w2s_studies.agents.models import prompts

DONE = say("DONE")


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    for name in ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


HONEST = [
    tool("write_file", path="m.py", text="x"),
    tools(("read_file", {"path": "m.py"}), ("evaluate", {"method_file": "m.py"})),
    tool("submit", method_file="m.py"),
    DONE,
]


def test_an_honest_agent_works_through_several_tools(desk):
    with MessagesServer(play(HONEST)) as server:
        assert desk.agent(server).run() == "it said that it is done"
    assert [name for name, _ in desk.tools.done] == ["write_file", "read_file", "evaluate", "submit"]
    assert [r["content"] for r in results(server.requests[2])] == ["x", "evaluate: done"]
    first = server.requests[0]
    assert "look at the noise" in first["messages"][0]["content"][0]["text"]
    assert first["stream"] is True
    assert first["max_tokens"] == 1000


def test_the_prefix_stays_the_same_and_is_marked_for_the_cache(desk):
    def bare(message):
        return [{k: v for k, v in block.items() if k != "cache_control"} for block in message["content"]]

    with MessagesServer(play(HONEST)) as server:
        desk.agent(server).run()
    for before, after in zip(server.requests, server.requests[1:], strict=False):
        assert (before["system"], before["tools"]) == (after["system"], after["tools"])
        kept = after["messages"][: len(before["messages"])]
        assert [bare(m) for m in before["messages"]] == [bare(m) for m in kept]
    for request in server.requests:
        assert request["system"][0]["cache_control"] == request["tools"][-1]["cache_control"]
        assert "cache_control" in last(request)[-1]
        assert str(request).count("cache_control") <= 4


def test_every_message_is_written_before_it_is_acted_on(desk):
    seen = []

    def script(request, n):
        seen.append([line["kind"] for line in desk.lines])
        return HONEST[n]

    with MessagesServer(script) as server:
        desk.agent(server).run()
    assert seen[0] == ["start", "asked"]
    assert seen[1] == ["start", "asked", "reply", "result", "asked"]
    assert [line["kind"] for line in desk.lines][-2:] == ["reply", "ended"]


def test_what_it_costs_is_set_aside_and_settled(desk):
    with MessagesServer(play([say("DONE", input_tokens=1000, output_tokens=200)])) as server:
        desk.agent(server).run()
    assert desk.spent().tokens_usd == pytest.approx((1000 * 3 + 200 * 15) / 1e6)
    assert desk.spent().lost_usd == 0
    asked = next(line for line in desk.lines if line["kind"] == "asked")
    assert asked["usd"] > desk.spent().tokens_usd


def test_a_call_that_could_pass_the_budget_is_not_made(tmp_path):
    desk = Desk(tmp_path, budget=0.06)
    reading = play([tools(("read_file", {"path": str(n)})) for n in range(50)])
    with MessagesServer(reading) as server:
        why = desk.agent(server).run()
        assert "could pass the budget of $0.06" in why
        assert 1 < server.answered < 50
        assert desk.spent().usd <= 0.06
        assert desk.lines[-1]["kind"] == "result"


def test_a_budget_under_one_call_is_a_usage_error(tmp_path):
    with MessagesServer(play([DONE])) as server:
        with pytest.raises(UsageError, match="too small for one call"):
            Desk(tmp_path, budget=0.001).agent(server).run()
        assert server.answered == 0


# -- what models do wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("no_such_tool", {}), ("no such tool!", {}), ("evaluate", {"method_file": 3}), ("evaluate", [1, 2])],
)
def test_a_malformed_call_is_an_error_that_the_agent_is_told(desk, name, arguments):
    with MessagesServer(play([tools((name, arguments)), DONE])) as server:
        assert desk.agent(server).run() == "it said that it is done"
    (result,) = results(server.requests[1])
    assert result["is_error"]
    assert desk.tools.done == []
    sent = server.requests[1]["messages"][1]["content"][-1]
    assert isinstance(sent["input"], dict)
    assert sent["name"].replace("_", "").isalnum()


def test_input_that_is_no_json_is_asked_again_and_the_lost_reply_is_paid(desk):
    with MessagesServer(play([tools(("evaluate", '{"method_file": nonsense}')), DONE])) as server:
        assert desk.agent(server).run() == "it said that it is done"
        assert server.answered == 2
    assert [line["kind"] for line in desk.lines] == ["start", "asked", "lost", "asked", "reply", "ended"]
    assert desk.spent().lost_usd > 0


def test_the_same_call_for_ever_is_not_run_and_ends_the_agent(desk):
    with MessagesServer(play([tool("evaluate", method_file="m.py")])) as server:
        assert "the same one or two" in desk.agent(server).run()
        assert server.answered == 16
    assert len(desk.tools.done) == 3
    assert "3 times in a row" in results(server.requests[4])[0]["content"]


def test_two_calls_in_turn_for_ever_end_the_agent(desk):
    def script(request, n):
        return tool("read_file", path="ab"[n % 2])

    with MessagesServer(script) as server:
        assert "the same one or two" in desk.agent(server).run()


def test_an_agent_that_never_ends_is_ended_by_its_turns(desk):
    with MessagesServer(lambda request, n: tool("read_file", path=str(n))) as server:
        assert desk.agent(server, max_turns=25).run() == "it took 25 turns"
        assert server.answered == 25


def test_a_repeated_tool_id_is_another_call(desk):
    script = play([tools(("evaluate", {"method_file": f"{n}.py"}), ids=["same"]) for n in range(2)] + [DONE])
    with MessagesServer(script) as server:
        desk.agent(server).run()
    assert [a["method_file"] for _, a in desk.tools.done] == ["0.py", "1.py"]


def test_refusals_are_dropped_and_end_an_agent_that_goes_on_refusing(desk):
    refusal = say("I will n", stop="refusal")
    with MessagesServer(play([refusal, tool("read_file", path="a"), refusal])) as server:
        assert desk.agent(server).run() == "the model refused to answer (3 times in a row)"
        assert server.answered == 5
    assert last(server.requests[1])[-1]["text"] == prompts.OWED["refused"]
    assert "I will n" not in str(server.requests)


def test_a_refused_tool_call_is_not_run(desk):
    with MessagesServer(play([tools(("submit", {"a": "b"}), stop="refusal"), DONE])) as server:
        desk.agent(server).run()
    assert desk.tools.done == []


def test_a_call_cut_off_by_max_tokens_is_not_run_but_those_before_it_are(desk):
    cut = tools(("read_file", {"path": "a"}), ("write_file", '{"path": "b", "text": "ha'), stop="max_tokens")
    with MessagesServer(play([cut, DONE])) as server:
        desk.agent(server).run()
    assert [name for name, _ in desk.tools.done] == ["read_file"]
    assert "limit of 1000 tokens" in results(server.requests[1])[1]["content"]


def test_texts_cut_off_by_max_tokens_go_on_a_few_times(desk):
    with MessagesServer(play([say("so ", stop="max_tokens")])) as server:
        assert desk.agent(server).run() == "every reply reached the limit of tokens (5 times in a row)"
    assert last(server.requests[1])[-1]["text"] == prompts.OWED["cut"]


def test_a_pause_goes_on_where_it_was(desk):
    with MessagesServer(play([say("wait", stop="pause_turn"), DONE])) as server:
        server_said = desk.agent(server)
        assert server_said.run() == "it said that it is done"
    assert server.requests[1]["messages"][-1]["role"] == "assistant"


@pytest.mark.parametrize("text", ["All done, thanks!", "  ", ""])
def test_an_agent_that_only_talks_is_told_so_and_ended(desk, text):
    with MessagesServer(play([say(text)])) as server:
        assert desk.agent(server).run() == "it called no tool any more (3 times in a row)"
    assert last(server.requests[1])[-1]["text"] == prompts.OWED["idle"]


# -- time and kills ---------------------------------------------------------------------------------------


def test_it_is_told_when_little_time_is_left_and_ends_without_time(desk):
    left = iter([5000.0, 5000.0, 170.0, 170.0] + [160.0] * 3 + [0.0] * 9)
    with MessagesServer(lambda request, n: tool("read_file", path=str(n))) as server:
        why = desk.agent(server, left_s=lambda: next(left)).run()
    assert why == "it was stopped"
    assert sum("minutes are left" in str(r["messages"][-1]) for r in server.requests) == 1


def test_it_is_stopped_between_two_messages_and_goes_on_later(desk):
    def script(request, n):
        if n == 1:
            desk.stop.set()
        return HONEST[n]

    with MessagesServer(script) as server:
        assert desk.agent(server).run() == "it was stopped"
        assert desk.lines[-1]["kind"] == "reply"
        desk.stop.clear()
        assert desk.agent(server).run() == "it said that it is done"
        assert server.answered == len(HONEST)


@pytest.mark.parametrize("torn", [False, True], ids=["whole", "torn"])
@pytest.mark.parametrize("at", range(1, 15))
def test_killed_at_any_line_no_reply_is_paid_twice_and_no_call_done_twice(desk, at, torn):
    """The host dies when a line is written, or in the middle of it; then it is run again."""
    with MessagesServer(lambda request, n: HONEST[kinds().count("reply")]) as server:

        def kinds():
            return [line["kind"] for line in desk.lines]

        with pytest.raises(Killed):
            desk.agent(server, transcript=DyingJournal(desk.folder / "transcript.jsonl", at, torn)).run()
        written, asked = kinds(), server.answered
        assert len(written) == at - torn
        assert desk.agent(server).run() == "it said that it is done"
        in_flight = written[-1:] == ["asked"]
        assert server.answered == asked + len(HONEST) - written.count("reply")
        assert kinds().count("lost") == int(in_flight)
        assert kinds().count("reply") == len(HONEST)
    ran = [name for name, _ in desk.tools.done]
    assert (ran.count("evaluate"), ran.count("submit")) == (1, 1)


def test_killed_within_a_tool_it_calls_it_again_with_the_same_id(desk):
    with MessagesServer(play(HONEST)) as server:
        desk.tools.die_in = "evaluate"
        with pytest.raises(KeyboardInterrupt):
            desk.agent(server).run()
        desk.tools.die_in = None
        assert desk.agent(server).run() == "it said that it is done"
        assert server.answered == len(HONEST)


PROCESS = """
import sys
from pathlib import Path
from types import SimpleNamespace
from speaking import Desk
Desk(Path(sys.argv[1])).agent(SimpleNamespace(url=sys.argv[2])).run()
"""


def test_a_call_in_flight_when_the_host_is_killed_counts_as_lost(desk):
    """A process of its own is killed while the server still holds the answer back."""
    held = threading.Event()
    first = replace(say("never heard"), wait=held)
    with MessagesServer(lambda request, n: first if n == 0 else DONE) as server:
        path = os.pathsep.join(sys.path)
        host = subprocess.Popen(
            [sys.executable, "-c", PROCESS, desk.folder, server.url], env={**os.environ, "PYTHONPATH": path}
        )
        try:
            while server.answered == 0 and host.poll() is None:
                time.sleep(0.01)
        finally:
            host.kill()
            host.wait()
        asked = desk.lines[-1]
        assert asked["kind"] == "asked"
        assert desk.agent(server).run() == "it said that it is done"
        held.set()
        assert server.answered == 2
    assert desk.spent().lost_usd == pytest.approx(asked["usd"])
    assert [line["kind"] for line in desk.lines] == ["start", "asked", "lost", "asked", "reply", "ended"]


def test_an_agent_that_ended_asks_nothing_when_it_is_run_again(desk):
    with MessagesServer(play([DONE])) as server:
        desk.agent(server).run()
        assert desk.agent(server).run() == "it said that it is done"
        assert server.answered == 1


def test_a_dead_server_pauses_the_agent_in_one_line_and_it_goes_on_later(desk):
    with MessagesServer(play([HONEST[0]])) as gone:
        pass
    with pytest.raises(ModelError, match=r"no answer from http://127\.0\.0\.1") as bad:
        desk.agent(gone, retries=1).run()
    assert "\n" not in str(bad.value)
    assert desk.spent().usd == 0
    with MessagesServer(play(HONEST)) as server:
        assert desk.agent(server).run() == "it said that it is done"


def test_a_stream_that_breaks_is_asked_again_a_few_times_and_each_is_counted(desk):
    with MessagesServer(play([broken(4), broken(1), DONE])) as server:
        assert desk.agent(server).run() == "it said that it is done"
        assert server.answered == 3
    lost = [line["usd"] for line in desk.lines if line["kind"] == "asked"][:2]
    assert desk.spent().lost_usd == pytest.approx(sum(lost))
    with MessagesServer(play([broken(4)])) as server:
        other = Desk(desk.folder / "other")
        with pytest.raises(ModelError, match=r"broke off.*\(4 times\)"):
            other.agent(server).run()
        assert server.answered == 4
