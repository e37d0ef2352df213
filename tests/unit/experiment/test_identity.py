from __future__ import annotations

import pytest

from w2s_harness.errors import ModelError
from w2s_harness.experiment.identity import code_version, library_versions, model_identity
from w2s_harness.experiment.keys import named_seed
from w2s_harness.experiment.store import Store
from w2s_harness.types import Model


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


def test_a_hub_model_is_its_id_and_revision(store):
    assert model_identity(Model(source="org/name", revision="abc"), store) == {
        "source": "org/name", "revision": "abc", "sha256": None
    }  # fmt: skip


def test_a_path_that_is_no_model(store, tmp_path):
    with pytest.raises(ModelError, match="is no model"):
        model_identity(Model(source=str(tmp_path / "gone")), store)


def test_code_versions_differ_by_stage_and_are_stable():
    stages = ("all", "data", "features", "fit", "cell")
    found = [code_version(stage) for stage in stages]
    assert len(set(found)) == len(stages) and found == [code_version(stage) for stage in stages]


def test_the_libraries_that_compute_are_named():
    assert {"torch", "transformers", "numpy", "scipy"} <= {k for k, v in library_versions().items() if v}


def test_named_seeds_are_fixed_and_differ_by_name():
    assert named_seed("a", 1) == named_seed("a", 1) == named_seed(*["a", 1])
    assert len({named_seed("a", 1), named_seed("a", "1"), named_seed("a1"), named_seed(1, "a")}) == 4
    assert all(0 <= named_seed(i) < 2**63 for i in range(100))
