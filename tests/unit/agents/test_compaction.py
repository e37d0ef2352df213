"""Long conversations keep within the context window."""

import pytest
from messages_server import MessagesServer, say, status, tool
from speaking import Desk, DyingJournal, Killed, last, results

from w2s_studies.agents.models import prompts

SMALL = 10_000
"""Tokens of a small context window; the system prompt and the tools take a sixth of it."""


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    made.tools.files |= {f"f{n}": f"{n} " + "word " * 500 for n in range(99)}
    made.tools.files["notebook.md"] = "margin 0.3 was best"
    return made


def is_summary(request):
    return request["system"][0]["text"] == prompts.SUMMARY


def reading(turns, summary="what was read so far"):
    """Reads another file at each turn."""

    def script(request, n):
        if is_summary(request):
            return say(summary)
        return tool("read_file", path=f"f{n}") if n < turns else say("DONE")

    return script


def kinds(desk):
    return [line["kind"] for line in desk.lines]


def test_old_results_are_dropped_first_and_the_notebook_is_shown_again(desk):
    desk.tools.files |= {f"f{n}": f"{n} " + "word " * 600 for n in range(99)}
    with MessagesServer(reading(30)) as server:
        desk.agent(server, context_tokens=2 * SMALL).run()
    dropped = kinds(desk).index("dropped")
    assert kinds(desk)[dropped + 1 : dropped + 3] == ["said", "asked"]
    assert "compacted" not in kinds(desk)[: dropped + 3]
    after = server.requests[kinds(desk)[:dropped].count("asked")]
    assert "[dropped to save room: 3002 characters" in str(after["messages"][2])
    assert "margin 0.3 was best" in last(after)[-1]["text"]
    assert "word word" in results(after)[0]["content"]


def test_older_turns_are_summed_up_in_one_call_and_nothing_grows_over_the_window(desk):
    with MessagesServer(reading(40)) as server:
        assert desk.agent(server, context_tokens=SMALL).run() == "it said that it is done"
    compacted = [line for line in desk.lines if line["kind"] == "compacted"]
    asked = [r for r in server.requests if is_summary(r)]
    assert len(compacted) == len(asked) >= 2
    assert all("tools" not in r for r in asked)
    assert max(len(str(r)) for r in server.requests) // 4 < SMALL
    after = server.requests[server.requests.index(asked[0]) + 1]
    texts = [block["text"] for block in after["messages"][0]["content"]]
    assert "look at the noise" in texts[0]
    assert "what was read so far" in texts[1]
    assert "margin 0.3 was best" in texts[2]


def test_the_notebook_is_read_anew_each_time(desk):
    def script(request, n):
        if is_summary(request):
            return say("s")
        if n == 45:
            return say("DONE")
        path = "notebook.md" if n == 20 else f"x{n}"
        return tool("write_file", path=path, text=f"as of turn {n} " + ("more " * 400 if n != 20 else ""))

    with MessagesServer(script) as server:
        desk.agent(server, context_tokens=SMALL).run()
    notebooks = [line["notebook"] for line in desk.lines if line["kind"] == "compacted"]
    assert notebooks[0] == "margin 0.3 was best"
    assert notebooks[-1].strip() == "as of turn 20"


def test_a_summary_that_was_paid_for_is_not_asked_again_after_a_kill(desk):
    with MessagesServer(reading(40)) as server:
        desk.agent(server, context_tokens=SMALL).run()
        at = kinds(desk).index("compacted")
    other = Desk(desk.folder / "other")
    other.tools.files = desk.tools.files
    with MessagesServer(reading(40)) as server:
        dying = DyingJournal(other.folder / "transcript.jsonl", at, False)
        with pytest.raises(Killed):
            other.agent(server, context_tokens=SMALL, transcript=dying).run()
        assert other.lines[-1]["purpose"] == "summary"
        assert other.agent(server, context_tokens=SMALL).run() == "it said that it is done"
    first, again = (next(x for x in d.lines if x["kind"] == "compacted") for d in (desk, other))
    assert first == again
    assert kinds(other) == kinds(desk)


@pytest.mark.parametrize("summary", [say("no", stop="refusal"), say("  ")])
def test_a_summary_that_is_none_leaves_the_notebook(desk, summary):
    def script(request, n):
        return summary if is_summary(request) else reading(25)(request, n)

    with MessagesServer(script) as server:
        assert desk.agent(server, context_tokens=SMALL).run() == "it said that it is done"
    compacted = next(line for line in desk.lines if line["kind"] == "compacted")
    assert compacted["summary"] == prompts.NO_SUMMARY
    assert compacted["notebook"] == "margin 0.3 was best"


def test_where_the_service_finds_it_too_long_older_turns_are_summed_up(desk):
    def script(request, n):
        if is_summary(request):
            return say("s")
        if len(str(request)) > 24_000:
            return status(400, "invalid_request_error", "prompt is too long: 5001 tokens > 5000 maximum")
        return tool("read_file", path=f"f{n}") if n < 20 else say("DONE")

    with MessagesServer(script) as server:
        assert desk.agent(server).run() == "it said that it is done"
    assert kinds(desk).count("compacted") >= 1
    assert kinds(desk).count("unpaid") == kinds(desk).count("compacted")
    assert desk.spent().lost_usd == 0


def test_a_reply_that_fills_the_window_is_followed_by_a_summary(desk):
    def script(request, n):
        if is_summary(request):
            return say("s")
        return say("too much", stop="model_context_window_exceeded") if n == 1 else reading(5)(request, n)

    with MessagesServer(script) as server:
        assert desk.agent(server).run() == "it said that it is done"
    assert kinds(desk).count("compacted") == 1


def test_one_huge_result_is_cut(desk):
    desk.tools.files["f0"] = "x" * 500_000
    with MessagesServer(reading(1)) as server:
        desk.agent(server, context_tokens=SMALL).run()
    assert "characters, was cut off" in str(desk.lines)
    assert max(len(str(r)) for r in server.requests) // 4 < SMALL
