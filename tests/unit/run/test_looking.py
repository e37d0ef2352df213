"""Models are looked at once, under the digest of their files, and their service goes on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import ClassVar

import pytest

from w2s_harness.contract.errors import ModelError, WorkerError
from w2s_harness.contract.types import Model, Pair
from w2s_harness.run.work.setting import preparing
from w2s_harness.run.work.setting.preparing import Looks
from w2s_harness.students import control

A, B = "a" * 40, "b" * 40


class Client:
    """Stands for a service: counts what it was asked."""

    asked: ClassVar[list[Model]] = []

    def __init__(self, role: str, threads: int) -> None:
        assert role == "baseline"
        self.closed = False

    def look(self, model: Model) -> control.Looked:
        self.asked.append(model)
        if model.source.endswith("bad"):
            raise WorkerError("the student service ended by signal 9")
        return control.Looked(64, "mean", "cpu", ("a note",), control.Shape(10, 3, 4, predicts=False))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setattr(Client, "asked", [])
    monkeypatch.setattr(preparing, "ServiceClient", Client)
    monkeypatch.setattr(preparing.folder, "check", lambda *_: None)
    return Client


def test_what_loading_showed_is_kept_under_the_bytes(store, model, client):
    said: list[str] = []
    pair = Pair(name="p", weak=model("weak", b"w"), strong=model("strong", b"s"))
    looks = Looks(store, said.append)
    seen = looks.at(pair).models["strong"]["seen"]
    assert seen == {
        "context": 64, "readout": "mean", "device": "cpu", "chat": None, "notes": ["a note"],
        "predicts": False,
    }  # fmt: skip
    assert len(client.asked) == 2 and sum("a note" in line for line in said) == 2
    assert Looks(store, loads=False).at(pair).models["weak"]["seen"] is not None
    Looks(store).at(pair)
    assert len(client.asked) == 2
    model("strong", b"other weights")
    Looks(store).at(pair)
    assert len(client.asked) == 3
    assert Looks(store, loads=False).at(Pair(name="q", weak=pair.weak, strong=model("new", b"n"))).models[
        "strong"
    ]["seen"] is None  # fmt: skip


def test_the_service_is_handed_over_once_and_else_ended(store, model, client):
    pair = Pair(name="p", weak=model("weak", b"w"), strong=model("strong", b"s"))
    with Looks(store) as looks:
        looks.at(pair)
        taken = looks.hand_over()
        assert taken is not None and looks.hand_over() is None
    assert not taken.closed
    with Looks(store) as looks:
        looks.at(Pair(name="q", weak=pair.weak, strong=model("other", b"o")))
        mine = looks._client
    assert mine.closed


def test_a_service_that_dies_names_the_model(store, model, client):
    with pytest.raises(ModelError, match="bad' cannot be loaded: the student service ended by signal 9"):
        Looks(store).at(Pair(name="p", weak=model("bad", b"w"), strong=model("strong", b"s")))


def test_a_hub_id_is_its_commit_in_the_pair_and_its_own_name_in_the_record(
    store, tmp_path, monkeypatch, client
):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    repo = tmp_path / "hub" / "models--me--student"
    for commit, weights in ((A, b"one"), (B, b"two")):
        place = repo / "snapshots" / commit
        place.mkdir(parents=True)
        (place / "config.json").write_text("{}")
        (place / "model.safetensors").write_bytes(weights)
    (repo / "refs").mkdir()
    digests = []
    for commit in (A, B):
        (repo / "refs" / "main").write_text(commit)
        said: list[str] = []
        student = Model(source="me/student")
        seen = Looks(store, said.append).at(Pair(name="p", weak=student, strong=student))
        assert seen.pair.strong.revision == commit and any(commit in line for line in said)
        record = SimpleNamespace(**seen.models["strong"])
        assert (record.source, record.revision, record.commit) == ("me/student", None, commit)
        digests.append(record.sha256)
    assert digests[0] != digests[1]
