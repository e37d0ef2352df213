"""`export-rows`, and its ids back as predictions, on the real command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from commands import GOOD, Done, Place


def _export(place: Place, *arguments: str) -> Done:
    shared = [*place.flags[: place.flags.index("-n")], "-n", "1"]
    return place("export-rows", *shared, *arguments)


def _lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _rows(place: Place) -> Path:
    (path,) = (place.folder / "rows").glob("*/*/holdout.jsonl")
    return path.parent


def _write(place: Place, rows: list[dict], name: str = "oracle.jsonl") -> None:
    (place.folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def exported(_warm: Path, tmp_path_factory: pytest.TempPathFactory, flags: tuple[str, ...]) -> Place:
    """A warm store with the exported rows beside it, shared by the tests of this file."""
    folder = tmp_path_factory.mktemp("exported")
    shutil.copytree(_warm, folder, dirs_exist_ok=True)
    place = Place(folder, flags)
    done = _export(place, "--out", "rows")
    assert done.code == 0, done.err
    return place


def test_what_is_exported_holds_no_label(exported: Place, words: Path) -> None:
    folder = _rows(exported)
    holdout, train = _lines(folder / "holdout.jsonl"), _lines(folder / "train_unlabel.jsonl")
    source = [json.loads(line) for line in (words / "test.jsonl").read_text().splitlines()]
    assert {(r["prompt"], r["candidate"]) for r in holdout} == {(r["question"], r["choice"]) for r in source}
    assert {key for row in holdout for key in row} == {"id", "prompt", "candidate"}
    assert {key for row in train for key in row} <= {"id", "prompt", "candidate", "weak"}
    assert [r["id"] for r in holdout] == sorted(r["id"] for r in holdout)
    assert [r["candidate"] for r in holdout] != [r["choice"] for r in source], "not in file order"
    weak = [row["weak"] for row in train if "weak" in row]
    assert {seed for one in weak for seed in one} == {"0", "1"}
    assert all(0 <= p <= 1 for one in weak for p in one.values())
    counts = [sum(seed in one for one in weak) for seed in ("0", "1")]
    assert counts == [160, 160], "each seed draws 80 % of 200"
    about = json.loads((folder / "setting.json").read_text())
    assert (about["holdout"], about["train_unlabel"], about["seeds"]) == (150, 200, [0, 1])


def test_predictions_are_scored_and_stand_apart(exported: Place) -> None:
    holdout = _lines(_rows(exported) / "holdout.jsonl")
    truth = [float(row["candidate"] in GOOD) for row in holdout]
    _write(exported, [{"id": r["id"], "p": t} for r, t in zip(holdout, truth, strict=True)])
    by_seed = [
        {"id": r["id"], "p": t if seed else 1 - t, "seed": seed}
        for r, t in zip(holdout, truth, strict=True)
        for seed in (0, 1)
    ]
    _write(exported, by_seed, "seeded.jsonl")
    done = exported("run", "--methods", "vanilla,oracle.jsonl,./seeded.jsonl", "-o", "board.json")
    assert done.code == 0, done.err
    board = json.loads((exported.folder / "board.json").read_text("utf-8"))
    rows = {row["method"]: row for row in board["rows"]}
    assert rows["oracle"]["transfer"]["mean"] == 1.0
    assert [cell["accuracy"] for cell in rows["seeded"]["transfer"]["per_seed"]] == [0.0, 1.0]
    for name in ("oracle", "seeded"):
        row = rows[name]
        assert (row["isolation"], row["track"], row["rank"]) == ("predictions-only", "unknown", None)
        assert row["unverified"] == "its predictions were computed elsewhere"
        assert (row["verdicts"], row["flops_over_vanilla"]) == ([], None)
    assert rows["vanilla"]["rank"] == [1, 1]
    assert not any(claim["significant"] for claim in board["claims"])
    assert "Predictions-only" in done.out
    again = exported("run", "--methods", "vanilla,oracle.jsonl,./seeded.jsonl")
    assert again.code == 0
    assert exported("report").out.partition("leaderboard")[0] == done.out.partition("leaderboard")[0]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda rows: [*rows, {"id": "feed", "p": 0.5}], "preds.jsonl:151: no holdout row of the plan"),
        (lambda rows: rows[1:], "preds.jsonl: 1 of the 150 holdout rows of words have no prediction"),
        (lambda rows: [*rows, rows[0]], "preds.jsonl:151: the row"),
        (lambda rows: [rows[0] | {"p": 1.5}, *rows[1:]], "preds.jsonl:1: "),
        (lambda rows: [rows[0] | {"p": float("nan")}, *rows[1:]], "preds.jsonl:1: NaN is not JSON"),
        (lambda rows: [row | {"seed": 7} for row in rows], "preds.jsonl:1: seed 7 is none of the plan's"),
        (lambda rows: [row | {"seed": 1} for row in rows], "preds.jsonl: no prediction for seed 0"),
    ],
)
def test_bad_predictions_are_one_line(exported: Place, spoil, said: str) -> None:
    rows = [{"id": row["id"], "p": 0.5} for row in _lines(_rows(exported) / "holdout.jsonl")]
    _write(exported, spoil(rows), "preds.jsonl")
    done = exported("run", "--methods", "vanilla,preds.jsonl", "-q")
    assert done.code == 4
    (line,) = done.err.splitlines()
    assert line.startswith(f"error: {said}")


def test_private_texts_are_asked_for(warm: Place, words: Path) -> None:
    (warm.folder / "secret.yaml").write_text(
        "name: secret\nkind: verify\nexposure: private\nfiles:\n"
        + "".join(f"  {s}: {words}/{s}.jsonl\n" for s in ("train_label", "train_unlabel", "test"))
    )
    flags = [*warm.flags[2:6], "--seeds", "2", "-n", "1"]
    done = warm("export-rows", "--tasks", "./secret.yaml", *flags, "--out", "rows")
    assert done.code == 4
    assert "give --texts" in done.err.lower()
    assert not (warm.folder / "rows").exists()
    assert warm("export-rows", "--tasks", "./secret.yaml", *flags, "--texts", "--out", "rows").code == 0


def test_a_folder_that_is_taken(warm: Place) -> None:
    (warm.folder / "rows").mkdir()
    (warm.folder / "rows" / "mine.txt").write_text("mine")
    done = _export(warm, "--out", "rows")
    assert (done.code, done.out) == (4, "")
    assert "there is something already" in done.err
