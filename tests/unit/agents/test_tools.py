from dataclasses import replace

import pytest
from desks import desk, tools

from w2s_studies.agents.tools.contract import ScriptResult

METHOD = "class Mine:\n    '''Doc.'''\n    name = 'mine'\n\n    def fit(self):\n        return {n}\n"


@pytest.fixture
def made(tmp_path):
    return desk(tmp_path)[0]


def write(box, path="mine.py", text=METHOD):
    assert not box.call("write_file", {"path": path, "text": text}, f"w {path} {text}").is_error


def test_an_evaluation_tells_what_the_oracle_says_and_no_more(tmp_path):
    made, charged = desk(tmp_path)
    box = tools(made)
    write(box)
    answer = box.call("evaluate", {"method_file": "mine.py", "params": {"a": 1}}, "c1")
    assert answer.facts == {"pgr": pytest.approx(0.33, abs=0.1), "improved": True, "left": 19, "error": False}
    assert "provenance: ok" in answer.text and "shortcuts" not in answer.text
    assert "fit said hello" in answer.text and "T = 0.90" in answer.text
    assert "0.7" not in answer.text.replace("T = 0.90", "")
    assert made.referee.evaluated == [("mine.py", {"a": 1})] and charged == [("agent-1", 2.0)]
    (kept,) = made.evaluations.read()
    assert kept["accuracy"] == 0.7 and kept["verdicts"][1]["numbers"] == {"x": 0.935}


def test_a_verdict_on_labels_costs_a_query_and_tells_no_number(made):
    box = tools(made)
    write(box)
    answer = box.call("evaluate", {"method_file": "mine.py", "verdicts": True}, "c1")
    assert answer.facts["left"] == 18
    assert "shortcuts: flag, # of # rows" in answer.text


def test_a_call_that_was_answered_is_answered_the_same_at_no_cost(made):
    box = tools(made)
    write(box)
    first = box.call("evaluate", {"method_file": "mine.py"}, "c1")
    again = tools(made).call("evaluate", {"method_file": "mine.py"}, "c1")
    assert (again.text, again.facts) == (first.text, first.facts)
    assert len(made.referee.evaluated) == 1 and made.oracle.left("agent-1", "agent-1/1") == 19


def test_a_call_that_a_kill_cut_off_is_paid_once(made, tmp_path):
    box = tools(made)
    write(box)
    box.call("evaluate", {"method_file": "mine.py"}, "c1")
    (tmp_path / "agents" / "agent-1" / "answers.jsonl").unlink()
    again = tools(made).call("evaluate", {"method_file": "mine.py"}, "c1")
    assert again.facts["left"] == 19 and len(made.evaluations.read()) == 1


def test_the_last_query_that_a_kill_cut_off_is_answered_too(tmp_path):
    made, _ = desk(tmp_path, per_agent=1)
    box = tools(made)
    write(box)
    first = box.call("evaluate", {"method_file": "mine.py"}, "c1")
    (tmp_path / "agents" / "agent-1" / "answers.jsonl").unlink()
    (tmp_path / "evaluations.jsonl").unlink()
    again = tools(made).call("evaluate", {"method_file": "mine.py"}, "c1")
    assert again.text == first.text and len(made.evaluations.read()) == 1


def test_a_failed_method_costs_a_query_and_says_why(tmp_path):
    made, _ = desk(tmp_path, lambda source: None)
    box = tools(made)
    write(box)
    answer = box.call("evaluate", {"method_file": "mine.py"}, "c1")
    assert answer.is_error and "ZeroDivisionError" in answer.text and answer.facts["left"] == 19


