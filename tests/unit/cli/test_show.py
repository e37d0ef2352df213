"""All that is known of one thing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from w2s_harness.cli.commands.show import command
from w2s_harness.contract.errors import DataError, UsageError

MINE = '''
from dataclasses import dataclass
raise RuntimeError("showing runs nothing")

@dataclass(frozen=True)
class Half(Method):
    """Half of it."""
    name = "half"
    share: float = 0.5

def w2s_methods():
    return [Half]
'''
ROW = {
    "task": "words", "pair": "p", "method": "half", "parameters": {"share": 0.3}, "status": "ok",
    "track": "w2s", "pgr": 0.4, "pgr_ci_pool": [0.1, 0.6], "reason": None, "attempts": 2, "isolation": "L2",
    "access": [], "again": "w2s-harness run --methods half",
    "verdicts": [
        {"guard": "shortcuts", "level": "flag", "because": "follows length.", "numbers": {"share": 0.75},
         "again": "", "finding": "shortcut", "label_free": False},
    ],
}  # fmt: skip


def show(*words, store=None) -> str:
    where = ["--store", str(store)] if store else []
    done = CliRunner().invoke(command, [*words, *where], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.output


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "words").mkdir()
    for split in ("train_label", "train_unlabel", "test"):
        rows = [
            {"question": f"{split} {i // 2}", "choice": f"word {i % 2}", "label": i % 2 == 0}
            for i in range(40)
        ]
        (tmp_path / "words" / f"{split}.jsonl").write_text("".join(f"{json.dumps(r)}\n" for r in rows))
    return tmp_path


@pytest.fixture
def store(tmp_path) -> Path:
    plan = {
        "tasks": [{"id": "words"}],
        "pairs": [{"name": "p"}],
        "methods": [{"id": "half[share=0.3]"}],
        "seeds": [0, 7],
    }
    for name, cell in (("20260101-a", "words/p/half[share=0.3]/s0"), ("20260102-b", "words/p/half/s1")):
        folder = tmp_path / "store" / "runs" / name
        folder.mkdir(parents=True)
        (folder / "plan.json").write_text(json.dumps(plan))
        (folder / "events.jsonl").write_text(json.dumps({"cell": cell, "accuracy": 0.7}) + "\n")
    board = tmp_path / "store" / "runs" / "20260101-a" / "leaderboard.json"
    board.write_text(json.dumps({"rows": [{**ROW, "method": "other"}, ROW], "settings": []}))
    return tmp_path / "store"


@pytest.mark.parametrize("name", ["confident", "confident:margin=.3", "confident[margin=0.3]"])
def test_a_method_with_its_parameters(name):
    text = show(name)
    assert "margin  float = 0.25" in text and "soft    bool = true" in text and "Burns et al. 2023" in text
    found = json.loads(show(name, "--json"))["parameters"]
    assert found["margin"] == {"type": "float", "default": 0.25, "about": ""}


def test_a_task_and_a_pair():
    assert "teacher       noisy | blind = noisy   `noisy`: it never" in show("kinds")
    pair = json.loads(show("tiny", "--json"))
    assert pair["models"]["weak"]["readout"] == "surprise" and pair["settings"]["mode"] == "probe"


def test_a_method_file_is_read_and_not_run(here):
    for name in ("./mine.py", "mine.py", "./mine.py::half"):
        found = json.loads(show(name, "--json"))
        assert found["run_with"] == "--methods mine.py"
        assert found["offers"]["half"]["parameters"]["share"]["default"] == 0.5
    with pytest.raises(UsageError, match=r"gone\.py"):
        show("./gone.py")


def test_a_folder_of_data_with_its_splits(here):
    found = json.loads(show("./words", "--json"))
    assert (found["task"], found["run_with"]) == ("words", "--tasks ./words")
    assert found["splits"]["test"] == {"rows": 40, "questions": 20, "true": 0.5}
    with pytest.raises(UsageError, match=r"What lies here is shown by its path: show \./words"):
        show("words")
    (here / "words" / "test.jsonl").write_text("{")
    with pytest.raises(DataError, match=r"test\.jsonl:1"):
        show("./words")


def test_predictions(here):
    lines = [{"id": f"r{i}", "p": 0.5, "seed": seed} for seed in (0, 3) for i in range(4)]
    (here / "preds.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    found = json.loads(show("preds.jsonl", "--json"))
    assert (found["rows"], found["seeds"], found["run_with"]) == (4, [0, 3], "--methods preds.jsonl")


def test_a_cell_with_the_verdicts_on_its_row(store):
    text = show("20260101-a::words/p/half[share=0.3]/s0", store=store)
    assert "flag        shortcuts [shortcut]: follows length." in text and "share = 0.75" in text
    assert "w2s-harness run --methods half" in text
    found = json.loads(show("20260101-a::words/p/half[share=0.3]/s0", "--json", store=store))
    assert found["accuracy"] == 0.7 and found["row"]["pgr"] == 0.4
    assert found["verdicts"][0]["numbers"] == {"share": 0.75}
    assert "not yet" in show("words/p/half/s1", store=store)


def test_a_cell_of_another_run_is_found_there(store):
    with pytest.raises(UsageError, match=r"the run 20260101-a has: show 20260101-a::words/p/half\[share=0"):
        show("words/p/half[share=0.3]/s0", store=store)
    with pytest.raises(UsageError, match=r"has no cell 'words/p/halv/s1' \(did you mean 'words/p/half/s1'"):
        show("words/p/halv/s1", store=store)


def test_a_cell_that_was_not_run_is_no_unknown_one(store):
    with pytest.raises(UsageError, match=r"planned the cell 'words/p/half\[share=0\.3\]/s7' and has not"):
        show("words/p/half[share=0.3]/s7", store=store)


def test_a_guard_file_with_its_settings(here):
    (here / "strict.py").write_text("SETTINGS = {'most': 3}\n\ndef w2s_judge_run(cell):\n    return []\n")
    found = json.loads(show("strict.py", "--json"))
    assert found["run_with"] == "--guards default,strict.py" and found["settings"] == {"most": 3}
