import json
import threading

import pytest
from desks import desk, tools

from w2s_studies.agents.tools.evaluating import RefusedError, parameters, plain_name

METHOD = "class Mine:\n    name = 'mine'\n\n    def fit(self, p, s, r):\n        return {body}\n"


def write(box, path="mine.py", body="s.fit(p.rows)"):
    assert not box.call("write_file", {"path": path, "text": METHOD.format(body=body)}, f"w {path}").is_error


@pytest.mark.parametrize(
    "given",
    [
        {"a": "1,zero-shot"}, {"a": "x:b=2"}, {"a": "../x.py"}, {"a": "*"}, {"a": "1\n"}, {"a": "ä"},
        {"a,zero-shot": 1}, {"a=1:b": 1}, {"": 1}, {"a\n": 1},
        {"a": float("nan")}, {"a": float("inf")}, {"a": 10**400}, {"a": "x" * 101},
    ],
)  # fmt: skip
def test_parameters_cannot_name_another_method(given):
    with pytest.raises(RefusedError, match=r"^params"):
        parameters(given)


def test_plain_parameters_pass():
    given = {"margin": 0.3, "rounds": 2, "on": True, "how": "logit-mean", "eps": 1e-9}
    assert parameters(given) == given


@pytest.mark.parametrize(
    ("path", "name"), [("a/b.py", "b"), ("a,b:c*.py", "a-b-c-"), ("notes", "notes"), ("ä.py", "-")]
)
def test_a_copy_has_a_name_that_stands_for_itself(path, name):
    assert plain_name(path) == name


def test_bad_parameters_cost_nothing_and_run_nothing(tmp_path):
    made, _ = desk(tmp_path)
    box = tools(made)
    write(box)
    for tool, more in (("evaluate", {}), ("submit", {"title": "t", "summary": "s"})):
        ask = {"method_file": "mine.py", "params": {"a": "1,zero-shot"}, **more}
        answer = box.call(tool, ask, tool)
        assert answer.is_error and "params, a" in answer.text
    assert made.referee.evaluated == [] and made.forum.submissions() == []
    assert made.oracle.left("agent-1", "agent-1/1") == 20


def test_the_number_is_told_beside_verdicts_that_were_paid_for(tmp_path):
    made, _ = desk(tmp_path)
    box = tools(made)
    write(box)
    answer = box.call("evaluate", {"method_file": "mine.py", "verdicts": True}, "c1")
    assert answer.facts["pgr"] is not None and answer.text.startswith(f"PGR {answer.facts['pgr']:.2f}")
    assert answer.facts["left"] == 18 and "18 queries are left" in answer.text
    assert "shortcuts: flag, # of # rows" in answer.text and "93.5" not in answer.text
    assert made.evaluations.read()[0]["told"] == answer.facts["pgr"]
    assert box.call("leaderboard", {}, "c2").facts["told"] == {"agent-1": answer.facts["pgr"]}


def test_a_verdict_that_cannot_be_paid_is_not_told(tmp_path):
    made, _ = desk(tmp_path, per_agent=1)
    box = tools(made)
    write(box)
    answer = box.call("evaluate", {"method_file": "mine.py", "verdicts": True}, "c1")
    assert "shortcuts: flag" not in answer.text and "has none left" in answer.text
    assert answer.facts["left"] == 0 and answer.facts["pgr"] is not None


def test_the_last_query_is_answered_again_after_a_kill(tmp_path):
    made, _ = desk(tmp_path, per_agent=1)
    box = tools(made)
    write(box)
    first = box.call("evaluate", {"method_file": "mine.py"}, "c1")
    (tmp_path / "agents" / "agent-1" / "answers.jsonl").unlink()
    again = tools(made).call("evaluate", {"method_file": "mine.py"}, "c1")
    assert (again.text, again.facts) == (first.text, first.facts)
    assert [path.name for path in (tmp_path / "evaluations").iterdir()] == ["0001"]
    assert "no query is left" in tools(made).call("evaluate", {"method_file": "mine.py"}, "c2").text


def test_agents_at_once_get_numbers_of_their_own(tmp_path):
    names = [f"agent-{k}" for k in range(1, 7)]
    made, _ = desk(tmp_path, names=names)
    boxes = [tools(made, name) for name in names]
    for k, box in enumerate(boxes):
        write(box, body=f"s.fit(p.rows{', p.weak' * k})")

    def ask(box):
        for n in range(3):
            box.call("evaluate", {"method_file": "mine.py"}, f"c{n}")

    threads = [threading.Thread(target=ask, args=(box,)) for box in boxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = made.evaluations.read()
    assert sorted(line["n"] for line in lines) == list(range(1, 19))
    for line in lines:
        folder = tmp_path / "evaluations" / f"{line['n']:04d}"
        assert json.loads((folder / "call.json").read_text()) == {"who": line["who"], "call": line["call"]}
        assert (folder / "mine.py").exists()