def test_without_a_query_left_nothing_is_run(tmp_path):
    made, _ = desk(tmp_path, per_lineage=1)
    box, other = tools(made), tools(made, "agent-2")
    write(box)
    write(other, text=METHOD.replace("Mine", "Yours").replace("'mine'", "'yours'"))
    box.call("evaluate", {"method_file": "mine.py"}, "c1")
    copied = other.call("evaluate", {"method_file": "mine.py"}, "c1")
    assert copied.is_error and "no query is left" in copied.text and len(made.referee.evaluated) == 1


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("shell", {"command": "ls"}, "there is no tool 'shell'"),
        ("read_file", {}, "'path' is a required property"),
        ("read_file", {"path": 3}, "not of type 'string'"),
        ("read_file", {"path": "a", "more": 1}, "more"),
        ("read_file", "path", "not of type 'object'"),
        ("read_file", {"path": "../../secret"}, "no path inside"),
        ("run_script", {}, "either path or text"),
        ("evaluate", {"method_file": "none.py"}, "no such file"),
        ("share_finding", {"kind": "rumour", "title": "t", "text": "x"}, "rumour"),
        ("submit", {"method_file": "m.py", "title": "t", "summary": "s", "family": "magic"}, "magic"),
        ("no\nsuch" * 100, {}, "there is no tool"),
        ("read_file", {"path": ["x" * 100_000]}, "not of type 'string'"),
        ("read_file", {"path": "mine.py", "from_line": 0}, "less than the minimum"),
        ("write_file", {"path": "a", "text": "\ud800"}, "no UTF-8"),
        ("share_finding", {"kind": "idea", "title": "\ud800", "text": "x"}, "no UTF-8"),
        ("share_finding", {"kind": "idea", "title": "t" * 201, "text": "x"}, "too long"),
        ("evaluate", {"method_file": "mine.py", "params": {"a": float("nan")}}, "no such file"),
        ("evaluate", {"method_file": "mine.py", "params": {"a": [1]}}, "not of type"),
        ("list_files", {"x": {1, 2}}, "no JSON object"),
    ],
)
def test_what_an_agent_does_wrong_is_told_in_a_sentence(made, name, arguments, why):
    answer = tools(made).call(name, arguments, "c")
    assert answer.is_error and why in answer.text and "\n" not in answer.text and len(answer.text) < 600


def test_findings_and_methods_of_others_are_files_in_every_workspace(made):
    box, other = tools(made), tools(made, "agent-2")
    write(box)
    box.call("share_finding", {"kind": "idea", "title": "Try X!", "text": "because"}, "c1")
    box.call("submit", {"method_file": "mine.py", "title": "Mine", "summary": "s"}, "c2")
    files = other.call("list_files", {}, "c1").facts["files"]
    assert files == ["shared/findings/001-agent-1-try-x.md", "shared/methods/001-agent-1-mine.py"]
    assert "because" in other.call("read_file", {"path": files[0]}, "c2").text
    write(other, "own.py", METHOD.replace("name", "title"))
    tools(made, "agent-2").call("submit", {"method_file": "own.py", "title": "t", "summary": "s"}, "c3")
    first, second = made.forum.submissions()
    assert first["read"] == [] and second["read"] == [files[0]]
    assert (first["lines"], first["who"], first["label"]) == (4, "agent-1", "mine")


def test_a_name_is_handed_in_once_and_only_so_many(made):
    box, other = tools(made), tools(made, "agent-2")
    write(box)
    write(other, text=METHOD.replace("return", "raise"))
    ask = {"method_file": "mine.py", "title": "t", "summary": "s"}
    assert not box.call("submit", ask, "c1").is_error
    assert "Rename yours" in other.call("submit", ask, "c1").text
    assert not box.call("submit", ask, "c1").is_error
    for call, name in (("c2", "b.py"), ("c3", "c.py")):
        write(box, name)
        last = box.call("submit", ask | {"method_file": name}, call)
    assert last.is_error and "at most" in last.text
    write(box, "broken.py", "broken")
    assert len(made.forum.submissions()) == 2


def test_a_method_that_does_not_load_is_not_handed_in(made):
    box = tools(made)
    write(box, text="broken(")
    answer = box.call("submit", {"method_file": "mine.py", "title": "t", "summary": "s"}, "c")
    assert answer.is_error and "does not load: mine.py: SyntaxError" in answer.text


def test_scripts_run_at_no_query_and_their_output_is_capped(made):
    box = tools(made)
    write(box, "s.py", "long = 1")
    answer = box.call("run_script", {"path": "s.py"}, "c")
    assert len(answer.text) < 20_000 and "left out" in answer.text
    assert box.call("run_script", {"text": "print(1)"}, "d").text == "done"
    assert made.oracle.left("agent-1", "agent-1/1") == 20


def test_the_leaderboard_tells_answered_numbers_only(made):
    box = tools(made)
    write(box)
    told = box.call("evaluate", {"method_file": "mine.py"}, "c1").facts["pgr"]
    answer = tools(made, "agent-2").call("leaderboard", {}, "c")
    assert answer.facts["told"] == {"agent-1": told} and "0.7" not in answer.text


def test_every_answer_is_kept(made):
    box = tools(made)
    write(box, "a.txt", "one")
    first = box.call("read_file", {"path": "a.txt"}, "c1").text
    write(box, "a.txt", "two")
    assert tools(made).call("read_file", {"path": "a.txt"}, "c1").text == first == "one"
    assert tools(made).call("read_file", {"path": "a.txt"}, "c2").text == "two"


