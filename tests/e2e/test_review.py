"""A method's dossier and its sign-off, through the real command line."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from commands import Place

DROPS = '''"""Keeps the sure half and turns one label round."""

from dataclasses import dataclass

import numpy as np

from w2s_harness import Method, hookimpl


@dataclass(frozen=True)
class Drops(Method):
    """Drops the rows of which the teacher is least sure."""

    name = "drops"
    keep: float = 0.5

    def fit(self, problem, student, rng):
        """Fit on what is kept."""
        order = np.argsort(-np.abs(problem.weak - 0.5), kind="stable")
        kept = order[: int(len(order) * self.keep)]
        return student.fit(problem.rows[kept], problem.weak[kept])


@hookimpl
def w2s_methods():
    return [Drops]
'''


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory, models, words):
    """A place with a dossier of `./drops.py:keep=.25`, and what the command said."""
    folder = tmp_path_factory.mktemp("reviewed")
    (folder / "drops.py").write_text(DROPS)
    weak, strong = map(str, models)
    flags = ("--tasks", str(words), "--weak", weak, "--strong", strong, "--seeds", "2", "-n", "2")
    place = Place(folder, flags)
    done = place("review", *flags, "--counterfactuals", "one", "./drops.py:keep=.25")
    assert done.code == 0, done.err
    return place, done


def dossier(place: Place) -> Path:
    (folder,) = (place.folder / ".w2s" / "reviews").iterdir()
    return folder


def test_the_dossier_says_what_the_method_did(reviewed):
    place, done = reviewed
    folder, digest = dossier(place), hashlib.sha256(DROPS.encode()).hexdigest()
    assert folder.name == f"drops-{digest[:8]}"
    assert f"dossier  {folder.relative_to(place.folder)}" in done.out
    assert [line.partition(".")[0] for line in done.out.splitlines()[:5]] == list("12345")
    text = (folder / "dossier.md").read_text()
    assert digest in text
    assert "| dropped | 75 % |" in text
    assert "| relabelled (other side of 1/2), of the kept | 0 % |" in text
    assert "| keep | 0.25 | 0.5 |" in text
    for name in ("its teacher", "zero-shot", "vanilla"):
        assert f"\n| {name} | " in text, "whom it agrees with"
    assert "| flipped | turned round |" in text
    assert "kept = order[: int(len(order) * self.keep)]" in text, "its code, as it is"
    assert "| teacher-dependence |" in text
    page = (folder / "dossier.html").read_text()
    assert page.count("<h2>") == text.count("\n## ") and "<script" not in page


def test_a_sign_off_is_for_the_source_alone(reviewed):
    place, _ = reviewed
    (place.folder / "other.py").write_text(DROPS.replace('"drops"', '"unsigned"'))
    done = place("review", "./drops.py", "--accept", "--by", "Ann", "--reason", "drops what it says")
    assert done.code == 0, done.err
    assert done.out.startswith("accepted  drops  ")
    (line,) = (place.folder / "w2s-reviews.jsonl").read_text().splitlines()
    assert json.loads(line)["by"] == "Ann"

    ran = place("run", "--methods", "vanilla,./drops.py,./other.py")
    assert ran.code == 0, ran.err
    assert "drops: accepted by Ann: drops what it says" in ran.out
    rows = {row["method"]: row for row in place.board()["rows"]}
    assert rows["drops"]["review"]["decision"] == "accept"
    assert "review" not in rows["unsigned"] and "review" not in rows["vanilla"]

    board = max((place.folder / ".w2s" / "runs").iterdir()) / "leaderboard.json"

    kept = place("report", "--reviewed-only")
    assert kept.code == 0 and "left out: 1 row whose" in kept.err
    assert "unsigned" not in kept.out and "drops" in kept.out and "vanilla" in kept.out

    alone = place("run", "--methods", "vanilla,./drops.py,./other.py", "--reviewed-only")
    assert alone.code == 0 and "left out: unsigned" in alone.err
    assert {row["method"] for row in place.board()["rows"]} == {"vanilla", "drops"}
    none = place("run", "--methods", "./other.py", "--reviewed-only")
    assert none.code == 5 and "nobody accepted" in none.err

    (place.folder / "drops.py").write_text(DROPS + "# changed\n")
    after = place("run", "--methods", "vanilla,./drops.py", "--reviewed-only")
    assert after.code == 0 and "left out: drops" in after.err
    back = place("review", "./drops.py", "--reject", "--by", "Bo", "--reason", "why change it?")
    assert back.code == 0 and back.out.startswith("rejected  drops")
    (place.folder / "drops.py").write_text(DROPS)
    assert "accepted by Ann" in place("report", str(board)).out, "the reviewed source is still accepted"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("vanilla,confident",), "name one method"),
        (("conf*",), "name one method"),
        (("confidant",), "did you mean 'confident'"),
        (("preds.jsonl",), "no code to review"),
        (("confident", "--accept", "--reject", "--by", "A", "--reason", "b"), "exclude one another"),
        (("confident", "--accept", "--by", "A"), "--reason is missing"),
        (("confident", "--accept", "--by", " ", "--reason", "b"), "--by is missing or empty"),
        (("confident", "--by", "A"), "--by goes with --accept or --reject"),
    ],
)
def test_bad_input_is_one_line(place: Place, arguments, says):
    done = place("review", *arguments)
    assert done.code == 4, done.err
    assert says in done.err and len(done.err.splitlines()) == 1
    assert not (place.folder / "w2s-reviews.jsonl").exists()


def test_a_broken_sign_off_is_named_before_anything_runs(place: Place):
    (place.folder / "w2s-reviews.jsonl").write_text("{}\n")
    done = place("run", "--methods", "vanilla")
    assert done.code == 4 and "w2s-reviews.jsonl:1" in done.err
    assert not (place.folder / ".w2s" / "runs").exists() or not any(
        (place.folder / ".w2s" / "runs").iterdir()
    )


def test_a_method_that_fails_gets_a_dossier_that_says_so(place: Place, words, models):
    (place.folder / "drops.py").write_text(
        DROPS.replace("kept = order[", "raise RuntimeError('oh')\n        kept = order[")
    )
    weak, strong = map(str, models)
    flags = ("--tasks", str(words), "--weak", weak, "--strong", strong, "--seeds", "2")
    done = place("review", *flags, "./drops.py")
    assert done.code == 1, done.err
    text = (dossier(place) / "dossier.md").read_text()
    assert "RuntimeError: oh" in text and "can it be judged at all" in text
