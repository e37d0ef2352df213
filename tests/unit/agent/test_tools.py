import pytest
from desks import desk, tools

METHOD = "class Mine:\n    '''Doc.'''\n    name = 'mine'\n\n    def fit(self):\n        return {n}\n"


@pytest.fixture
def made(tmp_path):
    return desk(tmp_path)[0]


def write(box, path="mine.py", text=METHOD, call="w"):
    assert not box.call("write_file", {"path": path, "text": text}, call).is_error


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
    assert "shortcuts: flag, # of #rows" in answer.text or "shortcuts: flag, # of # rows" in answer.text


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
    ],
)
def test_what_an_agent_does_wrong_is_told_in_a_sentence(made, name, arguments, why):
    answer = tools(made).call(name, arguments, "c")
    assert answer.is_error and why in answer.text and "\n" not in answer.text


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
