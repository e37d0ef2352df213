from __future__ import annotations

import os

import pytest

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.types import Model
from w2s_harness.run.kept.store import Store
from w2s_harness.run.work.code_digest import library_versions
from w2s_harness.run.work.setting.preparing import model_identity
from w2s_harness.run.work.work import named_seed


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store")
    yield store
    store.close()


def model(folder) -> Model:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return Model(source=str(folder))


def test_a_local_model_is_its_bytes_wherever_it_lies(store, tmp_path):
    one, two = model(tmp_path / "a" / "m"), model(tmp_path / "b" / "m")
    first = model_identity(one, store)
    assert first["sha256"] == model_identity(two, store)["sha256"]
    (tmp_path / "a" / "m" / "model.safetensors").write_bytes(b"other!!")
    assert model_identity(one, store)["sha256"] != first["sha256"]


def test_a_hub_model_is_the_bytes_of_its_commit(store, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    commit = "a" * 40
    with pytest.raises(ModelError, match="not in the hub's cache"):
        model_identity(Model(source="org/name", revision=commit), store)
    local = model(tmp_path / "local" / "m")
    model(tmp_path / "hub" / "models--org--name" / "snapshots" / commit)
    found = model_identity(Model(source="org/name", revision=commit), store)
    assert found["source"] == "org/name" and found["commit"] == commit
    assert found["sha256"] == model_identity(local, store)["sha256"]


def test_a_digest_is_of_the_bytes_even_where_size_and_time_are_those_of_others(store, tmp_path):
    one = model(tmp_path / "m")
    first, file = model_identity(one, store)["sha256"], tmp_path / "m" / "model.safetensors"
    times = file.stat()
    file.write_bytes(b"wEights")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert model_identity(one, store)["sha256"] != first


def test_what_lies_beside_the_weights_and_is_never_read_is_no_part_of_the_model(store, tmp_path):
    one = model(tmp_path / "m")
    first = model_identity(one, store)["sha256"]
    (tmp_path / "m" / "README.md").write_text("notes")
    (tmp_path / "m" / "checkpoint-500").mkdir()
    (tmp_path / "m" / "checkpoint-500" / "model.safetensors").write_bytes(b"others")
    assert model_identity(one, store)["sha256"] == first
    (tmp_path / "m" / "tokenizer.json").write_text("{}")
    assert model_identity(one, store)["sha256"] != first


def test_a_path_that_is_no_model(store, tmp_path):
    with pytest.raises(ModelError, match="is no model"):
        model_identity(Model(source=str(tmp_path / "gone")), store)


def test_the_libraries_that_compute_are_named():
    assert {"torch", "transformers", "numpy", "scipy"} <= {k for k, v in library_versions().items() if v}


def test_named_seeds_are_fixed_and_differ_by_name():
    assert named_seed("a", 1) == named_seed("a", 1) == named_seed(*["a", 1])
    assert len({named_seed("a", 1), named_seed("a", "1"), named_seed("a1"), named_seed(1, "a")}) == 4
    assert all(0 <= named_seed(i) < 2**63 for i in range(100))
