"""Words of `--tasks` that mean something else than a name."""

from __future__ import annotations

import pytest

from w2s_harness.contract.errors import UsageError
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.run.plan.planning import choose_tasks
from w2s_harness.run.plan.specs import Spec

SUMS = """
from w2s_harness import Task, hookimpl


class Sums(Task):
    name = "adding"
    kind = "verify"


@hookimpl
def w2s_tasks():
    return [Sums()]
"""


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("gsm", r"unknown task 'gsm'\. There is a folder with that name here: give its path, \./gsm\."),
        ("flat", r"There is a file with that name here: give its path, \./flat\.yaml\."),
        ("rows.jsonl", r"There is a file with that name here: give its path, \./rows\.jsonl\."),
        ("./sums.py", r"a task in Python is a plugin\. Give -p sums\.py --tasks adding\."),
        ("sums.py", r"Give -p sums\.py --tasks adding\."),
        ("./mine.py", r"the file offers methods\. Give --methods mine\.py\."),
        ("./plain.py", r"the file has no w2s_tasks\(\)"),
        ("mth", r"unknown task 'mth' \(did you mean 'math'\?\)"),
    ],
)
def test_what_was_meant_is_said(tmp_path, monkeypatch, word, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gsm").mkdir()
    (tmp_path / "flat.yaml").write_text("")
    (tmp_path / "rows.jsonl").write_text("")
    (tmp_path / "sums.py").write_text(SUMS)
    (tmp_path / "mine.py").write_text("def w2s_methods():\n    return []\n")
    (tmp_path / "plain.py").write_text("x = 1\n")
    with pytest.raises(UsageError, match=said):
        choose_tasks(Spec(word), Plugins(), False, {})
