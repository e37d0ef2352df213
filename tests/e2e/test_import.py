"""`import` on the real command line: made-up results, what is wrong with them, and the published ones."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from commands import Place

WEAK, CEILING = 0.52, 0.72


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return Place(tmp_path)


def _put(root: Path, idea: str, seed: int, **fields: object) -> None:
    path = root / f"toy_{idea}" / "c1" / f"seed_{seed}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"dataset_name": "toy", "seed": seed} | fields))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    root = tmp_path / "results"
    for seed in range(3):
        _put(root, "weak_artifacts", seed, weak_acc=WEAK + (seed - 1) / 50)
        _put(root, "train_ceiling", seed, strong_acc=CEILING + (seed - 1) / 50)
        for idea, accuracy in (("vanilla_w2s", 0.6), ("better", 0.68)):
            t = accuracy + (seed - 1) / 100
            _put(root, idea, seed, idea_name=idea, transfer_acc=t, pgr=(t - WEAK) / (CEILING - WEAK))
    return root


def test_imported_results_are_a_leaderboard(here: Place, results: Path) -> None:
    done = here("import", "results", "--format", "aar", "--out", "board.json")
    assert (done.code, done.err) == (0, "")
    assert "better" in done.out
    assert done.out.endswith("leaderboard  board.json\n")
    board = json.loads((here.folder / "board.json").read_text("utf-8"))
    assert {row["isolation"] for row in board["rows"]} == {"imported"}
    assert board["mismatches"] == []
    best = next(row for row in board["rows"] if row["method"] == "better")
    assert best["pgr"] == pytest.approx(0.8)
    again = here("report", "board.json")
    assert again.code == 0
    assert again.out == done.out.rpartition("leaderboard  ")[0]
    assert here("report", "board.json", "--format", "csv").code == 0


def test_a_contradiction_is_a_line_and_stands_in_the_json(here: Place, results: Path) -> None:
    _put(results, "better", 1, idea_name="other", transfer_acc=0.68, pgr=0.75)
    done = here("import", "results", "--out", "board.json")
    assert done.code == 0
    (line,) = done.err.splitlines()
    where = "toy_better/c1/seed_1.json"
    assert line.startswith(f"mismatch: {where}: idea_name is 'other'; pgr 0.75, but")
    board = json.loads((here.folder / "board.json").read_text("utf-8"))
    assert board["mismatches"] == [line.removeprefix("mismatch: ")]
    assert where in here("report", "board.json").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere", "--out", "b.json"), "nowhere: no such folder"),
        (("empty", "--out", "b.json"), "empty: no results in it"),
        (("empty", "--format", "csv", "--out", "b.json"), "empty: no results in it"),
        (("results", "--out", "no/b.json"), "there is no folder no"),
        (("results", "--format", "xml", "--out", "b.json"), "xml"),
        (("results",), "--out"),
    ],
)
def test_a_wrong_call_is_one_line(here: Place, results: Path, arguments: tuple[str, ...], said: str) -> None:
    (here.folder / "empty").mkdir()
    done = here("import", *arguments)
    assert done.code == 4
    assert done.out == ""
    (line,) = done.err.splitlines()
    assert line.startswith("error: ")
    assert said in line


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("toy_better/c1/seed_1.json", "{", "toy_better/c1/seed_1.json:1: not JSON"),
        ("toy_better/c1/seed_1.json", '{"dataset_name": "toy", "seed": 1, "transfer_acc": 2}', "<= 1"),
        ("toy_better/c1/seed_01.json", '{"dataset_name": "toy", "seed": 1, "transfer_acc": 0.5}', "seed 1"),
        ("toy_better/c2/seed_9.json", '{"dataset_name": "toy", "seed": 9, "transfer_acc": 0.5}', "mixed"),
        ("toy_new/c1/readme.txt", "", "toy_new/c1: no seed_N.json"),
    ],
)
def test_a_bad_file_is_one_line(here: Place, results: Path, name: str, text: str, said: str) -> None:
    path = results / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    done = here("import", "results", "--out", "board.json")
    assert done.code == 4
    (line,) = done.err.splitlines()
    assert said in line
    assert not (here.folder / "board.json").exists()


def test_csv_names_file_and_line(here: Place) -> None:
    folder = here.folder / "mine" / "math"
    folder.mkdir(parents=True)
    for name, first in (("weak", 0.5), ("ceiling", 0.8), ("vanilla", 0.6), ("good", 0.7)):
        lines = [f"{seed},{first + seed / 100:.2f}" for seed in range(3)]
        (folder / f"{name}.csv").write_text("\n".join(["seed,accuracy", *lines]) + "\n")
    done = here("import", "mine", "--format", "csv", "--out", "board.json")
    assert (done.code, done.err) == (0, "")
    (folder / "good.csv").write_text("seed,accuracy\n0,0.7\n1,7\n")
    done = here("import", "mine", "--format", "csv", "--out", "board.json")
    assert done.code == 4
    assert "mine/math/good.csv:3: the accuracy '7'" in done.err


def test_the_published_results(here: Place) -> None:
    root = Path(__file__).parents[2]
    folder = Path(os.environ.get("W2S_SHARED_DATA", root.parent / "shared" / "data")) / "aar-results"
    if not folder.is_dir():
        pytest.skip(f"no published results at {folder} (set W2S_SHARED_DATA)")
    done = here("import", str(folder), "--out", "published.json")
    assert done.code == 0
    board = json.loads((here.folder / "published.json").read_text("utf-8"))
    found = {
        (s["task"], round(s["weak"]["mean"], 4), round(s["ceiling"]["mean"], 4)) for s in board["settings"]
    }
    assert found == {("chat", 0.5280, 0.7325), ("math", 0.5360, 0.7176)}
    assert len(done.err.splitlines()) == len(board["mismatches"]) == 9
    assert len(board["rows"]) == 8
