"""A task whose gold is votes, through the real command line."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path

import numpy as np
import pytest
from commands import Place

NAMES = ["ann", "bo", "cy"]


@pytest.fixture(scope="module")
def judged(tmp_path_factory, words) -> Path:
    """The task `words` with three voters who are wrong one time in ten, and a YAML that names it."""
    folder = tmp_path_factory.mktemp("judged")
    draw = random.Random(0)
    for split in ("train_label", "train_unlabel", "test"):
        lines = []
        for line in (words / f"{split}.jsonl").read_text().splitlines():
            row = json.loads(line)
            label = row.pop("label")
            votes = [int(label != (draw.random() < 0.1)) for _ in NAMES]
            votes[draw.randrange(3)] = None if draw.random() < 0.2 else votes[0]
            lines.append(json.dumps(row | {"votes": votes}))
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "task.yaml").write_text("name: opinions\nkind: judged\nfolder: .\nvoters: [ann, bo, cy]\n")
    return folder / "task.yaml"


@pytest.fixture(scope="module")
def ran(tmp_path_factory, models, judged):
    weak, strong = map(str, models)
    flags = ("--tasks", str(judged), "--weak", weak, "--strong", strong, "--seeds", "3", "-n", "2")
    place = Place(tmp_path_factory.mktemp("ran"), flags, {"W2S_CONTROLS": "true"})
    done = place("run", "--methods", "vanilla,zero-shot", "-o", "board.json")
    assert done.code == 0, done.err
    return place, done


def test_accuracies_are_agreement_with_voters(ran, judged):
    place, _ = ran
    board = place.board()
    (setting,) = board["settings"]
    rows = [json.loads(line) for line in (judged.parent / "test.jsonl").read_text().splitlines()]
    cast = [[v for v in row["votes"] if v is not None] for row in rows]
    largest = [max(v.count(1), v.count(0)) / len(v) for v in cast]
    told = setting["judged"]
    assert told["largest"] == pytest.approx(largest)
    assert told["noise_ceiling"] == pytest.approx(np.mean(largest))
    assert told["votes"] == sum(map(len, cast)) and told["voters"] == 3
    assert 0 < told["alpha"] < told["agreement"] < told["noise_ceiling"]
    assert setting["ceiling"]["mean"] <= told["noise_ceiling"]
    assert told["weak_ci"][0] < setting["weak"]["mean"] < told["weak_ci"][1]
    for line in (
        *setting["weak"]["per_seed"],
        *(s for r in board["rows"] for s in r["transfer"]["per_seed"]),
    ):
        bits = np.unpackbits(np.frombuffer(base64.b64decode(line["outcomes"]), np.uint8))[: len(rows)]
        assert "ties" not in line
        scores = np.where(bits == 1, largest, 1 - np.array(largest))
        assert line["accuracy"] == pytest.approx(scores.mean())
    for row in board["rows"]:
        low, high = row["judged"]["accuracy_ci"]
        assert low < row["transfer"]["mean"] < high


def test_no_vote_reaches_the_leaderboard(ran):
    place, _ = ran
    assert '"ann"' not in json.dumps(place.board())


def test_the_reports_tell_of_the_voters_and_the_numbers_hold(ran):
    place, done = ran
    for form in ("text", "md"):
        shown = place("report", "--format", form)
        assert "agreement with a voter drawn at random" in shown.out and "noise ceiling ." in shown.out
        assert "of 3 voters" in shown.out and "alpha ." in shown.out
    assert "noise ceiling" in done.out
    verified = place("verify", "board.json")
    assert verified.code == 0, verified.err
    again = place("report", "--against", "zero-shot", "--format", "json")
    assert again.code == 0, again.err
    versus = [c for row in json.loads(again.out)["rows"] for c in row["versus"]]
    assert [c["against"] for c in versus] == ["zero-shot"]
    vanilla, zero = (
        next(r["transfer"]["mean"] for r in json.loads(again.out)["rows"] if r["method"] == name)
        for name in ("vanilla", "zero-shot")
    )
    assert versus[0]["difference"] == pytest.approx(vanilla - zero)


def test_the_same_command_finds_everything_in_the_store(ran):
    place, _ = ran
    before = place.board()
    again = place("run", "--methods", "vanilla,zero-shot")
    assert again.code == 0, again.err
    assert again.seconds < 60
    assert place.board()["rows"] == before["rows"]


def test_bad_votes_are_one_line_with_the_mend(judged, tmp_path, flags):
    lines = (judged.parent / "test.jsonl").read_text().splitlines()
    for split in ("train_label", "train_unlabel"):
        (tmp_path / f"{split}.jsonl").write_text((judged.parent / f"{split}.jsonl").read_text())
    (tmp_path / "task.yaml").write_text(judged.read_text())
    row = json.loads(lines[6])
    (tmp_path / "test.jsonl").write_text(
        "\n".join([*lines[:6], json.dumps(row | {"votes": [2, 1, 0]})]) + "\n"
    )
    done = Place(tmp_path)("run", "--tasks", "task.yaml", "--methods", "vanilla", "--plan")
    assert done.code == 4
    assert done.err.strip() == (
        "error: test.jsonl:7: vote 1 of column 'votes' is 2. Write 0 or 1, or null for a named voter who did "
        "not vote."
    )


def test_agents_get_no_feedback_on_votes(judged, tmp_path):
    done = Place(tmp_path)(
        "agent", "run", "--agents", "1", "--tasks", str(judged), "--held-out-tasks", "math", "--seeds", "2",
        "--limit", "60", "--dir", "agents",
    )  # fmt: skip
    assert done.code == 4
    assert "is judged: agents get feedback on tasks with labels only" in done.err


def test_the_shipped_task_is_offered_and_none_of_the_defaults(tmp_path):
    place = Place(tmp_path)
    assert "chat-judged" in place("list", "tasks").out
    plan = place("run", "--methods", "vanilla", "--plan")
    assert plan.code == 0 and "chat-judged" not in plan.out
