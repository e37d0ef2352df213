"""Attempts on one holdout are counted, corrected for, and frozen into the plan."""

from __future__ import annotations

import json
import signal
import time

import pytest
from commands import MINE, Place, numbers

METHODS = "vanilla,./mine.py::shrunk"


def rows(board: dict) -> dict[str, dict]:
    return {row["method"]: row for row in board["rows"]}


@pytest.fixture
def tried(place: Place) -> tuple[Place, list[dict]]:
    """A folder in which three files that differ in one constant were run one after another."""
    boards = []
    for constant in ("0.5", "0.4", "0.3"):
        (place.folder / "mine.py").write_text(MINE.replace("by: float = 0.5", f"by: float = {constant}"))
        done = place("run", "--methods", METHODS)
        assert done.code == 0, done.err
        boards.append(place.board())
    assert "attempts >= 3" in done.out
    return place, boards


def test_three_files_that_differ_in_a_constant_are_three_attempts(tried):
    place, boards = tried
    assert [rows(b)["shrunk"]["attempts"] for b in boards] == [1, 2, 3]
    first = rows(boards[0])["shrunk"]
    assert (first["author"]["who"], first["author"]["hours"], first["cost"]["usd"]) == ("Ada", 2, 40)
    assert [rows(b)["vanilla"]["attempts"] for b in boards] == [1, 1, 1]
    frozen = boards[2]["plan"]["attempts"]
    sources = [rows(b)["shrunk"]["source"]["sha256"] for b in boards]
    assert sorted(a["sha256"] for a in frozen) == sorted(sources[:2])
    ps = {rows(b)["shrunk"]["source"]["sha256"]: rows(b)["shrunk"]["claim"]["p"] for b in boards}
    assert all(a["p"] == ps[a["sha256"]] for a in frozen)
    versus = rows(boards[2])["shrunk"]["claim"]
    steps, highest = sorted(ps.values()), 0.0
    for i, p in enumerate(steps[: steps.index(versus["p"]) + 1]):
        highest = max(highest, min(1.0, (3 - i) * p))
    assert versus["p_holm"] == pytest.approx(highest)

    again = place("run", "--methods", METHODS)
    assert again.code == 0 and numbers(place.board()) == numbers(boards[2])


def test_an_interrupted_attempt_counts_and_a_continued_run_keeps_its_list(place):
    slow = MINE.replace(
        "return student.fit(problem.rows, 0.5",
        "__import__('time').sleep(2)\n        return student.fit(problem.rows, 0.5",
    )
    (place.folder / "mine.py").write_text(slow)
    log = place.folder / ".w2s" / "attempts.jsonl"
    process = place.start("run", "--methods", METHODS, "--seeds", "8", "-n", "1")
    end = time.monotonic() + 120
    while not log.exists():
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 2
    (line,) = map(json.loads, log.read_text().splitlines())
    assert line["method"] == "shrunk" and line["p"] is None

    (place.folder / "mine.py").write_text(MINE)
    done = place("run", "--methods", METHODS, "--seeds", "8", "-n", "1")
    assert done.code == 0, done.err
    board = place.board()
    assert rows(board)["shrunk"]["attempts"] == 2
    assert [a["sha256"] for a in board["plan"]["attempts"]] == [line["sha256"]]
