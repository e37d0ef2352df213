import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from w2s_harness.cli import command
from w2s_harness.contract.errors import DataError, UsageError
from w2s_harness.scoring.metered.ledger import Ledger
from w2s_harness.scoring.metered.oracle import Oracle

BOARD = Path(__file__).parents[3] / "docs" / "readme-leaderboard.json"


def verified(path):
    return CliRunner().invoke(command, ["verify", str(path)])


@pytest.fixture
def run(tmp_path):
    oracle = Oracle(Ledger(tmp_path / "ledger.jsonl"), 0.5, 0.9)
    for i, right in enumerate((60, 70, 90)):
        outcomes = np.tile(np.arange(100) < right, (2, 1)).astype(float)
        oracle.ask(
            who="a", lineage="a/1", source="s", predictions="p",
            outcomes=outcomes, groups=np.arange(100), call=str(i),
        )  # fmt: skip
    return tmp_path


def test_a_ledger_that_holds(run):
    done = verified(run / "ledger.jsonl")
    assert done.exit_code == 0
    assert f"4 lines hold, 3 queries paid, head {Ledger(run / 'ledger.jsonl').head}\n" in done.output


def test_a_run_is_its_ledger_and_its_leaderboard(run):
    assert len(verified(run).output.splitlines()) == 1
    (run / "leaderboard.json").write_bytes(BOARD.read_bytes())
    lines = verified(run).output.splitlines()
    assert [line.split(": ")[0].rpartition("/")[2] for line in lines] == ["ledger.jsonl", "leaderboard.json"]


def test_a_changed_ledger_is_an_error_with_its_line(run):
    path = run / "ledger.jsonl"
    path.write_text(path.read_text().replace('"who":"a"', '"who":"b"', 1))
    for target in (path, run):
        found = verified(target).exception
        assert isinstance(found, DataError)
        assert f"{path}:2: was changed" in str(found)


def test_a_torn_line_is_said_and_left(run):
    path = run / "ledger.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    before = path.read_bytes()
    assert "3 lines hold, 2 queries paid" in verified(path).output
    assert "a torn last line" in verified(path).output
    assert path.read_bytes() == before


def test_a_changed_leaderboard_is_an_error(run):
    body = json.loads(BOARD.read_text(encoding="utf-8"))
    body["settings"][0]["gap"] = 0.9
    (run / "leaderboard.json").write_text(json.dumps(body))
    assert "the gap is 0.9" in str(verified(run).exception)
    assert "the gap is 0.9" in str(verified(run / "leaderboard.json").exception)


@pytest.mark.parametrize("name", ["nothing.jsonl", "empty"])
def test_nothing_to_check(tmp_path, name):
    (tmp_path / "empty").mkdir()
    assert isinstance(verified(tmp_path / name).exception, UsageError)
