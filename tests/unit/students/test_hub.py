"""A hub id is its commit before anything is read: by the hub's answer, or by what the cache last saw."""

from __future__ import annotations

import time

import pytest

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.types import Model
from w2s_harness.students.checkpoints import hub
from w2s_harness.students.checkpoints.places import is_hub_id, locate

A, B = "a" * 40, "b" * 40
MODEL = Model(source="me/student")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    for name in ("HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    repo = tmp_path / "hub" / "models--me--student"
    for commit in (A, B):
        (repo / "snapshots" / commit).mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(A)
    return repo


def test_offline_a_name_means_what_the_cache_last_saw(cache, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert hub.resolve(MODEL) == hub.HubCommit(A, is_from_cache=True)
    (cache / "refs" / "main").write_text(B)
    assert hub.resolve(MODEL).commit == B
    assert hub.fetch(MODEL, B) == cache / "snapshots" / B
    with pytest.raises(ModelError, match="offline") as bad:
        hub.resolve(Model(source="me/student", revision="v2"))
    assert "\n" not in str(bad.value)


def test_a_commit_needs_no_answer(cache, monkeypatch):
    monkeypatch.setattr(hub, "_asked", lambda *_: pytest.fail("the hub was asked"))
    assert hub.resolve(Model(source="me/student", revision=B)).commit == B


def test_the_hubs_answer_counts_where_there_is_one(cache, monkeypatch):
    monkeypatch.setattr(hub, "_asked", lambda *_: B)
    assert hub.resolve(MODEL) == hub.HubCommit(B, is_from_cache=False)


def test_a_hub_that_hangs_is_waited_for_only_so_long(cache, monkeypatch):
    import huggingface_hub

    class Hanging:
        def model_info(self, *_: object, **__: object) -> None:
            time.sleep(30)

    monkeypatch.setattr(huggingface_hub, "HfApi", Hanging)
    monkeypatch.setattr(hub, "PATIENCE_S", 0.1)
    began = time.monotonic()
    assert hub.resolve(MODEL) == hub.HubCommit(A, is_from_cache=True)
    (cache / "refs" / "main").unlink()
    with pytest.raises(ModelError, match="cannot be reached") as bad:
        hub.resolve(MODEL)
    assert time.monotonic() - began < 5 and "me/student" in str(bad.value)


def test_a_model_that_the_hub_has_not_is_said(cache, monkeypatch):
    class RepositoryNotFoundError(OSError):
        pass

    def ask(*_: object) -> str:
        raise RepositoryNotFoundError("404")

    monkeypatch.setattr(hub, "_asked", ask)
    with pytest.raises(ModelError, match="no such model"):
        hub.resolve(MODEL)


def test_only_a_commit_is_located(cache):
    assert locate(MODEL) is None
    assert locate(Model(source="me/student", revision="main")) is None
    assert locate(Model(source="me/student", revision=A)) == cache / "snapshots" / A
    assert not any(map(is_hub_id, ("./me/student", "/me/student", "me/x.gguf", "student", "a/b/c")))
