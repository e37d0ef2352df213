"""A task that names its pair runs on it, what the student recovers is the teacher's, and it is listed so."""

from __future__ import annotations

import json

import pytest
from commands import Place

SMALL = ("--limit", "400", "--seeds", "2", "--no-controls", "--guards", "none", "-n", "1")


@pytest.fixture(scope="module")
def board(tmp_path_factory) -> dict:
    place = Place(tmp_path_factory.mktemp("kinds"))
    tasks = "kinds,kinds:teacher=blind"
    done = place("run", "--tasks", tasks, "--methods", "vanilla,zero-shot", *SMALL, "-o", "board.json")
    assert done.code == 0, done.err
    assert "2 tasks on tiny-kinds, tiny-kinds-blind x 2 methods x 2 seeds = 8 cells" in done.err + done.out
    return place.board()


def test_each_task_ran_on_the_pair_that_it_names(board):
    assert [(s["task"], s["pair"]) for s in board["settings"]] == [
        ("kinds", "tiny-kinds"),
        ("kinds[teacher=blind]", "tiny-kinds-blind"),
    ]
    assert [task["pairs"] for task in board["plan"]["tasks"]] == [["tiny-kinds"], ["tiny-kinds-blind"]]
    assert {(row["task"], row["pair"]) for row in board["rows"]} == {
        (s["task"], s["pair"]) for s in board["settings"]
    }


def test_a_noisy_teachers_errors_are_undone_and_a_blind_ones_copied(board):
    transfer = {(row["task"], row["method"]): row["transfer"]["mean"] for row in board["rows"]}
    noisy, blind = board["settings"]
    assert min(s["ceiling"]["mean"] for s in (noisy, blind)) > 0.93
    assert transfer["kinds", "vanilla"] - noisy["weak"]["mean"] > 0.05
    assert abs(transfer["kinds[teacher=blind]", "vanilla"] - blind["weak"]["mean"]) < 0.05
    assert all(abs(transfer[task, "zero-shot"] - 0.5) < 0.08 for task in ("kinds", "kinds[teacher=blind]"))


def test_a_pair_that_is_named_is_that_of_every_task_and_need_not_fit(tmp_path):
    place = Place(tmp_path)
    done = place(
        "run", "--tasks", "kinds", "--pairs", "tiny", "--methods", "vanilla", *SMALL, "-o", "board.json"
    )
    assert done.code == 0, done.err
    (setting,) = place.board()["settings"]
    assert setting["pair"] == "tiny" and setting["ceiling"]["mean"] < 0.65


def test_list_shows_the_pair(tmp_path):
    place = Place(tmp_path)
    (line,) = [line for line in place("list", "tasks").out.splitlines() if line.split()[0] == "kinds"]
    assert line.endswith("(on tiny-kinds)")
    listed = json.loads(place("list", "tasks", "--json").out)
    assert {task["name"]: task["pair"] for task in listed} == {
        "kinds": "tiny-kinds", "math": "", "code": "", "chat": "", "chat-judged": "", "cities": "",
    }  # fmt: skip
