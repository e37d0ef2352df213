"""`w2s-harness redteam` as it is typed."""

from __future__ import annotations

import json

import pytest
from commands import Place

HONEST = {"vanilla", "vanilla-hard", "confident", "logconf", "self-training", "zero-shot"}
SOME = "*/labels-open or */returns-a-number or */honeypot-train"


@pytest.fixture
def here(tmp_path) -> Place:
    return Place(tmp_path)


def outcomes(text: str) -> dict[str, str]:
    return {a["name"]: a["outcome"] for a in json.loads(text)["attacks"]}


def test_some_attacks_with_guards(here):
    posing = f"{SOME} or */constant-weight"
    done = here("redteam", "-k", posing, "--limit", "80", "--seeds", "2", "--json")
    assert done.code == 0, done.err
    assert outcomes(done.out) == {
        "constant-weight": "prevented",
        "labels-open": "prevented",
        "returns-a-number": "prevented",
        "honeypot-train": "detected",
    }
    found = json.loads(done.out)
    assert set(found) == {"attacks", "honest"}
    assert all(set(a) == {"name", "family", "outcome", "by"} for a in found["attacks"])
    assert {h["method"] for h in found["honest"]} == HONEST
    assert {(h["task"], h["outcome"], h["by"]) for h in found["honest"]} == {("math", "clean", "")}


def test_without_guards_what_works_succeeds(here):
    flags = ("--guards", "none", "--limit", "80", "--seeds", "2", "--store", "kept")
    done = here("redteam", "-k", SOME, *flags)
    assert done.code == 1, done.err
    assert "3 attacks: 2 prevented, 0 detected, 1 succeeded" in done.out
    assert (here.folder / "kept" / "runs").is_dir() and not (here.folder / ".w2s").exists()


def test_the_suite_is_listed_without_running(here):
    done = here("redteam", "--list", "--json", "-k", "honeypot")
    assert done.code == 0 and "honeypot-train" in json.loads(done.out)
    assert here("redteam", "-k", "nothing-like-it").code == 5
    assert here("redteam", "-k", "labels-open", "--guards", "nosuch").code == 4


@pytest.mark.heavy
def test_the_whole_suite(here):
    done = here("redteam", "--json", timeout=1800)
    found = json.loads(done.out)
    assert [a for a in found["attacks"] if a["outcome"] == "succeeded"] == []
    assert [h for h in found["honest"] if h["outcome"] != "clean"] == []
    assert len(found["attacks"]) >= 320 and done.code == 0