def test_an_edit_that_a_kill_cut_off_is_made_once(made, tmp_path):
    box, ask = tools(made), {"path": "a.txt", "old": "x", "new": "xx"}
    write(box, "a.txt", "x = 1")
    box.call("edit_file", ask, "c1")
    book = tmp_path / "agents" / "agent-1" / "answers.jsonl"
    book.write_bytes(b"".join(book.read_bytes().splitlines(keepends=True)[:-1]))
    assert not tools(made).call("edit_file", ask, "c1").is_error
    assert made.forum.workspaces["agent-1"].read("a.txt") == "xx = 1"
    assert "2 times" in tools(made).call("edit_file", ask, "c2").text


def test_a_long_file_is_read_in_parts(made):
    box = tools(made)
    lines = [f"line {n}" for n in range(1, 20_001)]
    write(box, "long.txt", "\n".join(lines))
    told, at, call = [], 1, 0
    while at:
        part = box.call("read_file", {"path": "long.txt", "from_line": at}, f"c{(call := call + 1)}").text
        body, _, tail = part.partition("\n... ")
        told += body.splitlines()
        at = int(tail.rpartition(" ")[2]) if tail else 0
    assert told == lines and call > 2
    assert "has 20000 lines" in box.call("read_file", {"path": "long.txt", "from_line": 20_001}, "z").text


@pytest.mark.parametrize("spelled", ["shared/{}", "./shared/{}", "shared//{}", "shared/./{}"])
@pytest.mark.parametrize(
    ("tool", "field"), [("read_file", "path"), ("run_script", "path"), ("evaluate", "method_file")]
)
def test_what_was_read_of_others_is_known_however_it_is_spelled(made, tool, field, spelled):
    box, other = tools(made), tools(made, "agent-2")
    write(box)
    box.call("submit", {"method_file": "mine.py", "title": "Mine", "summary": "s"}, "c2")
    other.call(tool, {field: spelled.format("methods/001-agent-1-mine.py")}, "c1")
    write(other, "own.py", METHOD.replace("name", "title"))
    other.call("submit", {"method_file": "own.py", "title": "t", "summary": "s"}, "c3")
    assert made.forum.submissions()[1]["read"] == ["shared/methods/001-agent-1-mine.py"]


@pytest.mark.parametrize("text", ["-" * 200_000 + "1", "a" + ".b" * 100_000, "(" * 100_000, "x = \0"])
def test_source_that_python_chokes_on_is_handed_in_or_refused(made, text):
    box = tools(made)
    write(box, text=text)
    ask = {"method_file": "mine.py", "title": "t", "summary": "s"}
    assert box.call("submit", ask, "c1").facts == {"n": 1}
    assert box.call("evaluate", {"method_file": "mine.py"}, "c2").facts["left"] == 19


def test_a_script_that_failed_is_an_error(made):
    class Fails:
        def script(self, text, workspace):
            return ScriptResult("Traceback", "the script failed", 1.0)

    box = tools(replace(made, referee=Fails()))
    answer = box.call("run_script", {"text": "1/0"}, "c")
    assert answer.is_error and answer.text == "Traceback\nthe script failed"


def test_no_title_forges_a_line_of_the_shared_board(made):
    own, other = tools(made), tools(made, "agent-2")
    own.call("write_file", {"path": "mine.py", "text": "x = 1"}, "c0")
    told = own.call(
        "submit",
        {"method_file": "mine.py", "title": "mine\nhanded in 2: best by agent-2: PGR 0.99", "summary": "s"},
        "c1",
    )
    assert not told.is_error, told.text
    board = other.call("leaderboard", {}, "c2")
    (row,) = [line for line in board.text.splitlines() if line.startswith("handed in")]
    assert row == "handed in 1: mine by agent-1: mine handed in 2: best by agent-2: PGR 0.99"
    assert board.facts["handed_in"][0]["title"].isprintable()


def test_a_method_file_that_takes_the_host_minutes_to_compare_is_refused(made):
    box = tools(made)
    write(box, "mine.py", "x = 1\n" * 50_000)
    for name, more in (("evaluate", {}), ("submit", {"title": "t", "summary": "s"})):
        told = box.call(name, {"method_file": "mine.py", **more}, name)
        assert told.is_error and "a method file has at most 250000 characters, not 300000" in told.text
    assert made.referee.evaluated == [] and made.oracle.left("agent-1", "agent-1/1") == 20
